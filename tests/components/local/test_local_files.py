"""The private file: mode, atomic replacement, links, and what is in the way."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest

from components.errors import LocalError
from components.local.files import read_private, remove_private, write_private


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_made_private(tmp_path: Path) -> None:
    """A new file has mode 600 whatever the umask, and holds the text byte by byte."""
    path = tmp_path / ".dev.vars"
    old = os.umask(0)
    try:
        write_private(path, "A='ü'\r\n")
    finally:
        os.umask(old)
    assert _mode(path) == 0o600
    assert path.read_bytes() == b"A='\xc3\xbc'\r\n"
    assert os.listdir(tmp_path) == [".dev.vars"]  # noqa: PTH208 - names alone


def test_the_text_is_private_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the file takes its name it is already private, and the old file is whole until then."""
    path = tmp_path / ".dev.vars"
    path.write_text("old")
    path.chmod(0o644)
    seen: list[tuple[int, str]] = []
    replace = Path.replace

    def watching(self: Path, target: Path) -> Path:
        seen.append((_mode(self), Path(target).read_text()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watching)
    write_private(path, "new")
    assert seen == [(0o600, "old")]
    assert (_mode(path), path.read_text()) == (0o600, "new")


def test_reading_says_what_is_there(tmp_path: Path) -> None:
    """Text and mode are told as found; a missing file is an empty one that does not exist."""
    path = tmp_path / ".dev.vars"
    assert (read_private(path).exists, read_private(path).text) == (False, "")
    path.write_bytes(b"A=1\r\n")
    path.chmod(0o640)
    assert (read_private(path).text, read_private(path).private) == ("A=1\r\n", False)
    path.chmod(0o600)
    assert read_private(path).private


def test_a_link_is_followed_and_kept(tmp_path: Path) -> None:
    """Behind a symbolic link the real file is read and replaced, and the link stays; so with one that dangles."""
    (tmp_path / "shared").mkdir()
    link = tmp_path / ".dev.vars"
    link.symlink_to("shared/vars")
    found = read_private(link)
    assert (found.path, found.exists) == ((tmp_path / "shared" / "vars").resolve(), False)
    write_private(found.path, "A=1\n")
    assert link.is_symlink()
    assert read_private(link).text == "A=1\n"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A missing folder, a file in its place, a folder named like the file, a loop of links: each is named."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    cases = {
        "nowhere/.dev.vars": "does not exist or is not a folder",
        "file/.dev.vars": "does not exist or is not a folder",
        "folder": "is not a file",
        "loop": "cannot be read or written",
    }
    for name, reason in cases.items():
        with pytest.raises(LocalError, match=reason) as caught:
            read_private(tmp_path / name)
        assert caught.value.next_step


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """A file in another encoding is not guessed at."""
    (tmp_path / ".dev.vars").write_bytes(b"A=\xff\n")
    with pytest.raises(LocalError, match="is not UTF-8 text"):
        read_private(tmp_path / ".dev.vars")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some disk space"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only disk"),
        (errno.EACCES, "readable and writable for the account"),
        (errno.EIO, "readable and writable"),
    ],
)
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    """A full disk and the like are told with a remedy; the old file is untouched and nothing lies about."""
    path = tmp_path / ".dev.vars"
    path.write_text("old")

    def failing(_descriptor: int) -> None:
        raise OSError(number, "text")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(LocalError) as caught:
        write_private(path, "new")
    assert remedy in caught.value.next_step
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [".dev.vars"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even a temporary file can be made, folder and remedy are named."""

    def refusing(**_: object) -> None:
        raise PermissionError(errno.EACCES, "text")

    monkeypatch.setattr(tempfile, "mkstemp", refusing)
    with pytest.raises(LocalError, match=r"Permission denied") as caught:
        write_private(tmp_path / ".dev.vars", "new")
    assert str(tmp_path) in caught.value.next_step


def test_run_as_root_the_file_stays_its_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, a replaced file keeps its owner and a new one gets the folder's: they must be able to read it."""
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda _descriptor, uid, gid: given.append((uid, gid)))
    write_private(tmp_path / ".dev.vars", "new")
    write_private(tmp_path / ".dev.vars", "newer")
    owner = (tmp_path.stat().st_uid, tmp_path.stat().st_gid)
    assert given == [owner, owner]


def test_removing_accepts_already_gone(tmp_path: Path) -> None:
    """A file that is not there is removed."""
    remove_private(tmp_path / ".dev.vars")
    write_private(tmp_path / ".dev.vars", "x")
    remove_private(tmp_path / ".dev.vars")
    assert not (tmp_path / ".dev.vars").exists()
    (tmp_path / "folder").mkdir()
    with pytest.raises(LocalError):
        remove_private(tmp_path / "folder")
