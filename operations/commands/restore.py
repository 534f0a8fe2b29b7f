"""./infra restore STACK --into NAME: what the backup holds, in a branch of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import answers, changes, console, options
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse

LONGEST_WAIT_SECONDS = 600.0


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "restore",
        summary="bring a backup back, in a new branch beside the environment's",
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
    options.add_stack(parser)
    parser.add_argument("--into", metavar="NAME", required=True, help="what the new branch is called")
    options.add_yes(parser)
    options.add_json(parser)
    parser.add_argument("--show-secrets", action="store_true", help="show the new branch's URL in the clear")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.restoring import restore  # noqa: PLC0415 - not for help and usage errors

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
        "databaseUrl": found.url if arguments.show_secrets else answers.MASK,
    }
    if arguments.json:
        console.answer(shown)
    else:
        width = max(map(len, shown))
        print("\n".join(f"{name:<{width}}  {value}" for name, value in shown.items()))
    console.say(f"{found.stack}: the newest backup of {found.source} is in the branch {found.branch}")
    console.say("  next: look at it, and bring over what is needed: docs/tasks/restore.md")
    return ExitCode.SUCCESS
