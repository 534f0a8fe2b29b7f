"""A preview that was taken down is forgotten; no other stack is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from operations import changes, reporting
from operations.changes import Target
from operations.engines import pulumi_cli
from operations.engines.embedded import EmbeddedEngine
from operations.engines.interface import EngineOptions
from operations.engines.pulumi_cli import PulumiEngine
from operations.engines.recorded import SECRET_SIGNATURE, Recorded
from operations.errors import ChangesRefusedError, StateLockedError
from operations.previews import files
from operations.workspace import open_workspace
from pulumi_embedded.errors import HeldError
from pulumi_embedded.state import Snapshot, Store, crypto
from tests.engine.snapshots import root, thing
from tests.operations.doubles import FakeEngine, result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from operations.workspace import Workspace

PASSPHRASE = "s3cret"
STAND_IN = """\
#!{python}
import json, sys
open({record!r}, "a").write(json.dumps(sys.argv[1:]) + "\\n")
print({said!r}, file=sys.stderr)
sys.exit({code})
"""
LOCKED = """\
error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file.
  file:///state/.pulumi/locks/organization/infra/pr-7/6f1b.json: created by ann@host (pid 41) at 2026-11-01T00:00:00Z
"""


@pytest.fixture
def workspace(project: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace of a preview."""
    monkeypatch.setattr(crypto, "_ROUNDS", 10)  # how slowly keys are made is not tested here
    (project / "Pulumi.pr-7.yaml").write_text("config: {}\n")
    return open_workspace(project, "pr-7", environ={"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE})


def _save(workspace: Workspace, *resources: Any) -> Path:
    store = Store(
        workspace.backend_url, "infra", workspace.stack, PASSPHRASE, folder=workspace.folder, config_salt=None
    )
    store.save(Snapshot(resources=[root(), *resources]))
    return store.file


def _cli(workspace: Workspace, tmp_path: Path, *, code: int = 0, said: str = "") -> tuple[PulumiEngine, Path]:
    command, record = tmp_path / "pulumi", tmp_path / "record"
    command.write_text(STAND_IN.format(python=sys.executable, record=str(record), said=said, code=code))
    command.chmod(0o755)
    return PulumiEngine(command=command, workspace=workspace), record


def _destroy(project: Path, stack: str, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> changes.Done:
    monkeypatch.setattr(
        changes, "opened", lambda _target, *, deploys, changes, **_more: None if deploys or changes else engine
    )
    target = Target(stack=stack, folder=project)
    return changes.change("destroy", target, yes=True, ask=None, show=reporting.shower(verbose=False))


def test_destroying_a_preview_ends_with_forgetting_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its state goes, and the stack file that was made of the template."""
    engine = FakeEngine(answers={"destroy": result("destroy", stack="pr-7")})
    (project / "Pulumi.pr-7.yaml").write_text("config: {}\n")
    assert _destroy(project, "pr-7", engine, monkeypatch).result.succeeded
    assert engine.asked == ["destroy", "remove"]
    assert not (project / "Pulumi.pr-7.yaml").exists()


@pytest.mark.parametrize("stack", ["dev", "staging", "pr-x", "pr-07"])
def test_no_other_stack_is_forgotten(stack: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The history of a persistent environment stays, and its committed stack file."""
    engine = FakeEngine(answers={"destroy": result("destroy", stack=stack)})
    file = project / f"Pulumi.{stack}.yaml"
    file.touch()
    _destroy(project, stack, engine, monkeypatch)
    assert engine.asked == ["destroy"]
    assert file.exists()


def test_a_preview_whose_destroy_failed_is_not_forgotten(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is known by its state alone."""
    engine = FakeEngine(answers={"destroy": result("destroy", stack="pr-7", succeeded=False, errors=("no",))})
    _destroy(project, "pr-7", engine, monkeypatch)
    assert engine.asked == ["destroy"]


def test_what_cannot_be_looked_for_keeps_the_state(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A creation that was cut off, of a kind that is not ours; the next step is no command that would fail again."""
    lost = Recorded(name="hyperdrive", kind="hyperdriveConfig:HyperdriveConfig")
    engine = FakeEngine(answers={"destroy": result("destroy", stack="pr-7")}, cut_off=(lost,))
    with pytest.raises(ChangesRefusedError, match="creation of hyperdrive was cut off") as caught:
        _destroy(project, "pr-7", engine, monkeypatch)
    assert engine.asked == ["destroy"]
    assert caught.value.next_step.index("./infra refresh pr-7") < caught.value.next_step.index("./infra destroy pr-7")
    engine.cut_off = (Recorded(name="check", kind="connectivity:DatabaseCheck"),)
    assert _destroy(project, "pr-7", engine, monkeypatch).result.succeeded
    assert engine.asked == ["destroy", "destroy", "remove"]


def test_the_notes_of_what_an_up_has_made_are_taken_out_of_the_clis_state(workspace: Workspace) -> None:
    """Those alone: of the same resource with the same inputs, whose secrets are encrypted anew each time."""

    def made(name: str, fixed: int, **more: Any) -> dict[str, Any]:
        secret = {SECRET_SIGNATURE: "1b47", "ciphertext": f"{more}"}
        return {"urn": f"urn:{name}", "inputs": {"fixed": fixed, "password": secret}, **more}

    state = {
        "resources": [made("a", 1, id="1"), made("b", 2, id="2"), made("c", 1, delete=True)],
        "pending_operations": [
            {"resource": one, "type": "creating"} for one in (made("a", 1), made("b", 1), made("c", 1), made("d", 1))
        ],
    }
    imported = []

    def call(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        if arguments[1] == "import":
            imported.append(json.loads(Path(arguments[-1]).read_text()))
        return subprocess.CompletedProcess(arguments, 0, json.dumps({"version": 3, "deployment": state}), "")

    assert pulumi_cli.drop_settled(workspace, call).returncode == 0
    (document,) = imported
    assert document == {
        "version": 3,
        "deployment": {**state, "pending_operations": state["pending_operations"][1:]},
    }


def test_a_state_that_still_holds_something_keeps_its_stack_file(project: Path) -> None:
    """Refused is refused: nothing of it is removed."""
    (project / "Pulumi.pr-7.yaml").touch()
    with pytest.raises(HeldError, match="branch"):
        files.forget(FakeEngine(removals=[HeldError.of("pr-7", ["branch"])]), project, "pr-7")
    assert (project / "Pulumi.pr-7.yaml").exists()


def test_the_embedded_engine_forgets(workspace: Workspace) -> None:
    """Not what holds something; what is gone is told as such."""
    engine = EmbeddedEngine(workspace=workspace, options=EngineOptions(lock_timeout=0))
    file = _save(workspace, thing("branch"))
    with pytest.raises(HeldError, match=r"1 resources \(branch\)"):
        engine.remove()
    assert file.exists()
    _save(workspace)
    assert engine.remove()
    assert not file.exists()
    assert not engine.remove()


def test_the_cli_forgets_with_its_backups_and_keeps_the_stack_file(workspace: Workspace, tmp_path: Path) -> None:
    """It is told the whole of it, and never to force anything."""
    engine, record = _cli(workspace, tmp_path)
    _save(workspace)
    assert engine.remove()
    (told,) = [json.loads(line) for line in record.read_text().splitlines()]
    assert told[:6] == ["stack", "rm", "pr-7", "--yes", "--preserve-config", "--remove-backups"]
    assert "--force" not in told


def test_the_cli_is_not_asked_to_forget_what_the_state_holds(workspace: Workspace, tmp_path: Path) -> None:
    """A state in a folder is looked at first: the CLI alone would drop the note of a creation that was cut off."""
    engine, record = _cli(workspace, tmp_path)
    _save(workspace, thing("branch"))
    with pytest.raises(HeldError, match="branch"):
        engine.remove()
    assert not record.exists()


@pytest.mark.parametrize(
    ("said", "kind"), [("error: 'pr-7' still has resources; removal rejected.", HeldError), (LOCKED, StateLockedError)]
)
def test_what_the_cli_refuses_is_an_error_of_ours(
    said: str, kind: type[Exception], workspace: Workspace, tmp_path: Path
) -> None:
    """Its words become the error that both engines have for it."""
    engine, _ = _cli(workspace, tmp_path, code=1, said=said)
    with pytest.raises(kind, match=r"pr-7|ann@host"):
        engine.remove()


def test_a_stack_that_the_cli_does_not_know_is_forgotten_already(workspace: Workspace, tmp_path: Path) -> None:
    """Called twice is called once."""
    engine, _ = _cli(workspace, tmp_path, code=6, said="error: no stack named 'pr-7' found")
    assert not engine.remove()
