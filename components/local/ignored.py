"""Whether git would let a file be committed. Pure of Pulumi; asks the git program."""

from __future__ import annotations

import os
import subprocess
from shlex import quote
from typing import TYPE_CHECKING

from components.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

IGNORED, NOT_IGNORED = 0, 1
TIMEOUT_SECONDS = 30.0
ELSEWHERE = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE"})
"""What a git hook sets for what it starts, so that git would answer for the hook's repository."""


def require_ignored(path: Path) -> None:
    """Let the file pass when git ignores it, or when no repository holds its folder: then nothing can be committed.

    Raises:
        RefusedError: git would commit the file, tracks it already, or cannot be asked although there is a repository.
    """
    if not any((folder / ".git").exists() for folder in path.parents):
        return
    answer = _git(path, "check-ignore", "-q", "--", path.name)
    if answer.returncode == IGNORED:
        return
    if answer.returncode != NOT_IGNORED:
        raise RefusedError(
            f"git cannot say whether it ignores {path}: {_first_line(answer.stderr)}; the file would hold a password",
            next_step="make `git status` work in that folder, then run ./infra up STACK again",
        )
    if _git(path, "check-ignore", "-q", "--no-index", "--", path.name).returncode == IGNORED:
        raise RefusedError(
            f"{path} is committed to git, and it would hold a password",
            next_step=f"git rm --cached {quote(str(path))}, commit, then run ./infra up STACK again",
        )
    raise RefusedError(
        f"git does not ignore {path}, and it would hold a password",
        next_step=f"add the line {path.name}* to {path.parent / '.gitignore'}, then run ./infra up STACK again",
    )


def _git(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ELSEWHERE}
    try:
        return subprocess.run(  # noqa: S603 - fixed arguments and a file name, no shell
            ["git", *arguments],  # noqa: S607 - the git of the user's PATH is the one that would commit
            cwd=path.parent,
            env={**environment, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        reason = "git is not installed"
    except subprocess.TimeoutExpired:
        reason = f"git did not answer within {TIMEOUT_SECONDS:.0f} s"
    except OSError as error:
        reason = f"git cannot be started: {error.strerror}"
    raise RefusedError(
        f"whether git ignores {path} cannot be checked, and it would hold a password: {reason}",
        next_step="install git or repair it, then run ./infra up STACK again",
    )


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
