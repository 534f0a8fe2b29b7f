"""A private text file: read it, and replace it atomically with mode 600 from the first byte. Pure of Pulumi."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from components.errors import LocalError

PRIVATE = 0o600
MOST_BYTES = 1024 * 1024
"""Of a file that people write: configuration, .dev.vars, a passphrase."""


@dataclass(frozen=True, kw_only=True)
class PrivateFile:
    """A file as found. `path` is the real one, behind symbolic links; `mode` is None when there is none yet."""

    path: Path
    text: str = ""
    mode: int | None = None

    @property
    def exists(self) -> bool:
        """Whether there is such a file."""
        return self.mode is not None

    @property
    def private(self) -> bool:
        """Whether only its owner may read it."""
        return self.mode is not None and not self.mode & 0o077


def read_private(path: Path) -> PrivateFile:
    """The file at `path`, links followed.

    Raises:
        LocalError: Its folder is missing, or it is not a readable UTF-8 text file.
    """
    try:
        return _read(path.resolve(), path.name)
    except UnicodeDecodeError:
        raise LocalError(
            f"{path} is not UTF-8 text", next_step="save it as UTF-8, then run ./infra up STACK again"
        ) from None
    except (OSError, RuntimeError) as error:  # Python 3.11 and 3.12 tell a loop of links as a RuntimeError.
        raise _told(path, error) from None


def _read(path: Path, name: str) -> PrivateFile:
    if not path.parent.is_dir():
        raise LocalError(
            f"the folder {path.parent} of {name} does not exist or is not a folder",
            next_step="create it, or correct appPath in the stack's configuration (Pulumi.STACK.yaml)",
        )
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return PrivateFile(path=path)
    if not stat.S_ISREG(mode):
        raise LocalError(f"{path} is not a file", next_step="move it away, then run ./infra up STACK again")
    content = read_bytes(path, MOST_BYTES)
    if len(content) > MOST_BYTES:
        raise LocalError(f"{path} has more than {MOST_BYTES} bytes", next_step="put back the file as it was")
    return PrivateFile(path=path, text=content.decode("utf-8"), mode=stat.S_IMODE(mode))


def read_bytes(path: Path, most: int) -> bytes:
    """The bytes of a file, one more than `most` of them at most; a pipe is read to its end, but not waited for.

    Raises:
        OSError: It cannot be read, or is a pipe into which nobody writes.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        begin = b""
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            with contextlib.suppress(BlockingIOError):  # somebody has it open for writing
                begin = os.read(file.fileno(), 1)
                if not begin:
                    raise OSError(errno.EPIPE, "it is a pipe, and nobody writes into it")
        os.set_blocking(file.fileno(), True)
        return begin + file.read(most + 1 - len(begin))


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step: another process sees the old text or the new one, never a part or a wider mode.

    Run as root, the file goes to the owner of the one it replaces, or of the folder: it is theirs to read.

    Raises:
        LocalError: The folder cannot be written, or the disk is full. The old file is untouched.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    except OSError as error:
        raise _told(path, error) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:  # mkstemp made it with mode 600
            if os.geteuid() == 0:
                model = path if path.exists() else path.parent
                os.fchown(file.fileno(), model.stat().st_uid, model.stat().st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _told(path, error) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


def remove_private(path: Path) -> None:
    """Delete the file; one that is gone already is fine.

    Raises:
        LocalError: The folder cannot be written.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _told(path, error) from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(path: Path, error: OSError | RuntimeError) -> LocalError:
    number = error.errno if isinstance(error, OSError) else errno.ELOOP
    remedies = {
        errno.ENOSPC: "free some disk space, then run ./infra up STACK again",
        errno.EDQUOT: "free some of your disk quota, then run ./infra up STACK again",
        errno.EROFS: "the folder is on a read-only disk: correct appPath in the stack's configuration",
        errno.ELOOP: "its symbolic links go round in a circle: remove the link",
        errno.ENOTDIR: "create the folder, or correct appPath in the stack's configuration (Pulumi.STACK.yaml)",
    }
    remedy = remedies.get(number or 0, f"make {path.parent} readable and writable for the account that runs ./infra")
    return LocalError(f"{path} cannot be read or written: {os.strerror(number or errno.EIO)}", next_step=remedy)


def portable(path: str, project: Path) -> str:
    """The path as recorded: relative where it lies in the project folder, so that the clone may move."""
    given = Path(path)
    inside = given.is_absolute() and given.is_relative_to(project)
    return (given.relative_to(project) if inside else given).as_posix()
