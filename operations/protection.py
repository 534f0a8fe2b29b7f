"""What `destroy` refuses before anything is touched. Pure.

Deleting what cannot be brought back takes two deliberate steps: the first lifts the protection that is recorded with
the resource, the second names what may go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations.errors import ChangesRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from operations.engines.recorded import Recorded

FOR_GOOD = {"xata:Branch": "branch", "xata:Project": "project"}
"""Kinds of resources that cannot be brought back, and what they are called."""


def refusal(resources: Iterable[Recorded], shown: str, environment: Mapping[str, str]) -> ChangesRefusedError | None:
    """Why a stack is not taken down; None when it may be.

    Args:
        resources: What is recorded.
        shown: The stack as commands name it, such as `production --sandbox`.
        environment: Holds `INFRA_ALLOW_DELETE`.
    """
    from components.xata.branches.names import is_preview  # noqa: PLC0415 - not for every command
    from components.xata.branches.ownership import allowed_names  # noqa: PLC0415 - as above

    there = list(resources)
    final = [one for one in there if one.kind in FOR_GOOD and not is_preview(one.called)]
    protected = [one for one in there if one.protect]
    if protected:
        return ChangesRefusedError(
            f"{shown}: nothing was changed: {_listed(protected)} {'is' if len(protected) == 1 else 'are'} protected",
            next_step=two_steps(shown, [one.called for one in final]),
        )
    unnamed = [one for one in final if not one.retain and one.called not in allowed_names(environment)]
    if unnamed:
        return ChangesRefusedError(
            f"{shown}: nothing was changed: {_listed(unnamed)} cannot be brought back once deleted, and "
            f"INFRA_ALLOW_DELETE does not name {'it' if len(unnamed) == 1 else 'them'}",
            next_step=f"if the data may go for good: {second_step(shown, [one.called for one in final])}",
        )
    return None


def two_steps(shown: str, names: Iterable[str]) -> str:
    """The two commands that delete what is protected."""
    return (
        f"if the data may go for good, take two steps: first ./infra up {shown} --config protect=false --yes, "
        f"then {second_step(shown, names)}"
    )


def second_step(shown: str, names: Iterable[str]) -> str:
    """The command that deletes what is named."""
    allowed = ",".join(dict.fromkeys(names)) or shown.partition(" ")[0]
    quoted = allowed if allowed.replace(",", "").replace("-", "").isalnum() else f"'{allowed}'"
    return f"INFRA_ALLOW_DELETE={quoted} ./infra destroy {shown} --yes"


def _listed(resources: Iterable[Recorded]) -> str:
    words = [f"the {FOR_GOOD.get(one.kind, one.kind)} {one.called or one.name!r}" for one in resources]
    return ", ".join(dict.fromkeys(words))
