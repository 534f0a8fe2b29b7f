"""./infra restore STACK --into NAME: what the backup holds, in a branch of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from components.connection import Connection
from operations import changes, cli, console
from operations.changes import deployed, on_this_machine, place_of
from operations.commands.rotate import connected
from operations.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import argparse

    from operations.changes import Target

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
    """Restore, and wait until the new branch can be logged in to."""
    from components.xata.branches.credentials import connect_when_ready
    from operations.restored_branch import restore_into

    target, name = changes.Target.from_arguments(arguments), arguments.into
    _refuse_name(target, name)
    engine = changes.opened(target, deploys=False)
    values = deployed(engine.outputs(), target)
    if on_this_machine(values):
        raise UsageError(
            f"the stack {target.stack} is a database on this machine, of which no backups are kept",
            next_step="the command `dump` makes one",
        )
    client, place, source = connected(target, engine), place_of(values), str(values["branchName"].value)
    console.require_agreement(
        f"{target.stack}: restore the newest backup of the branch {source} into a new branch {name}?",
        yes=arguments.yes,
        otherwise=f"{target.stack}: nothing was made",
        next_step=f"./infra restore {target.stack} --into {name} --yes",
    )
    made = restore_into(client, place, str(values["branchId"].value), name=name, stack=target.stack).branch
    ready = connect_when_ready(client, place, made.id, timeout_seconds=LONGEST_WAIT_SECONDS)
    sslmode = Connection.parse(str(values["databaseUrl"].value)).sslmode
    url = replace(ready.endpoints.direct, sslmode=sslmode).url if arguments.show_secrets else console.MASK
    shown = {"stack": target.stack, "source": source, "branch": name, "branchId": made.id, "databaseUrl": url}
    if arguments.json:
        console.answer(shown)
    else:
        width = max(map(len, shown))
        print("\n".join(f"{title:<{width}}  {value}" for title, value in shown.items()))
    console.say(f"{target.stack}: the newest backup of {source} is in the branch {name}")
    console.say("  next: look at it, and bring over what is needed: docs/tasks/restore.md")
    return ExitCode.SUCCESS


def _refuse_name(target: Target, name: str) -> None:
    """A branch that bears the name of a stack's would be taken for that stack's."""
    from components.xata.branches.names import PERSISTENT, is_preview
    from stacks.side_by_side import branches

    if name in PERSISTENT | branches(target.folder) or is_preview(name):
        raise UsageError(
            f"--into {name}: that is the name of a stack's own branch, and a restored one must not be taken for it",
            next_step=f"./infra restore {target.stack} --into {target.stack}-restored",
        )
