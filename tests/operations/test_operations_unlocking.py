"""`./infra unlock`: who holds the lock comes first, and a run that is at work keeps it."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from operations import console
from operations.changes import Target
from operations.engines import choice, recorded
from operations.engines.embedded import EmbeddedEngine
from operations.engines.interface import EngineOptions
from operations.engines.pulumi_cli import PulumiEngine
from operations.errors import ExitCode, ResourceFailedError
from operations.workspace import Workspace, open_workspace
from pulumi_embedded.state import Store
from tests.operations.doubles import FakeEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PASSPHRASE = "s3cret"
ELSEWHERE = {"pid": 41, "username": "ann", "hostname": "build-7", "timestamp": "2026-11-01T10:20:30.123456789+01:00"}


@pytest.fixture
def folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that was worked on, which every command finds; the folder of its locks."""
    workspace = open_workspace(project, "dev", environ={"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE})
    store = Store(workspace.backend_url, "infra", "dev", PASSPHRASE, folder=project, config_salt=None)
    with store.lock(timeout=0, on_wait=lambda _: None):
        pass
    named = Target.from_arguments
    monkeypatch.setattr(Target, "from_arguments", lambda arguments: replace(named(arguments), folder=project))
    monkeypatch.setattr(choice, "installed", lambda: (None, []))
    state = workspace.state_folder
    assert state is not None
    return state / ".pulumi" / "locks" / "organization" / "infra" / "dev"


@pytest.fixture
def ended() -> int:
    """The number of a process of this machine that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.fixture
def living() -> Iterator[int]:
    """The number of a process that runs."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def _lock(folder: Path, name: str = "6f1b", **differing: Any) -> Path:
    file = folder / f"{name}.json"
    file.write_text(json.dumps({**ELSEWHERE, **differing}))
    return file


def _here(pid: int) -> dict[str, Any]:
    return {"hostname": socket.gethostname(), "pid": pid}


def test_a_lock_of_another_machine_is_shown_and_removed(
    folder: Path, infra: Callable[..., Any], valid: Callable[[str, Any], None]
) -> None:
    """User, machine, process and time come first; whether it still runs cannot be seen."""
    lock = _lock(folder)
    answer = infra("unlock", "dev", "--yes", "--json")
    assert answer.code == ExitCode.SUCCESS
    assert "ann@build-7, process 41, since 2026-11-01 10:20:30: on another machine" in answer.err
    assert not lock.exists()
    valid("unlock", answer.document)
    assert answer.document == {
        "stack": "dev",
        "engine": "embedded",
        "removed": True,
        "holders": [
            {
                "user": "ann",
                "host": "build-7",
                "pid": 41,
                "since": "2026-11-01 10:20:30",
                "here": False,
                "running": None,
            }
        ],
    }


def test_without_consent_the_lock_stays(folder: Path, infra: Callable[..., Any]) -> None:
    """Who holds it is shown all the same, with the command that removes it."""
    lock = _lock(folder)
    answer = infra("unlock", "dev")
    assert answer.code == ExitCode.CHANGES_REFUSED
    assert "ann@build-7" in answer.err
    assert "./infra unlock dev --yes" in answer.err
    assert lock.exists()


@pytest.mark.parametrize(("said", "stays"), [("y\n", False), ("n\n", True), ("", True)])
def test_in_a_terminal_the_question_follows_the_holder(
    said: str,
    stays: bool,  # noqa: FBT001 - a parameter of the table
    folder: Path,
    infra: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Anything but a yes is a no."""
    lock = _lock(folder)
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    answer = infra("unlock", "dev")
    assert answer.err.index("ann@build-7") < answer.err.index("[y/N]")
    assert lock.exists() is stays


def test_a_run_at_work_on_this_machine_keeps_its_lock(folder: Path, living: int, infra: Callable[..., Any]) -> None:
    """Even with --yes, and even when another lock is stale."""
    locks_there = [_lock(folder), _lock(folder, "7a2c", **_here(living))]
    answer = infra("unlock", "dev", "--yes")
    assert answer.code == ExitCode.LOCKED
    assert f"process {living}" in answer.err
    assert "it runs (" in answer.err
    assert all(lock.exists() for lock in locks_there)


def test_a_run_that_ended_on_this_machine_is_told_as_such(folder: Path, ended: int, infra: Callable[..., Any]) -> None:
    """Its lock goes."""
    lock = _lock(folder, **_here(ended))
    answer = infra("unlock", "dev", "--yes")
    assert answer.code == ExitCode.SUCCESS
    assert "it does not run any more" in answer.err
    assert not lock.exists()


def test_a_number_that_another_process_has_now_is_no_holder(
    folder: Path, living: int, infra: Callable[..., Any]
) -> None:
    """A process that began after the lock was taken has not taken it."""
    lock = _lock(folder, **_here(living))
    os.utime(lock, (0, 0))
    assert infra("unlock", "dev", "--yes").code == ExitCode.SUCCESS
    assert not lock.exists()


def test_a_lock_that_cannot_be_read_is_one(folder: Path, infra: Callable[..., Any]) -> None:
    """Somebody means to hold the stack; nothing is known of them, so a person decides."""
    lock = folder / "torn.json"
    lock.write_text('{"pid": 1')
    refused = infra("unlock", "dev")
    assert refused.code == ExitCode.CHANGES_REFUSED
    assert "somebody@unknown" in refused.err
    assert infra("unlock", "dev", "--yes").code == ExitCode.SUCCESS
    assert not lock.exists()


def test_nobody_holds_it(folder: Path, infra: Callable[..., Any], valid: Callable[[str, Any], None]) -> None:
    """There is nothing to do, and that is success, with and without a state."""
    answer = infra("unlock", "dev", "--json")
    assert (answer.code, answer.document["removed"], answer.document["holders"]) == (ExitCode.SUCCESS, False, [])
    valid("unlock", answer.document)
    assert folder.exists()
    assert infra("unlock", "staging").code == ExitCode.SUCCESS


def test_a_lock_taken_since_is_not_removed(folder: Path, ended: int, project: Path) -> None:
    """The embedded engine removes what was shown, and nothing else."""
    lock = _lock(folder, **_here(ended))
    workspace = open_workspace(project, "dev", environ={"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE})
    engine = choice.choose("embedded", workspace, EngineOptions(), say=lambda _: None)
    assert isinstance(engine, EmbeddedEngine)
    shown = engine.holders()
    since = _lock(folder, "since")
    engine.unlock(shown or ())
    assert (lock.exists(), since.exists()) == (False, True)


def _cli(tmp_path: Path, project: Path, *, code: int = 0, backend: str = "") -> tuple[PulumiEngine, Path]:
    record, command = tmp_path / "record", tmp_path / "pulumi"
    command.write_text(
        f"#!{sys.executable}\nimport json, sys\nopen({str(record)!r}, 'a').write(json.dumps(sys.argv[1:]))\n"
        f"print('error: no luck', file=sys.stderr)\nsys.exit({code})\n"
    )
    command.chmod(0o755)
    workspace = open_workspace(project, "dev", environ={"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE})
    if backend:
        workspace = Workspace(folder=project, stack="dev", backend_url=backend, passphrase=None, environ={})
    return PulumiEngine(command=command, workspace=workspace), record


def test_the_cli_cancels(folder: Path, tmp_path: Path, project: Path) -> None:
    """It is asked without a question of its own; that it could not is an error."""
    engine, record = _cli(tmp_path, project)
    _lock(folder)
    shown = engine.holders()
    assert shown is not None
    engine.unlock(shown)
    assert json.loads(record.read_text())[:3] == ["cancel", "dev", "--yes"]
    broken, _ = _cli(tmp_path, project, code=1)
    with pytest.raises(ResourceFailedError, match="no luck"):
        broken.unlock(shown)


def test_where_nobody_can_be_seen_a_person_decides(
    infra: Callable[..., Any], tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a state in a bucket the holder is not shown, and that is said before the question."""
    engine, _ = _cli(tmp_path, project, backend="s3://bucket")
    assert engine.holders() is None
    fake = FakeEngine(name="pulumi", locked_by=None)
    monkeypatch.setattr(choice, "choose", lambda *_args, **_more: fake)
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr(console, "agreed", lambda _question: False)
    refused = infra("unlock", "dev")
    assert refused.code == ExitCode.CHANGES_REFUSED
    assert "cannot be seen from here" in refused.err
    assert fake.asked == []
    monkeypatch.setattr(console, "agreed", lambda _question: True)
    assert infra("unlock", "dev", "--json").document["removed"]
    assert fake.asked == ["unlock 0"]


def test_a_holder_that_runs_is_never_asked_about(
    infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, living: int
) -> None:
    """The refusal comes before the question."""
    holder = recorded.Holder(user="a", host="h", pid=living, since="now", here=True, running=True, lock=None)  # type: ignore[arg-type] # - not looked at
    monkeypatch.setattr(choice, "choose", lambda *_args, **_more: FakeEngine(locked_by=(holder,)))
    refused = infra("unlock", "dev", "--yes")
    assert (refused.code, f"process {living}" in refused.err) == (ExitCode.LOCKED, True)
