"""What DevVars registers with Pulumi."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pulumi
import pytest
from google.protobuf import json_format
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks

from components.local.files import portable
from components.local.provider import DevVars, DevVarsInputs

URL = "postgresql://app:hunter2@127.0.0.1:1/app"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""How the protocol marks a secret."""


class Cloud(Mocks):
    """Answers every registration with its inputs."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """The resource as made."""
        return f"{args.name}-id", {**args.inputs, "created": True}

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


def test_dev_vars_registers_its_values_as_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Type token and class path are contracts; values are secret inputs, their fingerprints secret outputs."""
    monkeypatch.chdir(tmp_path)
    recorder = Recorder()
    pulumi.runtime.set_mocks(Cloud(), project="infra", stack="dev", preview=False, monitor=recorder)
    made: list[bool] = []

    def program() -> pulumi.Output[None]:
        options = pulumi.ResourceOptions(additional_secret_outputs=["path"])
        inputs = DevVarsInputs(path="app/.dev.vars", values={"DATABASE_URL": URL})
        return DevVars("vars", inputs, options).created.apply(made.append)

    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call] # the SDK's test helpers are untyped
    request = recorder.requests["pulumi-python:dynamic/local:DevVars"]
    inputs = request["object"]
    provider = base64.b64decode(inputs.pop("__provider"))
    assert made == [True]
    assert b"components.local.provider" in provider
    assert b"DevVarsProvider" in provider
    values = {"4dabf18193072939515e22adb298388d": SECRET, "value": {"DATABASE_URL": URL}}
    assert inputs == {"path": "app/.dev.vars", "values": values}
    assert {"path", "values", "valuesFingerprint"} == set(request["additionalSecretOutputs"])


@pytest.mark.parametrize(
    ("path", "recorded"),
    [
        ("/clone/.dev.vars", ".dev.vars"),
        ("/clone/app/.dev.vars", "app/.dev.vars"),
        ("/elsewhere/.dev.vars", "/elsewhere/.dev.vars"),
        ("../app/.dev.vars", "../app/.dev.vars"),
        ("./app//.dev.vars", "app/.dev.vars"),
    ],
)
def test_paths_in_the_clone_are_recorded_relative_to_it(path: str, recorded: str) -> None:
    """What lies in the clone moves with it; what lies elsewhere stays there."""
    assert portable(path, Path("/clone")) == recorded
