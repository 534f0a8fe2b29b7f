"""The stacks there are, known without loading anything: a wrong name is answered before anything else happens."""

from __future__ import annotations

import difflib
import re

from operations.errors import UsageError

STACKS = ("dev", "foundation", "staging", "production")
PREVIEW = re.compile(r"pr-[1-9][0-9]{0,8}")
"""The stacks of pull requests."""
ALMOST = re.compile(r"pr[-_ ]?#?[0-9]+", re.IGNORECASE)
ALLOWED = f"{', '.join(STACKS)}; or pr-<number> for a pull request"


def checked(name: str) -> str:
    """Return the name of a stack if there is one.

    Raises:
        UsageError: There is none of that name; the nearest names and the allowed ones are in the text.
    """
    if name in STACKS or is_preview(name):
        return name
    step = f"name a stack: the stacks are {ALLOWED}"
    if ALMOST.fullmatch(name):
        raise UsageError(
            f"{name!r} is no stack of a pull request: allowed is pr-<number>, a number from 1 to 999999999 without "
            "zeros before it, such as pr-7",
            next_step=step,
        )
    meant = name.lower()
    near = [meant] if meant in STACKS else difflib.get_close_matches(meant, STACKS, n=2, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UsageError(f"there is no stack named {name!r}{hint}", next_step=step)


def is_preview(name: str) -> bool:
    """Whether this is the stack of a pull request: `pr-<number>`."""
    return bool(PREVIEW.fullmatch(name))
