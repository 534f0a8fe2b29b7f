"""What DatabaseCheck registers with Pulumi."""

from __future__ import annotations

import base64
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks

from components.connectivity.inputs import DatabaseCheckInputs
from components.connectivity.provider import DatabaseCheck

URL = "postgresql://app:hunter2@127.0.0.1:1/app"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""How the protocol marks a secret."""


class Cloud(Mocks):
    """Answers every registration with its inputs."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """The resource as made."""
        return f"{args.name}-id", {**args.inputs, "ok": True}

    def call(self, args: Any) -> Any:
        """No function is called."""
        raise NotImplementedError


class Recorder(MockMonitor):
    """Keeps the raw requests."""

    def __init__(self) -> None:
        super().__init__(Cloud())
        self.requests: dict[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """Keep the request, then answer as ever."""
        self.requests[request.type] = json_format.MessageToDict(request)
        return super().RegisterResource(request)  # type: ignore[no-untyped-call] # the SDK's mocks are untyped


def test_database_check_registers_its_inputs_with_the_url_as_a_secret() -> None:
    """The type token and the provider's class path are contracts with recorded state; the URL is a secret input."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(Cloud(), project="infra", stack="dev", preview=False, monitor=recorder)
    passed: list[bool] = []

    def program() -> pulumi.Output[None]:
        inputs = DatabaseCheckInputs(url=URL, branch="dev", server_major=18, trigger="first")
        check = DatabaseCheck("database", inputs)
        return check.ok.apply(passed.append)

    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call] # the SDK's test helpers are untyped
    inputs = recorder.requests["pulumi-python:dynamic/connectivity:DatabaseCheck"]["object"]
    provider = base64.b64decode(inputs.pop("__provider"))
    assert passed == [True]
    assert b"components.connectivity.provider" in provider
    assert b"DatabaseCheckProvider" in provider
    assert inputs.pop("url") == {"4dabf18193072939515e22adb298388d": SECRET, "value": URL}
    assert inputs == {"branch": "dev", "mode": "enforce", "budgetSeconds": 60, "serverMajor": 18, "trigger": "first"}
