"""The system's errors become sentences."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from components.errors import LocalError
from components.postgres.server.faults import told


@pytest.mark.parametrize(
    ("number", "words", "next_step"),
    [
        (errno.ENOSPC, "the disk of /data is full", "free some space"),
        (errno.EDQUOT, "the disk of /data is full", "free some space"),
        (errno.EACCES, "cannot be written by this account", "make it writable"),
        (errno.EROFS, "cannot be written by this account", "set dataFolder"),
        (errno.EIO, "cannot be used: Input/output error (/data/file)", "look at the folder"),
    ],
)
def test_every_error_has_a_next_step(number: int, words: str, next_step: str) -> None:
    """Full disks and missing rights are told apart; anything else is quoted with its file."""
    with pytest.raises(LocalError) as caught, told(Path("/data")):
        raise OSError(number, os.strerror(number), "/data/file")
    assert words in str(caught.value)
    assert next_step in caught.value.next_step
    assert caught.value.__suppress_context__
