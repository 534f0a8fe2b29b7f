"""What worker.Secrets registers with Pulumi."""

from __future__ import annotations

import base64
from typing import Any

import pulumi
import pytest
from google.protobuf import json_format
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks

from components.errors import ConfigurationError
from components.resource import later
from components.worker.secrets import Secrets, SecretsInputs
from tests.components.worker.workers_world import ACCOUNT, SCRIPT

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""How the protocol marks a secret."""


class Cloud(Mocks):
    """Answers every registration with its inputs."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """The resource as made."""
        return f"{args.name}-id", {**args.inputs, "secretNames": ["DATABASE_URL"]}

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


@pytest.mark.parametrize("wrapped", [False, True])
def test_secrets_register_their_values_as_a_secret(wrapped: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Type token and class path are contracts with recorded state; the values are secret, however they are given."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(Cloud(), project="infra", stack="staging", preview=False, monitor=recorder)
    named: list[list[str]] = []

    def program() -> pulumi.Output[None]:
        url = later(pulumi.Output.from_input("postgresql://hunter2")) if wrapped else "postgresql://hunter2"
        found = Secrets("secrets", SecretsInputs(account=ACCOUNT, script=SCRIPT, values={"DATABASE_URL": url}))
        return found.secret_names.apply(named.append)

    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call] # the SDK's test helpers are untyped
    inputs = recorder.requests["pulumi-python:dynamic/worker:Secrets"]["object"]
    provider = base64.b64decode(inputs.pop("__provider"))
    assert named == [["DATABASE_URL"]]
    assert b"components.worker.secrets" in provider
    assert b"SecretsProvider" in provider
    assert inputs.pop("values") == {SIGNATURE: SECRET, "value": {"DATABASE_URL": "postgresql://hunter2"}}
    assert inputs == {"account": ACCOUNT, "script": SCRIPT}


def test_bad_names_are_refused_before_their_values_are_known() -> None:
    """A value that another resource makes hides no bad name from a preview."""
    with pytest.raises(ConfigurationError, match="'DATABASE-URL' cannot be a secret's name"):
        Secrets("secrets", SecretsInputs(account=ACCOUNT, script=SCRIPT, values={"DATABASE-URL": "hunter2"}))
