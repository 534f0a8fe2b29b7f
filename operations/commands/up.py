"""./infra up STACK: make the stack what its program says."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from operations import changes, cli, console, reporting
from operations.errors import ExitCode

if TYPE_CHECKING:
    from operations.changes import Done

NEXT = {"dev": "{verify} proves the database any time, and says which file gives the app its URL"}


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "up",
        text=(
            "Make STACK what its program says. It looks at reality first, so a stopped or removed server is healed;\n"
            "called again, it changes nothing. Without --yes it shows its plan and asks."
        ),
        examples=(
            "./infra up dev",
            "./infra up dev --yes --json",
            "./infra up dev --config database=embedded --config port=15432",
        ),
        run=run,
    )
    cli.add_stack(parser)
    cli.add_yes(parser)
    cli.add_json(parser)
    cli.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    first = _foundation(arguments)
    if first is not None and reporting.exit_code(first) is not ExitCode.SUCCESS:
        return reporting.report(first, as_json=arguments.json, next_step="")
    done = reporting.carried_out("up", arguments)
    step = NEXT.get(arguments.stack, "{verify}").format(verify=f"./infra verify {arguments.stack}")
    return reporting.report(done, as_json=arguments.json, next_step=step, stack=arguments.stack)


def _foundation(arguments: argparse.Namespace) -> Done | None:
    """Bring the foundation up first, in a sandbox that has no project yet; None where that is not so."""
    if not arguments.sandbox:
        return None
    from operations.sandbox.lifecycle import is_missing
    from operations.sandbox.place import Place

    if not is_missing(Place(folder=changes.Target.from_arguments(arguments).folder), arguments.stack):
        return None
    console.say("the sandbox has no project yet, so its foundation comes first: ./infra up foundation --sandbox")
    return reporting.carried_out("up", argparse.Namespace(**{**vars(arguments), "stack": "foundation", "config": []}))
