"""./infra restore STACK --into NAME: what the backup holds, in a branch of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from components.connection import Connection
from operations import changes, cli, console
from operations.changes import deployed, on_this_machine, place_of
from operations.commands.rotate import connected
from operations.errors import ChangesRefusedError, ExitCode, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from operations.changes import Target
    from pulumi_embedded.api import Output

LONGEST_WAIT_SECONDS = 600.0


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "restore",
        text=(
            "Restore the newest point of the backup of STACK's branch into a new branch, and wait until it can be\n"
            "logged in to. The environment goes on with its own branch, which is not touched. Look at the new one,\n"
            "and bring over what is needed (docs/tasks/restore.md). The new branch belongs to no stack: delete it\n"
            "in Xata's console when it has served."
        ),
        examples=(
            "./infra restore production --into production-restored",
            "./infra restore staging --into staging-restored --yes --show-secrets",
        ),
        run=run,
    )
    cli.add_stack(parser)
    parser.add_argument("--into", metavar="NAME", required=True, help="what the new branch is called")
    cli.add_yes(parser)
    cli.add_json(parser)
    parser.add_argument("--show-secrets", action="store_true", help="show the new branch's URL in the clear")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    found = restore(
        changes.Target.from_arguments(arguments),
        arguments.into,
        yes=arguments.yes,
        ask=console.agreed if console.can_ask() else None,
        seconds=LONGEST_WAIT_SECONDS,
    )
    shown = {
        "stack": found.stack,
        "source": found.source,
        "branch": found.branch,
        "branchId": found.branch_id,
        "databaseUrl": found.url if arguments.show_secrets else console.MASK,
    }
    if arguments.json:
        console.answer(shown)
    else:
        width = max(map(len, shown))
        print("\n".join(f"{name:<{width}}  {value}" for name, value in shown.items()))
    console.say(f"{found.stack}: the newest backup of {found.source} is in the branch {found.branch}")
    console.say("  next: look at it, and bring over what is needed: docs/tasks/restore.md")
    return ExitCode.SUCCESS


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
    from components.xata.branches.credentials import connect_when_ready
    from components.xata.branches.restore import restore_into

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
    from components.xata.branches.names import PERSISTENT, is_preview

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
