"""Restore the newest point of a stack's backup into a branch of its own, beside the stack's, which stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from components.connection import Connection
from operations import changes
from operations.deployed import deployed, on_this_machine, place_of
from operations.errors import ChangesRefusedError, UsageError
from operations.rotation import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from operations.changes import Target
    from pulumi_embedded.api import Output

QUESTION = "{stack}: restore the newest backup of the branch {branch} into a new branch {name}?"


@dataclass(frozen=True, kw_only=True)
class Restored:
    """The branch that was made.

    Attributes:
        stack: Whose backup it holds.
        source: The name of the stack's branch.
        branch: What the new branch is called.
        branch_id: Its id.
        url: How to log in to it, with the sslmode of the stack's own URL.
    """

    stack: str
    source: str
    branch: str
    branch_id: str
    url: str = field(repr=False)


def restore(target: Target, name: str, *, yes: bool, ask: Callable[[str], bool] | None, seconds: float) -> Restored:
    """Restore, and wait until the new branch can be logged in to.

    Args:
        target: Which stack.
        name: What the new branch is to be called.
        yes: Agreed to beforehand.
        ask: Asks a question; None where nobody is there to answer.
        seconds: How long the new branch may take.

    Raises:
        UsageError: The stack was never deployed, its database is on this machine, or the name is some stack's.
        ChangesRefusedError: Nobody agreed.
        components.errors.InfraError: There is no restore point yet, the name is taken, or the API refuses.
    """
    from components.xata.branches.credentials import connect_when_ready  # noqa: PLC0415 - loads the HTTP client
    from components.xata.branches.restore import restore_into  # noqa: PLC0415 - as above

    _refuse_name(target, name)
    engine = changes.opened(target, deploys=False)
    values = deployed(engine.outputs(), target)
    _refuse_local(values, target)
    client = connected(target, engine)
    source = str(values["branchName"].value)
    _agree(target, source, name, yes=yes, ask=ask)
    place = place_of(values)
    made = restore_into(client, place, str(values["branchId"].value), name=name, stack=target.stack).branch
    ready = connect_when_ready(client, place, made.id, timeout_seconds=seconds)
    sslmode = Connection.parse(str(values["databaseUrl"].value)).sslmode
    url = replace(ready.endpoints.direct, sslmode=sslmode).url
    return Restored(stack=target.stack, source=source, branch=name, branch_id=made.id, url=url)


def _refuse_name(target: Target, name: str) -> None:
    """A branch that bears the name of a stack's would be taken for that stack's."""
    from components.xata.branches.names import PERSISTENT, is_preview  # noqa: PLC0415 - not for help and usage errors

    if name in PERSISTENT or is_preview(name):
        raise UsageError(
            f"--into {name}: that is the name of a stack's own branch, and a restored one must not be taken for it",
            next_step=f"./infra restore {target.stack} --into {target.stack}-restored",
        )


def _refuse_local(values: Mapping[str, Output], target: Target) -> None:
    if on_this_machine(values):
        raise UsageError(
            f"the stack {target.stack} is a database on this machine, of which no backups are kept",
            next_step="pg_dump makes one: its folder or container is yours",
        )


def _agree(target: Target, source: str, name: str, *, yes: bool, ask: Callable[[str], bool] | None) -> None:
    if yes or (ask is not None and ask(QUESTION.format(stack=target.stack, branch=source, name=name))):
        return
    why = "there is no terminal to ask on, and no --yes" if ask is None else "the answer was no"
    raise ChangesRefusedError(
        f"{target.stack}: nothing was made, because {why}",
        next_step=f"./infra restore {target.stack} --into {name} --yes",
    )
