"""What the outputs of a deployed stack say of its database. Pure, but for the types it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.xata.branches.place import Place
    from engine.api import Output
    from operations.changes import Target

LOCAL = "local"
"""The branch id of a database on this machine."""


def deployed(values: Mapping[str, Output], target: Target) -> Mapping[str, Output]:
    """The outputs of a stack that has some.

    Raises:
        UsageError: It has none.
    """
    return require_some(values, target.stack, f"./infra up {target.shown}")


def require_some(values: Mapping[str, Output], stack: str, next_step: str) -> Mapping[str, Output]:
    """The outputs of a stack that has some.

    Raises:
        UsageError: It has none.
    """
    if not values:
        raise UsageError(
            f"the stack {stack} has no outputs: it was never deployed, or has been destroyed", next_step=next_step
        )
    return values


def on_this_machine(values: Mapping[str, Output]) -> bool:
    """Whether the database is none of Xata's branches."""
    return "branchId" not in values or values["branchId"].value == LOCAL


def place_of(values: Mapping[str, Output]) -> Place:
    """Where the branch lives."""
    from components.xata.branches.place import Place  # noqa: PLC0415 - not for help and usage errors

    return Place(organization=str(values["organizationId"].value), project=str(values["projectId"].value))
