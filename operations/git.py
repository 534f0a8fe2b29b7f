"""What git answers of a folder."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from operations.errors import MachineError

if TYPE_CHECKING:
    from pathlib import Path


def answer(folder: Path, *words: str) -> str:
    """What git prints when it works in a folder; nothing where it fails.

    Raises:
        MachineError: There is no git.
    """
    try:
        done = subprocess.run(  # noqa: S603 - git, with words of ours
            ["git", "-C", str(folder), *words],  # noqa: S607 - the git of the user's PATH
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise MachineError("there is no git on the PATH", next_step="install git, then try again") from None
    return "" if done.returncode else done.stdout.rstrip("\n")
