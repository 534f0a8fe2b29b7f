"""The stacks there are, known without loading anything: a wrong name is answered before anything else happens."""

from __future__ import annotations

import difflib
import re

from operations.errors import UsageError

STACKS = ("dev", "foundation", "staging", "production")
PULL_REQUEST = re.compile(r"pr-[1-9][0-9]*")


def checked(name: str) -> str:
    """Return the name of a stack if there is one.

    Raises:
        UsageError: There is none of that name; the nearest names and the allowed ones are in the text.
    """
    if name in STACKS:
        return name
    step = f"name a stack: the stacks are {', '.join(STACKS)}"
    if PULL_REQUEST.fullmatch(name):
        raise UsageError(
            f"{name}: such names are reserved for pull requests, which have no program yet", next_step=step
        )
    meant = name.lower()
    near = [meant] if meant in STACKS else difflib.get_close_matches(meant, STACKS, n=2, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UsageError(f"there is no stack named {name!r}{hint}", next_step=step)
