"""Give a stack's database a new password now: rotate it at Xata, then let `up` carry it wherever it belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import changes, console
from operations.changes import Done
from operations.deployed import deployed, on_this_machine, place_of
from operations.errors import ChangesRefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from components.xata.api.client import Client
    from engine.api import Output
    from operations.changes import ShowProgress, Target
    from operations.engines.interface import Engine

QUESTION = "{stack}: give the branch {branch} a new password? The old one is refused from then on."


def rotate(target: Target, *, yes: bool, ask: Callable[[str], bool] | None, show: ShowProgress, seconds: float) -> Done:
    """Rotate, wait until the new password is in force, then bring the stack up with it.

    A run that died between the two left a stack whose next `up`, or `rotate`, finds the new password: it is not rotated
    twice.

    Args:
        target: Which stack, and how.
        yes: Agreed to beforehand.
        ask: Asks a question; None where nobody is there to answer.
        show: Makes whoever shows the progress of one run.
        seconds: How long the new password may take.

    Raises:
        UsageError: The stack was never deployed, or its database is on this machine.
        ChangesRefusedError: Nobody agreed.
        components.errors.InfraError: The branch is gone, the API refuses, or it is not the one the branch was made at.
    """
    engine = changes.opened(target, deploys=True)
    values = deployed(engine.outputs(), target)
    _refuse_local(values, target)
    client = connected(target, engine)
    _agree(target, str(values["branchName"].value), yes=yes, ask=ask)
    _rotated(client, values, seconds)
    console.say(
        f"the branch {values['branchName'].value} has a new password; "
        f"if this ends before the run below is done, ./infra up {target.shown} completes it"
    )
    return Done(engine=engine.name, result=changes.carried_out(engine, "up", show))


def _refuse_local(values: Mapping[str, Output], target: Target) -> None:
    if on_this_machine(values):
        raise UsageError(
            f"the stack {target.stack} is a database on this machine, whose password was made here and is used nowhere "
            "else: there is nothing to rotate at Xata",
            next_step=f"for a new one: ./infra destroy {target.stack}, then ./infra up {target.stack}; data are kept",
        )


def _agree(target: Target, branch: str, *, yes: bool, ask: Callable[[str], bool] | None) -> None:
    if yes or (ask is not None and ask(QUESTION.format(stack=target.stack, branch=branch))):
        return
    why = "there is no terminal to ask on, and no --yes" if ask is None else "the answer was no"
    raise ChangesRefusedError(
        f"{target.stack}: nothing was changed, because {why}",
        next_step=f"./infra rotate {target.shown} --yes rotates the password of the branch {branch}",
    )


def connected(target: Target, engine: Engine) -> Client:
    """Xata's API, if it is the server that the stack's branch was made at.

    Raises:
        components.errors.InfraError: There is no key, or it is another server.
    """
    from components.xata.api.client import connect  # noqa: PLC0415 - loads the HTTP client
    from components.xata.properties import require_server  # noqa: PLC0415 - as above

    made_at = next((one.api for one in engine.recorded() if one.kind == "xata:Branch"), "")
    client = connect(target.environ())
    require_server(client, made_at)
    return client


def _rotated(client: Client, values: Mapping[str, Output], seconds: float) -> None:
    from components.connection import Connection  # noqa: PLC0415 - not for help and usage errors
    from components.xata.branches import credentials  # noqa: PLC0415 - loads the HTTP client

    recorded = Connection.parse(str(values["databaseUrl"].value))
    credentials.rotate(
        client,
        place_of(values),
        str(values["branchId"].value),
        old_password=recorded.password,
        last_host=recorded.host,
        timeout_seconds=seconds,
    )
