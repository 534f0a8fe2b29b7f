"""What the small resources register with Pulumi: type token and class path are contracts with recorded state."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from google.protobuf import json_format

from components.connectivity.inputs import DatabaseCheckInputs, WorkerCheckInputs
from components.connectivity.provider import DatabaseCheck, WorkerCheck
from components.errors import ConfigurationError
from components.local.files import portable
from components.local.provider import DevVars, DevVarsInputs
from components.resource import later
from components.worker.secrets import Secrets, SecretsInputs
from components.worker.wrangler.check import WranglerConfig, WranglerConfigInputs
from components.worker.wrangler.file import digest
from tests.components.recorder import Cloud, Recorder, stand_in
from tests.components.worker.workers_world import ACCOUNT, SCRIPT
from tests.components.worker.wrangler_world import sample

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "postgresql://app:hunter2@127.0.0.1:1/app"
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""How the protocol marks a secret."""


def _registered(declare: Callable[[], pulumi.Output[Any]], token: str, made: dict[str, Any]) -> dict[str, Any]:
    """The request that a resource was registered with; its output must be what the provider made."""
    told: list[Any] = []
    recorder = Recorder(cloud := Cloud({f"pulumi-python:dynamic/{token}": made}))
    stand_in(cloud, recorder, stack="staging")
    pulumi.runtime.test(lambda: declare().apply(told.append))()  # type: ignore[no-untyped-call] # untyped in the SDK
    assert told == list(made.values())
    (found,) = (one for kind, one in recorder.requests.items() if kind.startswith("pulumi-python:dynamic/"))
    request: dict[str, Any] = json_format.MessageToDict(found)
    return request


@dataclass(frozen=True, kw_only=True)
class Case:
    """A resource, what its provider makes, and what it registers: `secret` is marked as one."""

    declare: Callable[[], pulumi.Output[Any]]
    made: dict[str, Any]
    token: str
    provider: str
    plain: dict[str, Any]
    secret: dict[str, Any]


def _database_check() -> pulumi.Output[Any]:
    return DatabaseCheck("check", DatabaseCheckInputs(url=URL, branch="dev", server_major=18, trigger="first")).ok


def _worker_check() -> pulumi.Output[Any]:
    where: Any = {"url": "https://app.example.com", "environment": "staging", "branch": "staging"}
    return WorkerCheck("check", WorkerCheckInputs(**where, database_url=URL, trigger="first")).state


def _secrets(url: Any) -> pulumi.Output[Any]:
    return Secrets("set", SecretsInputs(account=ACCOUNT, script=SCRIPT, values={"DATABASE_URL": url})).secret_names


def _dev_vars() -> pulumi.Output[Any]:
    options = pulumi.ResourceOptions(additional_secret_outputs=["path"])
    return DevVars("vars", DevVarsInputs(path="app/.dev.vars", values={"DATABASE_URL": URL}), options).created


SECRETS: dict[str, Any] = {
    "made": {"secretNames": ["DATABASE_URL"]},
    "token": "worker:Secrets",
    "provider": "components.worker.secrets SecretsProvider",
    "plain": {"account": ACCOUNT, "script": SCRIPT},
    "secret": {"values": {"DATABASE_URL": URL}},
}
CASES = {
    "DatabaseCheck": Case(
        declare=_database_check,
        made={"ok": True},
        token="connectivity:DatabaseCheck",
        provider="components.connectivity.provider DatabaseCheckProvider",
        plain={"branch": "dev", "mode": "enforce", "budgetSeconds": 60, "serverMajor": 18, "trigger": "first"},
        secret={"url": URL},
    ),
    "WorkerCheck": Case(
        declare=_worker_check,
        made={"state": "passed"},
        token="connectivity:WorkerCheck",
        provider="components.connectivity.provider WorkerCheckProvider",
        plain={
            "url": "https://app.example.com",
            "environment": "staging",
            "branch": "staging",
            "mode": "enforce",
            "budgetSeconds": 90,
            "trigger": "first",
        },
        secret={"databaseUrl": URL},
    ),
    "Secrets": Case(declare=lambda: _secrets(URL), **SECRETS),
    "Secrets of an output": Case(declare=lambda: _secrets(later(pulumi.Output.from_input(URL))), **SECRETS),
    "DevVars": Case(
        declare=_dev_vars,
        made={"created": True},
        token="local:DevVars",
        provider="components.local.provider DevVarsProvider",
        plain={"path": "app/.dev.vars"},
        secret={"values": {"DATABASE_URL": URL}},
    ),
}


def _inputs(request: dict[str, Any], token: str, provider: str) -> dict[str, Any]:
    """The inputs of a request, whose type and provider are these."""
    assert request["type"] == f"pulumi-python:dynamic/{token}"
    inputs: dict[str, Any] = request["object"]
    pickled = base64.b64decode(inputs.pop("__provider"))
    assert all(word.encode() in pickled for word in provider.split())
    return inputs


@pytest.mark.parametrize("name", CASES)
def test_a_resource_registers_its_inputs_and_its_secrets_as_secrets(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the type and the class that recorded state knows; a value is a secret however it was given."""
    monkeypatch.chdir(tmp_path)
    case = CASES[name]
    inputs = _inputs(_registered(case.declare, case.token, case.made), case.token, case.provider)
    assert inputs == {
        **case.plain,
        **{key: {SIGNATURE: SECRET, "value": value} for key, value in case.secret.items()},
    }


def test_fingerprints_of_dev_vars_are_secret_outputs() -> None:
    """Beside the values, and beside what the caller asks for."""
    request = _registered(_dev_vars, "local:DevVars", {"created": True})
    assert {"path", "values", "valuesFingerprint"} == set(request["additionalSecretOutputs"])


@pytest.mark.parametrize("mode", ["enforce", "off"])
def test_wrangler_config_registers_the_files_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Any) -> None:
    """A path in the project is recorded relative to it; switched off, another text of the file changes nothing."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "wrangler.jsonc"
    file.write_text(sample("right"))
    stack = {"stack": "staging", "environment": "staging", "branch": "staging"}

    def declare() -> pulumi.Output[Any]:
        inputs = WranglerConfigInputs(path=str(file), **stack, expected_name="farm-staging", mode=mode)
        return WranglerConfig("wrangler", inputs).worker_name

    request = _registered(declare, "worker:WranglerConfig", {"workerName": "farm-staging"})
    inputs = _inputs(request, "worker:WranglerConfig", "components.worker.wrangler.check WranglerConfigProvider")
    assert {key: value for key, value in inputs.items() if value is not None} == {
        "path": "wrangler.jsonc",
        **stack,
        "secrets": ["DATABASE_URL"],
        "expectedName": "farm-staging",
        "accountId": "",
        "mode": mode,
        "digest": digest(file) if mode == "enforce" else "",
    }


def test_bad_names_are_refused_before_their_values_are_known() -> None:
    """A value that another resource makes hides no bad name from a preview."""
    with pytest.raises(ConfigurationError, match="'DATABASE-URL' cannot be a secret's name"):
        Secrets("secrets", SecretsInputs(account=ACCOUNT, script=SCRIPT, values={"DATABASE-URL": "hunter2"}))


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
