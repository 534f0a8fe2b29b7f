"""The door through which the system's own errors enter: full disks, missing rights, damaged files."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from components.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL_TEXTS = (os.strerror(errno.ENOSPC), "Check free disk space")
"""What Postgres's programs say in the C locale; the second when half a block still found room."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def says_disk_full(text: str) -> bool:
    """Whether a program of Postgres's complains about a full disk."""
    return any(words in text for words in _FULL_TEXTS)


def disk_full(folder: Path) -> LocalError:
    """The error for a disk without room."""
    return LocalError(
        f"the disk of {folder} is full; a new server needs about 60 MB",
        next_step="free some space and run the command again, or set dataFolder to a folder on another disk",
    )


def not_writable(folder: Path) -> LocalError:
    """The error for a place where we may not write."""
    return LocalError(
        f"the data folder {folder} cannot be written by this account",
        next_step="make it writable for you, or set dataFolder in the stack's configuration to a folder of your own",
    )


@contextlib.contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn the system's errors about a data folder into sentences with a next step."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(folder) from None
        if error.errno in _FORBIDDEN:
            raise not_writable(folder) from None
        raise LocalError(
            f"the data folder {folder} cannot be used: {error.strerror} ({error.filename or folder})",
            next_step="look at the folder, or set dataFolder in the stack's configuration to another one",
        ) from None
