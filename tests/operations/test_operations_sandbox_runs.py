"""--sandbox on a stack command: what the run, the engine and its children are told, and what they are not."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pulumi_embedded as engine
from operations import changes, workspace
from operations.engines import choice
from operations.engines.pulumi_cli import PulumiEngine
from operations.errors import ExitCode, MachineError, StateError, UsageError
from operations.sandbox import lifecycle
from operations.sandbox.place import Place, Record, exports, sandboxed
from pulumi_embedded import api
from tests.operations.doubles import result

if TYPE_CHECKING:
    from collections.abc import Callable

RECORD = Record(
    key="xao_sandbox",
    organization="sand01",
    api="http://127.0.0.1:40001",
    api_port=40001,
    gateway_port=40002,
    authority="/a/ca.pem",
    pid=7,
    postgres_password="p",
)
REAL = {
    "XATA_API_KEY": "xau_real",
    "XATA_API_BASE_URL": "https://api.xata.tech",
    "XATA_PROJECT_ID": "prj_real",
    "XATA_PROJECTID": "prj_real",
    "XATA_ORGANIZATIONID": "real01",
    "CLOUDFLARE_API_TOKEN": "cf_real",
    "CLOUDFLARE_ACCOUNT_ID": "real",
    "CF_API_TOKEN": "cf_real",
    "GITHUB_TOKEN": "ghs_real",
    "GITHUB_REPOSITORY": "real/app",
    "GH_TOKEN": "ghp_real",
    "PULUMI_BACKEND_URL": "s3://real",
    "INFRA_DATABASE_CA": "/real/root.crt",
}
EVENT = "/runner/event.json"
KEPT = {
    "GITHUB_EVENT_PATH": EVENT,
    "INFRA_ALLOW_DELETE": "staging",
    "PATH": "/bin",
    "NO_PROXY": "example.com",
    "HTTPS_PROXY": "http://proxy",
}


@pytest.fixture
def running(project: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A sandbox that runs, for a user who works with real services, too."""
    for name, value in {**REAL, **KEPT}.items():
        if name != "PATH":
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(lifecycle, "require_running", lambda _place: RECORD)
    monkeypatch.setattr(choice, "installed", lambda: (None, []))
    return Place(folder=project)


def _target(project: Path, stack: str = "staging", **differing: Any) -> changes.Target:
    return changes.Target(stack=stack, engine="embedded", folder=project, sandbox=True, **differing)


def test_the_sandbox_stands_where_real_services_were(tmp_path: Path) -> None:
    """No variable of a real service is left, the sandbox's are there, and everything else is the user's."""
    place = Place(folder=tmp_path)
    told = sandboxed({**REAL, **KEPT}, place, RECORD)
    assert not [name for name, value in told.items() if "real" in value]
    assert told["XATA_API_BASE_URL"] == "http://127.0.0.1:40001"
    assert (told["XATA_API_KEY"], told["XATA_ORGANIZATION_ID"]) == ("xao_sandbox", "sand01")
    assert told["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/.infra/sandbox/state"
    assert told["INFRA_DATABASE_CA"] == "/a/ca.pem"
    assert not [name for name in told if name.startswith(("CLOUDFLARE_", "CF_", "XATA_PROJECT"))]  # without Workers
    assert {name: value for name, value in told.items() if name.startswith(("GITHUB_", "GH_"))} == {
        "GITHUB_EVENT_PATH": EVENT
    }
    assert told["INFRA_ALLOW_DELETE"] == "staging"
    assert told["NO_PROXY"] == "example.com,127.0.0.1,localhost,.localhost"


WITH_WORKERS = replace(
    RECORD,
    cloudflare_api="http://127.0.0.1:40003/client/v4",
    cloudflare_port=40003,
    cloudflare_account="a" * 32,
    cloudflare_token="cf_sandbox",
    node="/n",
)


def test_where_workers_are_run_the_account_is_the_sandboxs(tmp_path: Path) -> None:
    """Address, account and token are the sandbox's, and Workers are reached where it says."""
    told = sandboxed({**REAL, **KEPT}, Place(folder=tmp_path), WITH_WORKERS)
    assert told["CLOUDFLARE_API_BASE_URL"] == "http://127.0.0.1:40003/client/v4"
    assert (told["CLOUDFLARE_ACCOUNT_ID"], told["CLOUDFLARE_API_TOKEN"]) == ("a" * 32, "cf_sandbox")
    assert told["INFRA_WORKER_ADDRESSES"] == "http://127.0.0.1:40003/sandbox/workers"
    assert told["PATH"] == f"{tmp_path}/.infra/sandbox/bin{os.pathsep}/bin"  # its Node.js, for any wrangler
    assert not [value for value in told.values() if value in REAL.values()]


def test_github_is_the_sandboxs(tmp_path: Path) -> None:
    """Address, token and repository are the sandbox's; what a workflow's run is about is told as before."""
    record = replace(RECORD, github_api="http://127.0.0.1:40004", github_port=40004, github_token="ghs_sandbox")
    told = sandboxed({**REAL, **KEPT}, Place(folder=tmp_path), record)
    assert (told["GITHUB_API_URL"], told["GITHUB_TOKEN"]) == ("http://127.0.0.1:40004", "ghs_sandbox")
    assert (told["GITHUB_REPOSITORY"], told["GITHUB_EVENT_PATH"]) == ("sandbox/app", EVENT)
    assert "unset GH_TOKEN" in exports({**REAL, **KEPT}, Place(folder=tmp_path), record)
    assert "ghs_sandbox" not in repr(record)


def test_a_shell_gets_the_same_environment(tmp_path: Path) -> None:
    """What `env` prints, a POSIX shell takes: quoted, real services gone, state and passphrase the sandbox's."""
    folder = tmp_path / "it's $HOME"
    folder.mkdir()
    place = Place(folder=folder)
    before = {**REAL, **KEPT, "PATH": os.environ["PATH"]}
    shown = exports(before, place, WITH_WORKERS)
    done = subprocess.run(
        ["sh", "-c", 'eval "$1"; env', "sh", shown], env=before, capture_output=True, text=True, check=True
    )
    told = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    for name, value in sandboxed(before, place, WITH_WORKERS).items():
        assert told[name] == value
    assert told.pop("INFRA_OWN_BACKEND_URL") == REAL["PULUMI_BACKEND_URL"]
    assert REAL["PULUMI_BACKEND_URL"] not in shown  # it may name a password
    assert not [name for name, value in told.items() if value in REAL.values()]
    assert Path(told["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text().strip()
    assert place.state.is_dir()  # which plain `pulumi` does not make
    assert told["WRANGLER_SEND_METRICS"] == "false"
    assert _path(exports(told, place, WITH_WORKERS)) == _path(shown)  # a second `eval` adds nothing


def _path(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if line.startswith("export PATH=")]


def test_in_the_shell_the_dev_database_keeps_its_own_state(running: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of this machine is worked on with the state of before; a branch, dev's too, with the sandbox's."""
    monkeypatch.setenv("INFRA_OWN_BACKEND_URL", "s3://real")
    monkeypatch.setenv("PULUMI_BACKEND_URL", running.state_url)
    monkeypatch.setenv("XATA_API_KEY", RECORD.key)
    own = changes.Target(stack="dev", folder=running.folder).environ()
    assert own["PULUMI_BACKEND_URL"] == "s3://real"
    assert not {"XATA_API_KEY", "INFRA_DATABASE_CA", "INFRA_OWN_BACKEND_URL"} & own.keys()
    for stack, config in (("staging", {}), ("dev", {"infra:database": "xata"})):
        environ = changes.Target(stack=stack, folder=running.folder, config=config).environ()
        assert (environ["PULUMI_BACKEND_URL"], environ["XATA_API_KEY"]) == (running.state_url, RECORD.key)


def test_without_it_nothing_of_the_sandbox_is_told(running: Place) -> None:
    """A run without --sandbox has the user's own environment."""
    target = changes.Target(stack="staging", folder=running.folder)
    assert target.environ()["XATA_API_KEY"] == "xau_real"
    assert "xao_sandbox" not in target.environ().values()


@pytest.mark.parametrize("act", ["change", "plan"])
def test_the_embedded_engine_and_its_children_know_only_the_sandbox(
    running: Place, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """Program and providers inherit the engine's environment: during the run it is the sandbox's, then the user's."""
    seen: dict[str, str] = {}

    def run(_request: api.Request, _listener: api.Listener) -> api.Result:
        seen.update(os.environ)
        return result()

    monkeypatch.setattr(engine, "run", run)
    opened = changes.opened(_target(running.folder), deploys=True)
    getattr(opened, act)("up", None)
    assert seen["XATA_API_KEY"] == "xao_sandbox"
    assert seen["INFRA_ALLOW_DELETE"] == "staging"
    assert not [name for name, value in seen.items() if value in REAL.values()]
    assert os.environ["XATA_API_KEY"] == "xau_real"


def test_the_environment_comes_back_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens in a run, this process is afterwards what it was."""
    monkeypatch.setenv("XATA_API_KEY", "xau_real")
    before = dict(os.environ)
    inside: dict[str, str] = {}

    def fail() -> None:
        with workspace.acting_in({"XATA_API_KEY": "xao_sandbox", "NEW": "1"}):
            inside.update(os.environ)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert inside == {"XATA_API_KEY": "xao_sandbox", "NEW": "1"}
    assert dict(os.environ) == before


def test_the_cli_and_its_children_know_only_the_sandbox(running: Place, tmp_path: Path) -> None:
    """What the CLI is started with holds nothing of a real service, and still what may be deleted."""
    environ = sandboxed(os.environ, running, RECORD)
    opened = workspace.open_workspace(running.folder, "staging", environ=environ)
    told = PulumiEngine(command=tmp_path / "pulumi", workspace=opened)._environment()
    assert (told["XATA_API_KEY"], told["INFRA_ALLOW_DELETE"]) == ("xao_sandbox", "staging")
    assert told["PULUMI_BACKEND_URL"] == f"file://{running.folder}/.infra/sandbox/state"
    assert not [name for name, value in told.items() if value in REAL.values()]


def test_its_state_is_its_own(running: Place) -> None:
    """State and passphrase: another folder, the same passphrase as the clone's own state."""
    opened: Any = changes.opened(_target(running.folder), deploys=True)
    assert opened.workspace.state_folder == running.state
    assert opened.workspace.passphrase == (running.folder / ".infra" / "passphrase").read_text().strip()


def test_no_passphrase_is_made_while_other_state_needs_the_lost_one(running: Place) -> None:
    """A new passphrase for the sandbox would stand where the real stacks' belongs."""
    recorded = running.folder / ".infra" / "state" / ".pulumi" / "stacks" / "infra" / "dev.json"
    recorded.parent.mkdir(parents=True)
    recorded.write_text("{}")
    with pytest.raises(StateError, match="passphrase"):
        changes.opened(_target(running.folder), deploys=True)


def test_a_sandbox_that_does_not_run_is_told_with_its_command(project: Path) -> None:
    """Nothing is asked for elsewhere instead: the run ends, and the next step starts the sandbox."""
    with pytest.raises(MachineError, match="the sandbox does not run") as refused:
        changes.opened(_target(project), deploys=True)
    assert refused.value.next_step == "./infra sandbox start"
    assert not (project / ".infra").exists()


def test_a_local_database_is_not_made_twice(running: Place) -> None:
    """The developer's own database is no service to stand in for; the branch dev is."""
    with pytest.raises(UsageError, match="on this machine"):
        changes.opened(_target(running.folder, "dev"), deploys=True)
    changes.opened(_target(running.folder, "dev", config={"infra:database": "xata"}), deploys=True)


@pytest.mark.parametrize("command", ["up", "preview", "refresh", "destroy", "outputs", "verify", "rotate", "doctor"])
def test_every_stack_command_takes_it(infra: Callable[..., Any], command: str) -> None:
    """The option is there wherever a stack is."""
    with pytest.raises(SystemExit):
        infra(command, "staging", "--sandbox", "--help")


def test_the_next_step_names_it(infra: Callable[..., Any], fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies the next command stays in the sandbox."""
    monkeypatch.setattr("operations.console.can_ask", lambda: False)
    assert "./infra up staging --sandbox --yes" in infra("up", "staging", "--sandbox").err
    assert "./infra verify staging --sandbox" in infra("up", "staging", "--sandbox", "--yes").err
    fake_engine.values = {}
    answer = infra("outputs", "staging", "--sandbox")
    assert (answer.code, "./infra up staging --sandbox" in answer.err) == (ExitCode.BAD_CONFIGURATION, True)
