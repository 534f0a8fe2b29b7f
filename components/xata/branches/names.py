"""Names: which ones we create, which ones are protected, and what an id looks like. Pure.

The service takes nearly any text as a name (300 characters, a slash, a line feed: `createBranch` in the API document
has no pattern). Ours are stricter, because a branch's name is stamped on its database and appears in commands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from components.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection

PERSISTENT = frozenset({"main", "staging", "production", "dev"})
"""Branches that hold data of their own, whatever stack files there are."""

PRODUCTION = "production"

MAY_DESCEND_FROM_PRODUCTION = frozenset({"main", "staging", "production"})
"""Branches whose data are production's own kind; every other child of production is asked for by name."""

BRANCH_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
PROJECT_PATTERN = r"[^\W_](?:[\w .-]{0,98}[\w.-])?"

_BRANCH = re.compile(BRANCH_PATTERN)
_PREVIEW = re.compile(r"pr-[1-9][0-9]{0,8}")
_ASIDE = re.compile(rf"({_PREVIEW.pattern})-old-[a-v][a-v0-9]{{7}}")
_BRANCH_ID = re.compile(r"[a-v][a-v0-9]{25}")
_PROJECT_ID = re.compile(r"prj_[a-v0-9]{26}")
SHOWN = 60

BRANCH_RULE = "1 to 63 letters, digits, hyphens, underscores and periods, beginning with a letter or a digit"
PROJECT_RULE = "1 to 100 letters, digits, spaces, hyphens, underscores and periods, beginning with a letter or a digit"


def is_preview(name: str) -> bool:
    """Whether this is the branch of a pull request: `pr-<number>`."""
    return bool(_PREVIEW.fullmatch(name))


def may_descend(name: str, parent: str, *, allowed: str, production: Collection[str] = ()) -> bool:
    """Whether a branch may be a copy of this parent; of production only its own kind, and whose is allowed by name.

    Args:
        name: The branch.
        parent: Its parent.
        allowed: The parent that is allowed by name.
        production: Branches that hold production's data, besides the one that is called so.
    """
    own_kind = {*MAY_DESCEND_FROM_PRODUCTION, *production}
    return parent not in {PRODUCTION, *production} or name in own_kind or allowed == parent


def aside_name(name: str, branch_id: str) -> str:
    """What a preview's branch is called once a fresh copy has taken its place: `pr-7-old-` and a part of its id."""
    return f"{name}-old-{branch_id[:8]}"


def set_aside_from(name: str) -> str:
    """The preview that a branch was set aside from, told by its name; empty for any other branch."""
    found = _ASIDE.fullmatch(name)
    return found[1] if found else ""


def is_project_id(text: str) -> bool:
    """Whether this has the shape of a project's id: `prj_` and 26 characters."""
    return bool(_PROJECT_ID.fullmatch(text))


def branch_name_reason(name: object) -> str:
    """Why this cannot be the name of a branch we create, in words; empty when it can."""
    return _unfit(name, _BRANCH, BRANCH_RULE)


def check_branch_name(name: object) -> None:
    """Refuse a branch's name before any request.

    Raises:
        ConfigurationError: It is not a name we create.
    """
    if reason := branch_name_reason(name):
        raise ConfigurationError(f"branch name: {reason}", next_step="use a name such as staging, production or pr-12")


def _unfit(name: object, rule: re.Pattern[str], words: str) -> str:
    if isinstance(name, str) and rule.fullmatch(name):
        return ""
    if not isinstance(name, str):
        got = f"a value of type {type(name).__name__}"
    elif len(name) > SHOWN:
        got = f"{name[:SHOWN]!r}… ({len(name)} characters)"
    else:
        got = repr(name) if name else "an empty text"
    return f"got {got}; allowed: {words}"
