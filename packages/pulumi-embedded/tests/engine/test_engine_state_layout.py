from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_embedded.errors import StateError, UnsupportedError
from pulumi_embedded.state import layout


def _parse(url: str, folder: Path, stack: str = "dev") -> layout.Layout:
    return layout.parse(url, folder=folder, project="infra", stack=stack)


def test_urls_mean_the_folders_they_mean_in_the_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absolute, relative to the project, below the home folder, with percent signs and parameters."""
    monkeypatch.setenv("HOME", "/home/ann")
    for url, root in (
        ("file:///srv/state", "/srv/state"),
        ("file:///srv/my%20state?create_dir=true&no_tmp_dir=true", "/srv/my state"),
        ("file://./.infra/state", f"{tmp_path}/.infra/state"),
        ("file://state", f"{tmp_path}/state"),
        ("file://~", "/home/ann"),
        ("file://~/x", "/home/ann/x"),
    ):
        assert _parse(url, tmp_path).root == Path(root)


def test_files_lie_where_the_cli_puts_them() -> None:
    """The layout of version 1."""
    found = _parse("file:///s", Path("/p"))
    assert found.checkpoint == Path("/s/.pulumi/stacks/infra/dev.json")
    assert found.locks == Path("/s/.pulumi/locks/organization/infra/dev")
    assert found.history == Path("/s/.pulumi/history/infra/dev")
    assert found.backups == Path("/s/.pulumi/backups/infra/dev")


@pytest.mark.parametrize(
    "url", ["s3://bucket", "gs://b", "azblob://b", "postgres://u:p@h/db", "https://api.pulumi.com"]
)
def test_other_backends_are_refused_by_name(url: str) -> None:
    """The scheme is named and the CLI recommended; the rest of the URL, which may hold a password, is not shown."""
    with pytest.raises(UnsupportedError) as caught:
        _parse(url, Path("/p"))
    assert f"the backend {url.partition('://')[0]}://" in str(caught.value)
    assert "Pulumi CLI" in str(caught.value)
    assert "u:p@h" not in str(caught.value)


def test_an_unknown_parameter_is_told() -> None:
    """A mistyped one is not silently ignored."""
    with pytest.raises(StateError, match="unknown parameter createdir"):
        _parse("file:///s?createdir=true", Path("/p"))


@pytest.mark.parametrize("stack", ["", "..", ".", "a/b", "a b", "x" * 101])
def test_names_that_lead_elsewhere_are_refused(stack: str) -> None:
    """A stack's name never becomes another path."""
    with pytest.raises(StateError, match="is no stack name"):
        _parse("file:///s", Path("/p"), stack)


def test_a_missing_folder_needs_leave_to_be_made(tmp_path: Path) -> None:
    """A mistyped URL does not start a new, empty state."""
    with pytest.raises(StateError, match="does not exist") as caught:
        _parse(f"file://{tmp_path}/x", tmp_path).check()
    assert "?create_dir=true" in str(caught.value)
    found = _parse(f"file://{tmp_path}/x?create_dir=1", tmp_path)
    found.prepare()
    assert found.meta.read_text() == "version: 1\n"


@pytest.mark.parametrize(
    ("text", "error"), [("version: 2\n", UnsupportedError), ("", StateError), ("\x00", StateError)]
)
def test_other_layouts_are_refused(text: str, error: type[Exception], tmp_path: Path) -> None:
    """A later version, or a file that does not say."""
    (tmp_path / ".pulumi").mkdir()
    (tmp_path / ".pulumi" / "meta.yaml").write_text(text)
    with pytest.raises(error, match="version"):
        _parse(f"file://{tmp_path}", tmp_path).check()


def test_the_layout_before_projects_is_refused(tmp_path: Path) -> None:
    """Stacks without a project are named, with the command that moves them."""
    (tmp_path / ".pulumi" / "stacks").mkdir(parents=True)
    (tmp_path / ".pulumi" / "stacks" / "dev.json").write_text("{}")
    with pytest.raises(UnsupportedError, match="pulumi state upgrade"):
        _parse(f"file://{tmp_path}", tmp_path).check()
