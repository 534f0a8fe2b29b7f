"""Files that hold secrets: readable by their owner alone, and whole or not there at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


def private_folder(folder: Path) -> None:
    """Make a folder, with those above it, that only this account may enter."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(PRIVATE_FOLDER)


def write_private(path: Path, content: bytes) -> None:
    """Replace a file: a reader sees the old content or the new one, also after a power cut."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 600
    try:
        with open(handle, "wb") as half:  # noqa: PTH123 - mkstemp gives a handle, not a path
            half.write(content)
            half.flush()
            os.fsync(half.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
