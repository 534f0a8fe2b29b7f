"""Whose folder it is, and which are refused with nothing touched."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from components.errors import LocalError, RefusedError
from components.postgres.server import account, folder
from components.postgres.server.folder import Layout, Mark, check, claimed, default_folder, read_mark, server_folder

if TYPE_CHECKING:
    from components.postgres.server.settings import ServerSettings


@pytest.fixture
def layout(settings: ServerSettings) -> Layout:
    """The server's folder, empty."""
    layout = Layout(root=server_folder(settings))
    layout.root.mkdir()
    return layout


def marked(layout: Layout, settings: ServerSettings, **changes: object) -> Mark:
    """Mark the folder as ours, or as `changes` say."""
    mark = dataclasses.replace(claimed(None, settings), **changes)  # type: ignore[arg-type]  # a test's own names
    folder.write_mark(layout, mark)
    return mark


def refusal(layout: Layout, settings: ServerSettings) -> str:
    """The text of the refusal; nothing below the folder may have changed."""
    before = sorted((path, path.stat().st_mtime_ns) for path in layout.root.parent.rglob("*"))
    with pytest.raises((LocalError, RefusedError)) as caught:
        check(layout, settings)
    assert caught.value.next_step
    assert sorted((path, path.stat().st_mtime_ns) for path in layout.root.parent.rglob("*")) == before
    return str(caught.value)


def test_a_new_folder_may_be_made(settings: ServerSettings) -> None:
    """What does not exist belongs to nobody, and is not made by looking."""
    layout = Layout(root=server_folder(settings))
    assert check(layout, settings) is None
    assert not layout.root.exists()


def test_an_empty_folder_may_be_used(layout: Layout, settings: ServerSettings) -> None:
    """So may one in which an interrupted run left nothing but its lock and half a mark."""
    assert check(layout, settings) is None
    layout.lock.touch()
    layout.half_mark.touch()
    assert check(layout, settings) is None


def test_our_folder_is_known_by_its_mark(layout: Layout, settings: ServerSettings) -> None:
    """The mark is read back as it was written, and only its owner may read it."""
    mark = marked(layout, settings, port=20001)
    assert check(layout, settings) == mark
    assert layout.mark.stat().st_mode & 0o777 == 0o600


def test_another_programs_data_folder_is_refused(layout: Layout, settings: ServerSettings) -> None:
    """Data that we did not make are not ours to run."""
    (layout.root / "PG_VERSION").write_text("18\n")
    text = refusal(layout, settings)
    assert "is a Postgres data folder that this project did not make" in text
    assert "dataFolder" in text


def test_a_folder_with_other_files_is_refused(layout: Layout, settings: ServerSettings) -> None:
    """A folder used for something else is left alone, and what is in it is named."""
    (layout.root / "photos").mkdir()
    assert "is not empty and was not made by this project (it holds photos)" in refusal(layout, settings)


def test_another_stacks_folder_is_refused(layout: Layout, settings: ServerSettings) -> None:
    """Stacks do not share a folder."""
    marked(layout, settings, stack="staging")
    assert "belongs to the stack 'staging', not to 'dev'" in refusal(layout, settings)


def test_another_clones_folder_is_refused(layout: Layout, settings: ServerSettings, place: Path) -> None:
    """Two clones do not fight over one folder; the message says which clone to ask."""
    (place / "other").mkdir()
    marked(layout, settings, project=str(place / "other"))
    text = refusal(layout, settings)
    assert f"belongs to another clone, {place / 'other'}" in text
    assert f"run ./infra destroy dev in {place / 'other'} first" in text


@pytest.mark.parametrize("project", ["", "/no/such/clone"])
def test_a_clone_that_is_gone_owns_nothing(layout: Layout, settings: ServerSettings, project: str) -> None:
    """A folder freed by destroy, or left by a removed clone, may be taken over."""
    marked(layout, settings, project=project)
    mark = check(layout, settings)
    assert mark
    assert claimed(mark, settings).project == str(settings.project_folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"format": 1}', '{"format": 1, "stack": "dev", "more": 1}'])
def test_a_damaged_mark_is_refused(layout: Layout, settings: ServerSettings, text: str) -> None:
    """Whose data they are is not guessed."""
    layout.mark.write_text(text)
    assert "is damaged" in refusal(layout, settings)


def test_a_newer_mark_is_refused(layout: Layout, settings: ServerSettings) -> None:
    """A folder of a later version of the project asks for that version."""
    marked(layout, settings)
    layout.mark.write_text(json.dumps({**json.loads(layout.mark.read_text()), "format": 2}))
    assert "has format 2; this version of the project reads 1" in refusal(layout, settings)


@pytest.mark.parametrize(
    ("found", "words"),
    [("17", "pg_dump databaseUrl to a file"), ("9.6", "update this clone"), ("19", "update this clone")],
)
def test_data_of_another_major_version_are_refused(
    layout: Layout, settings: ServerSettings, found: str, words: str
) -> None:
    """Older data come with the recipe of dump and restore, newer ones with the update."""
    marked(layout, settings)
    layout.data.mkdir()
    layout.version_file.write_text(f"{found}\n")
    text = refusal(layout, settings)
    assert f"holds data of Postgres {found}, and this project runs 18; nothing was touched" in text
    assert words in text


def test_a_file_in_the_folders_place_is_refused(settings: ServerSettings) -> None:
    """A file is no folder, and not a place to make one in."""
    root = server_folder(settings)
    root.write_text("")
    assert "is a file" in refusal(Layout(root=root), settings)
    assert "is a file" in refusal(Layout(root=root / "below"), settings)


def test_another_users_folder_is_refused(
    layout: Layout, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says whose it is and who we are."""
    marked(layout, settings)
    somebody = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody)
    assert "is owned by" in refusal(layout, settings)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(layout: Layout, settings: ServerSettings) -> None:
    """Neither in it nor where it would be made."""
    layout.root.chmod(0o500)
    assert "cannot be written by this account" in refusal(layout, settings)
    below = Layout(root=layout.root / "below")
    with pytest.raises(LocalError, match="cannot be written by this account"):
        check(below, settings)
    layout.root.chmod(0o700)


def test_relative_folders_start_at_the_project(settings: ServerSettings) -> None:
    """A run from any folder means the same place."""
    found = server_folder(dataclasses.replace(settings, data_folder="../db"))
    assert found == Path(settings.project_folder).parent / "db"


def test_the_home_folder_may_be_written_short(settings: ServerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leading tilde is the user's home."""
    monkeypatch.setenv("HOME", "/home/dev")
    assert server_folder(dataclasses.replace(settings, data_folder="~/db")) == Path("/home/dev/db").resolve()


def test_every_clone_has_a_default_of_its_own(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default lies in the user's data folder and is named after stack and clone."""
    monkeypatch.setattr(account, "running_as_root", lambda: False)
    monkeypatch.setenv("XDG_DATA_HOME", str(place))
    one, two = default_folder("dev", place / "one"), default_folder("dev", place / "two")
    assert one != two
    assert default_folder("dev", place / "one") == one
    assert re.fullmatch(r"dev-[0-9a-f]{10}", one.name)


def test_roots_default_lies_where_others_may_enter(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's home is closed to the account that runs the server."""
    monkeypatch.setattr(account, "running_as_root", lambda: True)
    assert default_folder("dev", place).parent == Path("/var/lib/infra")


def test_a_mark_is_replaced_as_a_whole(layout: Layout, settings: ServerSettings) -> None:
    """Writing a mark again leaves one mark and nothing else."""
    marked(layout, settings)
    mark = marked(layout, settings, port=20002)
    assert read_mark(layout) == mark
    assert [path.name for path in layout.root.iterdir()] == ["infra.json"]
