"""DevVars as Pulumi meets it: made, changed, drifted, healed, removed, and no value in what is recorded."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from components.local.provider import DevVarsProvider
from components.resource import ProviderError

if TYPE_CHECKING:
    from pathlib import Path

PROVIDER = DevVarsProvider()
URL = "postgresql://app:hunter2%24%23@127.0.0.1:5432/app?sslmode=disable"
VALUES = {"DATABASE_URL": URL, "XATA_BRANCH": "dev", "ENVIRONMENT": "development"}
WRITTEN = f"DATABASE_URL='{URL}'\nENVIRONMENT='development'\nXATA_BRANCH='dev'\n"


@pytest.fixture
def file(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to be written, in the folder that the provider runs in."""
    monkeypatch.chdir(repository)
    return repository / ".dev.vars"


def _inputs(**changes: Any) -> dict[str, Any]:
    return {"path": ".dev.vars", "values": VALUES, **changes}


def _created() -> dict[str, Any]:
    outs = PROVIDER.create(_inputs()).outs
    assert outs is not None
    return outs


def _refreshed(outs: dict[str, Any]) -> dict[str, Any]:
    read = PROVIDER.read("id", outs)
    assert read.id == "id"
    assert read.inputs is None
    assert read.outs is not None
    return read.outs


def test_create_writes_a_private_file_and_records_no_value(file: Path) -> None:
    """The file is mode 600 and holds the values; the outputs hold fingerprints."""
    outs = _created()
    assert file.read_text() == WRITTEN
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (outs["path"], outs["created"], outs["private"]) == (".dev.vars", True, True)
    assert outs["valuesFingerprint"].keys() == VALUES.keys()
    assert "hunter2" not in json.dumps(outs)


def test_create_keeps_other_lines_and_tightens_the_mode(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a file that is there already, ours are set, the rest stays, and a wide mode is narrowed and told."""
    file.write_text("# mine\nAPI_KEY=1\nXATA_BRANCH=old # why\n")
    file.chmod(0o644)
    outs = _created()
    lines = file.read_text().splitlines()
    assert lines[:3] == ["# mine", "API_KEY=1", "XATA_BRANCH='dev' # why"]
    assert outs["created"] is False
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "mode 644 let others read it; it is 600 now" in capsys.readouterr().err


def test_create_refuses_a_file_that_git_would_commit(file: Path) -> None:
    """Nothing is written, and the message holds no value."""
    file.with_name(".gitignore").unlink()
    with pytest.raises(ProviderError, match="git does not ignore") as caught:
        PROVIDER.create(_inputs())
    assert not file.exists()
    assert "hunter2" not in str(caught.value)


@pytest.mark.usefixtures("file")
def test_create_names_a_folder_that_is_not_there() -> None:
    """A wrong appPath is told with the key to correct."""
    with pytest.raises(ProviderError, match=r"nowhere .*does not exist[\s\S]*appPath"):
        PROVIDER.create(_inputs(path="nowhere/.dev.vars"))


def test_a_link_into_another_repository_is_judged_there(file: Path, tmp_path: Path) -> None:
    """Where the file really lies decides, not where the link does."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".git").mkdir(parents=True)
    file.symlink_to(elsewhere / "vars")
    with pytest.raises(ProviderError, match=str(elsewhere)):
        PROVIDER.create(_inputs())


def test_a_second_up_shows_and_writes_nothing(file: Path) -> None:
    """Unchanged values are no change, and an update that changes nothing leaves the file alone."""
    outs = _created()
    assert PROVIDER.diff("id", outs, _inputs()).changes is False
    before = file.stat()
    assert PROVIDER.update("id", outs, _inputs()).outs == outs
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("values", [{**VALUES, "XATA_BRANCH": "other"}, {"XATA_BRANCH": "dev"}, UNKNOWN])
@pytest.mark.usefixtures("file")
def test_changed_values_update_in_place(values: Any) -> None:
    """A changed, a missing and a not yet known value are updates."""
    result = PROVIDER.diff("id", _created(), _inputs(values=values))
    assert (result.changes, result.replaces) == (True, [])


def test_update_removes_what_is_no_longer_declared(file: Path) -> None:
    """A variable that leaves the program leaves the file; that we made the file stays known."""
    outs = _created()
    updated = PROVIDER.update("id", outs, _inputs(values={"XATA_BRANCH": "next"})).outs
    assert file.read_text() == "XATA_BRANCH='next'\n"
    assert updated is not None
    assert (updated["created"], list(updated["valuesFingerprint"])) == (True, ["XATA_BRANCH"])


def test_another_path_is_written_before_the_old_one_is_cleaned(file: Path) -> None:
    """The app that is left keeps its own lines, and the app that is moved to has ours."""
    outs = _created()
    with file.open("a") as more:
        more.write("STRIPE_KEY=x\n")
    moved = _inputs(path="app/.dev.vars")
    file.with_name("app").mkdir()
    assert PROVIDER.diff("id", outs, moved).replaces == []
    assert PROVIDER.update("id", outs, moved).outs is not None
    assert file.with_name("app").joinpath(".dev.vars").read_text() == WRITTEN
    assert file.read_text() == "STRIPE_KEY=x\n"


def test_the_old_file_stays_while_the_new_one_cannot_be_written(file: Path) -> None:
    """A folder that is not there costs nothing: the app goes on with what it has."""
    outs = _created()
    with pytest.raises(ProviderError, match="does not exist"):
        PROVIDER.update("id", outs, _inputs(path="nowhere/.dev.vars"))
    assert file.read_text() == WRITTEN


def test_two_paths_to_one_file_are_one(file: Path) -> None:
    """Reached by a link, the file keeps our lines."""
    outs = _created()
    file.with_name("app").symlink_to(file.parent)
    PROVIDER.update("id", outs, _inputs(path="app/.dev.vars"))
    assert file.read_text() == WRITTEN


@pytest.mark.parametrize(
    "edit",
    [
        lambda file: file.write_text(WRITTEN.replace("hunter2", "edited")),
        lambda file: file.write_text("API_KEY=1\n"),
        lambda file: file.write_text(WRITTEN + "XATA_BRANCH=later\n"),
        lambda file: file.chmod(0o644),
    ],
    ids=["changed", "removed", "repeated", "opened"],
)
def test_refresh_sees_an_edit_of_ours_and_up_heals_it(file: Path, edit: Any) -> None:
    """A changed, removed or overruled variable and a wide mode are drift; looking twice sees the same; up heals."""
    outs = _created()
    edit(file)
    seen = _refreshed(outs)
    assert seen != outs
    assert _refreshed(seen) == seen
    assert PROVIDER.diff("id", seen, _inputs()).changes is True
    healed = PROVIDER.update("id", seen, _inputs()).outs
    assert healed is not None
    assert _refreshed(healed) == healed
    assert PROVIDER.diff("id", healed, _inputs()).changes is False
    assert f"DATABASE_URL='{URL}'" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_other_lines_are_no_drift(file: Path) -> None:
    """What the developer adds is the developer's."""
    outs = _created()
    file.write_text(f"# mine\nAPI_KEY=1\n{WRITTEN}")
    assert _refreshed(outs) == outs


def test_refresh_sees_a_deleted_file_as_gone(file: Path) -> None:
    """A deleted file, or a deleted folder, is made again by the next up."""
    outs = _created()
    file.unlink()
    gone = PROVIDER.read("id", outs)
    assert (gone.id, gone.outs) == ("", {})
    assert PROVIDER.read("id", {**outs, "path": "nowhere/.dev.vars"}).id == ""


def test_recorded_state_stays_true_when_the_clone_moves(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path in the state starts at the project folder."""
    outs = _created()
    file.parent.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    assert _refreshed(outs) == outs
    assert PROVIDER.diff("id", outs, _inputs()).changes is False


def test_delete_removes_the_file_that_we_made(file: Path) -> None:
    """A file of ours with nothing else in it goes."""
    PROVIDER.delete("id", _created())
    assert not file.exists()
    PROVIDER.delete("id", {**_inputs(), "created": True, "valuesFingerprint": {"XATA_BRANCH": "x"}})


def test_delete_leaves_what_is_not_ours(file: Path) -> None:
    """Other lines stay as they were, and so does a file that was there before us, be it empty."""
    file.write_text("# mine\nAPI_KEY=1")
    PROVIDER.delete("id", _created())
    assert file.read_text() == "# mine\nAPI_KEY=1"
    file.write_text("")
    PROVIDER.delete("id", _created())
    assert file.read_text() == ""
    PROVIDER.delete("id", {**_created(), "path": "nowhere/.dev.vars"})


@pytest.mark.parametrize(
    ("change", "property_", "reason"),
    [
        ({"path": ""}, "path", "empty"),
        ({"path": "nowhere/.dev.vars"}, "path", "does not exist"),
        ({"path": "plain.txt"}, "path", "git does not ignore"),
        ({"values": ["hunter2"]}, "", "values: allowed: a map of variable names to texts"),
        ({"values": {"A-B": "x"}}, "", "values: 'A-B' is not a name"),
        ({"values": {"SECRET": "it's $hunter2"}}, "", "values: the value of SECRET cannot stand in .dev.vars"),
    ],
)
@pytest.mark.usefixtures("file")
def test_bad_inputs_fail_at_preview(change: dict[str, Any], property_: str, reason: str) -> None:
    """A bad input is refused by name before anything is written; a value is never repeated."""
    failures = PROVIDER.check({}, _inputs(**change)).failures
    assert failures is not None
    assert [failure.property for failure in failures] == [property_]
    assert reason in failures[0].reason
    assert "hunter2" not in failures[0].reason


@pytest.mark.usefixtures("file")
def test_values_not_known_yet_pass_the_preview() -> None:
    """In the first preview the URL does not exist."""
    assert PROVIDER.check({}, _inputs(values={**VALUES, "DATABASE_URL": UNKNOWN})).failures == []
