"""Where the state lies, and what opens it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from components.postgres import choice
from operations import workspace
from operations.errors import StateError, UsageError
from pulumi_embedded.state import layout


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_first_use_makes_a_private_state_and_one_passphrase(project: Path) -> None:
    """Without any setting the state lies in the project, for this user only, with a passphrase made once."""
    first = workspace.open_workspace(project, "dev", environ={})
    second = workspace.open_workspace(project, "dev", environ={})
    assert first.backend_url.startswith(f"{project.as_uri()}/.infra/state")
    assert _mode(project / ".infra") == _mode(project / ".infra" / "state") == 0o700
    assert _mode(project / ".infra" / "passphrase") == 0o600
    assert first.passphrase
    assert len(first.passphrase) >= 40
    assert first.passphrase == second.passphrase


def test_the_passphrase_is_in_no_repr(project: Path) -> None:
    """A traceback or a log line cannot show it."""
    opened = workspace.open_workspace(
        project, "dev", environ={"PULUMI_CONFIG_PASSPHRASE": "s3cret"}, overrides={"a:b": "hunter2"}
    )
    assert "s3cret" not in repr(opened)
    assert "hunter2" not in repr(opened)


def test_two_calls_at_once_get_the_same_passphrase(tmp_path: Path) -> None:
    """Whoever comes second takes what the first has made, and no draft is left."""
    file = tmp_path / ".infra" / "passphrase"
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: workspace.make_passphrase(file), range(32)))
    assert len(made) == 1
    assert [path.name for path in file.parent.iterdir()] == ["passphrase"]


@pytest.mark.parametrize("kept", [".pulumi/stacks/infra/dev.json", ".pulumi/stacks/infra/dev.json.bak"])
def test_state_without_its_passphrase_is_refused(project: Path, kept: str) -> None:
    """Where there is state, no new passphrase is made, because it could not open it."""
    file = project / ".infra" / "state" / kept
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    with pytest.raises(StateError, match="passphrase that opens it is not known") as told:
        workspace.open_workspace(project, "dev", environ={})
    assert "PULUMI_CONFIG_PASSPHRASE" in told.value.next_step
    assert not (project / ".infra" / "passphrase").exists()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [({"PULUMI_CONFIG_PASSPHRASE": "direct"}, "direct"), ({"PULUMI_CONFIG_PASSPHRASE": ""}, "")],
)
def test_a_set_passphrase_is_used_even_when_empty(project: Path, setting: dict[str, str], expected: str) -> None:
    """The variables of the CLI come first, and an empty passphrase is one."""
    assert workspace.open_workspace(project, "dev", environ=setting).passphrase == expected
    assert not (project / ".infra" / "passphrase").exists()


def test_a_passphrase_file_is_read_without_its_line_end(project: Path) -> None:
    """PULUMI_CONFIG_PASSPHRASE_FILE is read as the CLI reads it; one that is missing is named."""
    file = project / "secret"
    file.write_text("from a file \r\n")
    environ = {"PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}
    assert workspace.open_workspace(project, "dev", environ=environ).passphrase == "from a file "
    file.unlink()
    with pytest.raises(UsageError, match="does not exist"):
        workspace.open_workspace(project, "dev", environ=environ)


def test_a_passphrase_that_cannot_be_read_is_not_replaced(project: Path) -> None:
    """A passphrase file that is there but unreadable is an error, not a reason to make another."""
    (project / ".infra" / "passphrase").mkdir(parents=True)
    with pytest.raises(StateError, match="cannot be read"):
        workspace.open_workspace(project, "dev", environ={})


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file://./state", "{cwd}/state"),
        ("file://../a%20b/state?create_dir=true", "{parent}/a b/state"),
        ("file:///srv/state", "/srv/state"),
        ("file://~/state", "{home}/state"),
    ],
)
def test_file_urls_become_absolute(
    url: str, folder: str, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A relative place in the variable starts from the current folder, as in the CLI; the query stays."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = workspace.backend_url(project, {"PULUMI_BACKEND_URL": url})
    expected = folder.format(cwd=project, parent=project.parent, home=tmp_path)
    assert found == f"file://{quote(expected)}{'?create_dir=true' if '?' in url else ''}"
    assert workspace.file_backend(found) == Path(expected)


@pytest.mark.parametrize("name", ["job_feature%2Flogin", "what?", "a#b", "50% off"])
def test_a_clone_keeps_its_state_whatever_its_folder_is_called(name: str, tmp_path: Path) -> None:
    """The folder of a clone is no part of a URL: a sign that means something in one is encoded, and read back."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: infra\nruntime: python\n")
    url = workspace.backend_url(folder, {})
    assert workspace.file_backend(url) == folder / ".infra" / "state"
    assert layout.parse(url, folder=folder, project="infra", stack="dev").root == folder / ".infra" / "state"
    assert choice.record_path(url, folder, "infra", "dev").parent == folder / ".infra" / "state"


def test_other_backends_are_left_to_the_cli(project: Path) -> None:
    """For a bucket or Pulumi Cloud no passphrase is invented and no folder made."""
    opened = workspace.open_workspace(project, "dev", environ={"PULUMI_BACKEND_URL": "s3://bucket/path"})
    assert (opened.backend_url, opened.passphrase, opened.state_folder) == ("s3://bucket/path", None, None)
    assert not (project / ".infra").exists()


def test_a_missing_stack_file_is_named_with_the_way_back(project: Path) -> None:
    """The file's name and the command that brings it back are in the message."""
    (project / "Pulumi.dev.yaml").unlink()
    with pytest.raises(UsageError, match=r"Pulumi\.dev\.yaml is missing") as told:
        workspace.open_workspace(project, "dev", environ={})
    assert "git checkout -- Pulumi.dev.yaml" in told.value.next_step


def test_child_processes_get_the_place_and_no_foreign_modules(project: Path) -> None:
    """What works on the stack knows where it is and what opens it, and imports nothing of another Python."""
    environ = {"PYTHONPATH": "/elsewhere", "PYTHONHOME": "/x", "KEPT": "1", "PULUMI_CONFIG_PASSPHRASE_FILE": "unused"}
    opened = workspace.Workspace(folder=project, stack="dev", backend_url="file:///s", passphrase="pw", environ=environ)
    told = workspace.child_environment(opened)
    assert told == {
        "KEPT": "1",
        "PULUMI_BACKEND_URL": "file:///s",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_CONFIG_PASSPHRASE": "pw",
    }
