"""What WranglerConfig registers with Pulumi."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks

from components.worker.wrangler.check import WranglerConfig, WranglerConfigInputs
from components.worker.wrangler.file import digest
from tests.components.worker.wrangler_world import sample

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Cloud(Mocks):
    """Answers every registration with its inputs."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """The resource as made."""
        return f"{args.name}-id", {**args.inputs, "workerName": "farm-staging"}

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


def _registered(path: str, **options: Any) -> tuple[dict[str, Any], list[str]]:
    recorder, told = Recorder(), list[str]()
    pulumi.runtime.set_mocks(Cloud(), project="infra", stack="staging", preview=False, monitor=recorder)

    def program() -> pulumi.Output[None]:
        inputs = WranglerConfigInputs(path=path, stack="staging", environment="staging", branch="staging", **options)
        return WranglerConfig("wrangler", inputs).worker_name.apply(told.append)

    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call] # the SDK's test helpers are untyped
    return recorder.requests["pulumi-python:dynamic/worker:WranglerConfig"]["object"], told


def test_wrangler_config_registers_its_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Type token and class path are contracts with recorded state; a path in the project is recorded relative to it."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "wrangler.jsonc"
    file.write_text(sample("right"))
    inputs, told = _registered(str(file), expected_name="farm-staging")
    provider = base64.b64decode(inputs.pop("__provider"))
    assert b"components.worker.wrangler.check" in provider
    assert b"WranglerConfigProvider" in provider
    assert told == ["farm-staging"]
    assert {key: value for key, value in inputs.items() if value is not None} == {
        "path": "wrangler.jsonc",
        "stack": "staging",
        "environment": "staging",
        "branch": "staging",
        "secrets": ["DATABASE_URL"],
        "expectedName": "farm-staging",
        "accountId": "",
        "mode": "enforce",
        "digest": digest(file),
    }


def test_switched_off_the_file_is_not_read(tmp_path: Path) -> None:
    """So a change of it is no change of the stack."""
    (tmp_path / "wrangler.jsonc").write_text(sample("right"))
    inputs, _ = _registered(str(tmp_path), mode="off")
    assert inputs["digest"] == ""
