"""The identity stamp: one line of a database's comment that says which branch the database is. Pure.

`COMMENT ON DATABASE` needs only the database's owner, and the comment does not travel in dumps of the app's schema. The
rest of the comment belongs to others and is kept.
"""

from __future__ import annotations

import re

from components.errors import ConfigurationError

PREFIX = "infra.branch="

_STAMP = re.compile(r"^[ \t]*infra\.branch=[ \t]*(?P<branch>[^\r\n]*?)[ \t]*\r?$", re.MULTILINE)
_BRANCH = re.compile(r"[^\s\x00-\x1f\x7f]+")


def stamped_branch(comment: str | None) -> str | None:
    """The branch a database's comment names, or None when it carries no stamp.

    Of several stamp lines the last counts, as a later assignment does.
    """
    found = [match["branch"] for match in _STAMP.finditer(comment or "")]
    return (found[-1] or None) if found else None


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
    line = f"{PREFIX}{branch}"
    lines = (comment or "").split("\n") if comment else []
    places = [number for number, text in enumerate(lines) if _STAMP.fullmatch(text)]
    if not places:
        return "\n".join([*lines, line])
    kept = [text for number, text in enumerate(lines) if number not in places[1:]]
    kept[places[0]] = line
    return "\n".join(kept)
