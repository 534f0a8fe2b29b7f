"""Files of the backend: private, replaced as a whole, and never half-written."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi_embedded.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def in_words(act: str, path: Path) -> Iterator[None]:
    """Turn an OSError of a file operation into a StateError that says what could not be done, where and why."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StateError(
            f"cannot {act} {path}: {reason}",
            next_step="free space on the disk or repair the permissions of the folder, then run the command again; "
            "what was recorded before is unchanged",
        ) from error


def make_folders(folder: Path) -> None:
    """Make a folder and its missing parents, all of them private to this user (plaintext names live in them)."""
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)


def write(
    path: Path, data: bytes, *, durable: bool = False, temporary: Path | None = None, previous: Path | None = None
) -> None:
    """Write a file of mode 600 in one move: a reader sees the old bytes or the new ones, never a part.

    Args:
        path: The file.
        data: All of its bytes.
        durable: The bytes must have reached the disk before the old ones are gone.
        temporary: Folder for the unfinished file, on the same file system; the file's own folder by default.
        previous: A file that shall hold what `path` held before.
    """
    with in_words("write", path):
        make_folders(path.parent)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=temporary or path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            if previous is not None:
                _keep(path, previous)
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise


def _keep(path: Path, previous: Path) -> None:
    """Give what `path` holds a second name, without a copy; as in the CLI, the lack of one does not stop a write."""
    name = previous.with_name(f".{previous.name}.tmp")
    with suppress(FileNotFoundError):  # nothing was there before
        try:
            name.unlink(missing_ok=True)
            os.link(path, name)
            name.replace(previous)
        except FileNotFoundError:
            raise
        except OSError:  # a file system without hard links
            with suppress(StateError, OSError):
                write(previous, content(path))
        finally:
            with suppress(OSError):  # still there also when both were one file already
                name.unlink(missing_ok=True)


def write_with_attributes(path: Path, data: bytes) -> None:
    """Write a file and the side file that the CLI's blob library keeps beside each."""
    write(path, data)
    write(side_file(path), _attributes(data))


def describe(path: Path) -> None:
    """Write the side file of a file that is there."""
    if path.exists():
        write(side_file(path), _attributes(read(path)))


def forget_attributes(path: Path) -> None:
    """Remove the side file of a file that is about to change: the CLI does without, but not a wrong one."""
    with suppress(OSError):
        side_file(path).unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file; one that is gone already is none."""
    with in_words("remove", path):
        path.unlink(missing_ok=True)


def backup_of(path: Path) -> Path:
    """Return the file that holds what `path` held before."""
    return path.with_name(path.name + ".bak")


def read(path: Path) -> bytes:
    """Read a file; what is in the way is told in words."""
    with in_words("read", path):
        return content(path)


def content(path: Path) -> bytes:
    """The bytes of a file. OSError where it cannot be read, or is none: a pipe would be waited for without an end."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        return stream.read()


def side_file(path: Path) -> Path:
    """Return the path of a file's attributes."""
    return path.with_name(path.name + ".attrs")


def _attributes(data: bytes) -> bytes:
    digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    names = ("cache_control", "content_disposition", "content_encoding", "content_language")
    content: dict[str, str | None] = {f"user.{name}": "" for name in names}
    content |= {"user.content_type": "text/plain; charset=utf-8", "user.metadata": None, "md5": digest}
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"
