"""Whose a branch is, and what may be deleted. Pure.

Our mark is the description, sent with the request that creates the branch: so a branch whose answer or whose record was
lost can be told from a stranger's. Descriptions are 1 to 50 letters, digits, hyphens and spaces
(`BranchCreationDetails` in the API document), and lists of branches leave them out.
"""

from __future__ import annotations

import os
import re
from datetime import date
from typing import TYPE_CHECKING, Any

from components.errors import ConfigurationError, RefusedError
from components.xata.branches.names import is_preview, set_aside_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALLOW_DELETE = "INFRA_ALLOW_DELETE"
"""The environment variable that names, separated by commas, what may be deleted although it is protected."""

DESCRIPTION_LENGTH = 50
STACK_LENGTH = 21
"""Leaves room in a description for the mark and a date."""

_STACK = re.compile(rf"[A-Za-z0-9-]{{1,{STACK_LENGTH}}}")
_MARK = re.compile(r"infra stack (?P<stack>[A-Za-z0-9-]+)(?: .*)?")
_UNTIL = re.compile(r"infra stack [A-Za-z0-9-]+ until (?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?: .*)?")


def mark(stack: str, text: str = "") -> str:
    """The description of a branch that belongs to `stack`: our mark, then what else is to be known of it.

    Raises:
        ConfigurationError: The stack's name cannot stand in a description.
    """
    if not _STACK.fullmatch(stack):
        raise ConfigurationError(
            f"the stack name {stack!r} cannot be written into a branch's description; "
            f"allowed: 1 to {STACK_LENGTH} letters, digits and hyphens",
            next_step="rename the stack",
        )
    return f"infra stack {stack} {text}" if text else f"infra stack {stack}"


def marked_stack(description: str | None) -> str | None:
    """The stack that a branch's description names as its owner; None when it carries no mark of ours."""
    found = _MARK.fullmatch(description or "")
    return found["stack"] if found else None


def until(day: date) -> str:
    """What follows the mark of a branch that lives to the end of this day, UTC; readable without any state."""
    return f"until {day.isoformat()}"


def last_day(description: str | None) -> date | None:
    """The last day of a marked branch's life, UTC; None for one that has no end, or an end that is no date."""
    found = _UNTIL.fullmatch(description or "")
    try:
        return date.fromisoformat(found["day"]) if found else None
    except ValueError:
        return None


def allowed_names(environment: Mapping[str, str]) -> frozenset[str]:
    """The names that `INFRA_ALLOW_DELETE` gives free for deletion."""
    return frozenset(name.strip() for name in environment.get(ALLOW_DELETE, "").split(",") if name.strip())


def require_name_deletable(name: str, environment: Mapping[str, str]) -> None:
    """Refuse, before any request, to delete anything but a preview or a branch that was named on purpose.

    Raises:
        RefusedError: The name is protected.
    """
    if is_preview(name) or set_aside_from(name) or name in allowed_names(environment):
        return
    raise RefusedError(
        f"the branch {name!r} is protected: a deleted branch cannot be brought back. Only previews (pr-<number>) are "
        f"deleted without {ALLOW_DELETE}",
        next_step=f"if its data may go for good, name it: {ALLOW_DELETE}={name}",
    )


def require_deletable(name: str, description: str | None, environment: Mapping[str, str]) -> None:
    """Refuse to delete what is protected and what is not ours.

    Raises:
        RefusedError: Neither a preview that carries our mark, nor named in `INFRA_ALLOW_DELETE`.
    """
    require_name_deletable(name, environment)
    if name in allowed_names(environment) or marked_stack(description) is not None:
        return
    raise RefusedError(
        f"the branch {name!r} is not ours: its description is {description!r}, without our mark "
        "(infra stack <name>), so somebody else may have made it",
        next_step=f"delete it where it was made, or name it: {ALLOW_DELETE}={name}",
    )


def require_replaceable(what: str, olds: Mapping[str, Any], news: Mapping[str, Any], replaces: Sequence[str]) -> None:
    """Refuse to make a branch or a project anew that was not named on purpose.

    Raises:
        RefusedError: It would be, and is protected.
    """
    name = str(olds.get("name", ""))
    if not replaces or (what == "branch" and is_preview(name)) or name in allowed_names(os.environ):
        return
    changed = sorted(replaces)
    keeps = f" (infra:project: {olds.get('project')})" if "project" in replaces else ""
    told = ", ".join(f"{key} from {olds.get(key)!r} to {news.get(key)!r}" for key in changed)
    raise RefusedError(
        f"{', '.join(changed)}: the {what} {name!r} is protected, and a {what} cannot change its {told}: it would be "
        "deleted with its data and made anew",
        next_step=f"put the old value back{keeps}; or, if the data may go for good, set infra:protect to false and "
        f"name it: {ALLOW_DELETE}={name}",
    )
