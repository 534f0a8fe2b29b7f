"""What `destroy` refuses before anything is touched: what is recorded says it, or whoever would refuse later is asked.

Deleting what cannot be brought back takes two deliberate steps: the first lifts the protection that is recorded with
the resource, the second names what may go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.errors import RefusedError
from operations.errors import ChangesRefusedError
from operations.workspace import acting_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from operations.engines.recorded import Recorded

GUARD = "deletion:Guard"
"""The kind of the resource that refuses for all others; it is protected with them."""

FOR_GOOD = {"xata:Branch": "branch", "xata:Project": "project"}
"""Kinds of resources that cannot be brought back, and what they are called."""


def require_removable(resources: Sequence[Recorded], stack: str, environment: Mapping[str, str]) -> None:
    """Refuse to take a stack down of which something may not go.

    The stack's own guard asks the same when it is deleted; a state of before there was one has none, and nobody likes
    to be refused after having agreed.

    Args:
        resources: What is recorded.
        stack: The stack's name.
        environment: The variables of this run.

    Raises:
        ChangesRefusedError: Something may not go.
        components.errors.InfraError: Whoever decides about it does not answer.
    """
    from components.deletion import provider as guard

    refused = refusal(resources, stack, environment)
    if refused is not None:
        raise refused
    going = [one for one in reversed(resources) if one.kind in guard.KINDS and one.id and not one.retain]
    try:
        with acting_in(environment):
            guard.require_removable({guard.KINDS[one.kind]: {"id": one.id, **one.properties} for one in going})
    except RefusedError as error:
        raise ChangesRefusedError(f"{stack}: nothing was changed: {error.message}", next_step=error.next_step) from None


def refusal(resources: Iterable[Recorded], stack: str, environment: Mapping[str, str]) -> ChangesRefusedError | None:
    """Why a stack is not taken down; None when it may be.

    Args:
        resources: What is recorded.
        stack: The stack's name.
        environment: Holds `INFRA_ALLOW_DELETE`.
    """
    from components.xata.branches.names import is_preview
    from components.xata.branches.ownership import allowed_names

    there = list(resources)
    final = [one for one in there if one.kind in FOR_GOOD and not is_preview(one.called)]
    protected = [one for one in there if one.protect and one.kind != GUARD]
    if protected:
        return ChangesRefusedError(
            f"{stack}: nothing was changed: {_listed(protected)} {'is' if len(protected) == 1 else 'are'} protected",
            next_step=two_steps(stack, [one.called for one in final]),
        )
    unnamed = [one for one in final if not one.retain and one.called not in allowed_names(environment)]
    if unnamed:
        return ChangesRefusedError(
            f"{stack}: nothing was changed: {_listed(unnamed)} cannot be brought back once deleted, and "
            f"INFRA_ALLOW_DELETE does not name {'it' if len(unnamed) == 1 else 'them'}",
            next_step=f"if the data may go for good: {second_step(stack, [one.called for one in final])}",
        )
    return None


def two_steps(stack: str, names: Iterable[str]) -> str:
    """The two commands that delete what is protected."""
    return (
        f"if the data may go for good, take two steps: first ./infra up {stack} --config protect=false --yes, "
        f"then {second_step(stack, names)}"
    )


def second_step(stack: str, names: Iterable[str]) -> str:
    """The command that deletes what is named."""
    allowed = ",".join(dict.fromkeys(names)) or stack
    quoted = allowed if allowed.replace(",", "").replace("-", "").isalnum() else f"'{allowed}'"
    return f"INFRA_ALLOW_DELETE={quoted} ./infra destroy {stack} --yes"


def _listed(resources: Iterable[Recorded]) -> str:
    words = [f"the {FOR_GOOD.get(one.kind, one.kind)} {one.called or one.name!r}" for one in resources]
    return ", ".join(dict.fromkeys(words))
