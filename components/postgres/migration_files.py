"""The files of the app's migrations: which of them decide whether they are applied. No Pulumi."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta

from components.declared import Words
from components.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_RUN_SECONDS: Final = 24 * 3600
RunSeconds = Annotated[
    int,
    Meta(ge=1, le=LONGEST_RUN_SECONDS),
    Words(f"a whole number of seconds from 1 to {LONGEST_RUN_SECONDS}", 600),
]

MOST_FILES: Final = 10_000
NOT_MIGRATIONS: Final = ("node_modules", "__pycache__")


def files_of(folder: Path) -> Iterator[Path]:
    """The files that decide: all of the folder and those below, without hidden ones and what programs leave there."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in NOT_MIGRATIONS)
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def read_files(folder: Path) -> dict[str, str]:
    """The content that decides whether the command is run: each file's path in the folder, and its sha256.

    Raises:
        ConfigurationError: There are too many, or one cannot be read.
    """
    found = {}
    for file in files_of(folder):
        try:
            found[file.relative_to(folder).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            raise ConfigurationError(
                f"the migration {file} cannot be read: {error.strerror}", next_step="correct or remove it"
            ) from None
        if len(found) > MOST_FILES:
            raise ConfigurationError(
                f"infra:migrations names {folder}, which holds more than {MOST_FILES} files",
                next_step="name the folder that holds the migrations alone",
            )
    return found
