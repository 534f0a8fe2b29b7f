"""Give a stack's database a new password now, and carry it wherever it belongs.

It is an `up` whose configuration names the password that is to be replaced, by its fingerprint. So everything that an
`up` refuses is refused before the password changes: the lock, the plan, a Worker that cannot be told. Said again after
a run that died, it completes that one and does not rotate twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from components.connection import Connection
from components.errors import InfraError
from components.fingerprint import fingerprint
from operations import changes, console
from operations.changes import Done
from operations.deployed import deployed, on_this_machine, place_of
from operations.errors import ChangesRefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from components.xata.api.client import Client
    from operations.changes import ShowProgress, Target
    from operations.engines.interface import Engine
    from pulumi_embedded.api import Output

QUESTION = "{stack}: give the branch {branch} a new password? The old one is refused from then on."
KEY = "infra:insteadOfPassword"


def rotate(target: Target, *, yes: bool, ask: Callable[[str], bool] | None, show: ShowProgress) -> Done:
    """Bring the stack up with a new password, and say what became of the old one.

    Args:
        target: Which stack, and how.
        yes: Agreed to beforehand.
        ask: Asks a question; None where nobody is there to answer.
        show: Makes whoever shows the progress of one run.

    Raises:
        UsageError: The stack was never deployed, or its database is on this machine.
        ChangesRefusedError: Nobody agreed.
        components.errors.InfraError: The branch is gone, the API refuses, or it is not the one the branch was made at.
    """
    engine = changes.opened(target, deploys=True)
    values = deployed(engine.outputs(), target)
    _refuse_local(values, target)
    client = connected(target, engine)
    _require_there(client, values)
    branch, old = str(values["branchName"].value), Connection.parse(str(values["databaseUrl"].value)).password
    _agree(target, branch, yes=yes, ask=ask)
    wanted = replace(target, config={**target.config, KEY: fingerprint(old)})
    engine = changes.opened(wanted, deploys=True, changes=True)
    done = Done(engine=engine.name, result=changes.carried_out(engine, "up", show))
    console.say(f"the branch {branch} {_fate(client, values, old)}")
    return done


def _fate(client: Client, values: Mapping[str, Output], old: str) -> str:
    """What became of the password, as Xata says it; to complete "the branch …"."""
    from components.xata.branches import credentials  # noqa: PLC0415 - loads the HTTP client

    try:
        found = credentials.current(client, place_of(values), str(values["branchId"].value))
    except InfraError as error:
        return f"could not be asked whether its password is new: {error.message}"
    same = found is not None and found.endpoints.password == old
    return "has the password that it had: nothing was rotated" if same else "has a new password"


def _require_there(client: Client, values: Mapping[str, Output]) -> None:
    """Refuse where the branch is gone: an `up` would make another one."""
    from components.xata.branches.find import read_branch  # noqa: PLC0415 - loads the HTTP client

    read_branch(client, place_of(values), str(values["branchId"].value))


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
        next_step=f"./infra rotate {target.stack} --yes rotates the password of the branch {branch}",
    )


def connected(target: Target, engine: Engine) -> Client:
    """Xata's API, if it is the server that the stack's branch was made at.

    Raises:
        components.errors.InfraError: There is no key, or it is another server.
    """
    from components.xata.provider import client_for  # noqa: PLC0415 - loads the HTTP client

    made_at = next((one.api for one in engine.recorded() if one.kind == "xata:Branch"), "")
    return client_for(made_at, target.environ())
