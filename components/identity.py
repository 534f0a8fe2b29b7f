"""The identity stamp: a line of a database's comment that says which branch the database is, and one beside it. Pure.

`COMMENT ON DATABASE` needs only the database's owner, and the comment does not travel in dumps of the app's schema. The
rest of the comment belongs to others and is kept.
"""

from __future__ import annotations

import re

from components.errors import ConfigurationError

PREFIX, SANITIZED = "infra.branch=", "infra.sanitized="
"""The lines: a branch's name, and the id of the branch on which the file of `infra:sanitize` was run."""

_BRANCH = re.compile(r"[^\s\x00-\x1f\x7f]+")


def stamped_branch(comment: str | None) -> str | None:
    """The branch a database's comment names, or None when it carries no stamp."""
    return _said(comment, PREFIX)


def sanitized_branch(comment: str | None) -> str | None:
    """The id of the branch that was sanitized: this one, or one that it is a copy of. None: none was."""
    return _said(comment, SANITIZED)


def stamp(comment: str | None, branch: str) -> str:
    """The comment with exactly one stamp line, naming `branch`; every other line stays where it is.

    Raises:
        ConfigurationError: The name is empty or holds white space or control characters, so it is not one line.
    """
    if not _BRANCH.fullmatch(branch):
        raise ConfigurationError(
            f"the branch name {branch!r} cannot be stamped on a database: it must be one word without white space",
            next_step="name the branch as Xata does, for example dev, staging or pr-12",
        )
    return _with_line(comment, PREFIX, branch)


def stamp_sanitized(comment: str | None, branch: str, branch_id: str) -> str:
    """The comment with the stamp of a branch that was sanitized."""
    return _with_line(stamp(comment, branch), SANITIZED, branch_id)


def _line(prefix: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t]*{re.escape(prefix)}[ \t]*(?P<said>[^\r\n]*?)[ \t]*\r?$", re.MULTILINE)


def _said(comment: str | None, prefix: str) -> str | None:
    """What the line says; of several the last counts, as a later assignment does."""
    found = [match["said"] for match in _line(prefix).finditer(comment or "")]
    return (found[-1] or None) if found else None


def _with_line(comment: str | None, prefix: str, said: str) -> str:
    line = f"{prefix}{said}"
    lines = (comment or "").split("\n") if comment else []
    places = [number for number, text in enumerate(lines) if _line(prefix).fullmatch(text)]
    if not places:
        return "\n".join([*lines, line])
    kept = [text for number, text in enumerate(lines) if number not in places[1:]]
    kept[places[0]] = line
    return "\n".join(kept)
