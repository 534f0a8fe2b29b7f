"""The stacks there are: `dev`, `foundation`, those of pull requests, and all that have a file. Loads nothing big."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from components.xata.branches.names import is_preview

if TYPE_CHECKING:
    from pathlib import Path

DEV: Final = "dev"
FOUNDATION: Final = "foundation"
PRODUCTION: Final = "production"
PREVIEW: Final = "preview"
"""Of whose file the stacks of pull requests are made; no stack of its own."""
LONGEST: Final = 21
"""A stack's name stands in its branch's description (`components.xata.branches.ownership`)."""
RULE: Final = (
    f"a lower-case letter, then up to {LONGEST - 1} of a-z, 0-9 and -, neither ending with - nor beginning with pr- "
    f"and a digit, and not {PREVIEW}"
)
ALLOWED: Final = (
    "dev, foundation, or any other that has a Pulumi.<name>.yaml, such as staging; or pr-<number> for a pull request"
)

_ALMOST: Final = re.compile(r"pr[-_ ]?#?[0-9]+", re.IGNORECASE)
_NAME: Final = re.compile(rf"(?!{PREVIEW}\Z|pr-[0-9])[a-z](?:[a-z0-9-]{{0,{LONGEST - 2}}}[a-z0-9])?")
_FILE: Final = re.compile(r"Pulumi\.(.+)\.yaml")
_SHOWN: Final = 40


def is_pull_request(name: str) -> bool:
    """Whether this is the stack of a pull request: `pr-<number>`."""
    return is_preview(name)


def is_environment(name: str) -> bool:
    """Whether a team may name an environment of its own so: it is neither `dev`, `foundation` nor a pull request's."""
    return is_name(name) and name not in {DEV, FOUNDATION}


def is_name(name: str) -> bool:
    """Whether a stack that has a file may be called so."""
    return bool(_NAME.fullmatch(name))


def files(folder: Path) -> list[str]:
    """Whose stack files lie in a folder, as they are spelled: also what is no stack's name, sorted."""
    found = (_FILE.fullmatch(file.name) for file in folder.iterdir())
    return sorted(one[1] for one in found if one and one[1] != PREVIEW and not is_pull_request(one[1]))


def order(name: str) -> tuple[int, int, str]:
    """Where a stack stands in a list: `dev` and `foundation` first, then environments, then those of pull requests."""
    if is_pull_request(name):
        return 3, int(name.removeprefix("pr-")), name
    return (0 if name in {DEV, FOUNDATION} else 2 if name == PRODUCTION else 1), 0, name


def names(folder: Path) -> list[str]:
    """The stacks that have a file in a folder, in their order, but for those of pull requests."""
    return sorted(filter(is_name, files(folder)), key=order)


def environments(folder: Path) -> list[str]:
    """Those of them that a team names: all but `dev` and `foundation`."""
    return list(filter(is_environment, names(folder)))


def refusal(name: str, folder: Path) -> tuple[str, str] | None:
    """Why there is no stack of this name in a folder, and the next step; None when there is one."""
    if is_pull_request(name):
        return None
    there, known = files(folder), names(folder)
    if name in known:
        return None
    step = f"name a stack: the stacks are {', '.join(known) or 'none yet'}; or pr-<number> for a pull request"
    if _ALMOST.fullmatch(name):
        rule = "pr-<number>, a number from 1 to 999999999 without zeros before it, such as pr-7"
        return f"{name!r} is no stack of a pull request: allowed is {rule}", step
    shown = repr(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!r}… ({len(name)} characters)"
    meant = name.lower()
    near = [meant] if meant in known else difflib.get_close_matches(meant, known, n=2, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    said, other = f"there is no stack named {shown}", next((one for one in there if one.lower() == meant), "")
    if other and meant not in known and is_name(meant):
        step = f"git mv Pulumi.{other}.yaml Pulumi.{meant}.yaml; names of stacks are lower case"
        return f"{said}: there is a Pulumi.{other}.yaml, and that is no stack's name", step
    if not is_name(name):
        return f"{said}: a stack's name is {RULE}{hint}", step
    return f"{said}: there is no Pulumi.{name}.yaml{hint}", f"{step}; or make that file: an empty one does"
