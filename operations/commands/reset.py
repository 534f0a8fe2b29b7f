"""./infra reset pr-N: a fresh copy of the parent for a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import changes, console, options, reporting

if TYPE_CHECKING:
    import argparse

    from operations.exit_codes import ExitCode


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "reset",
        summary="give a preview's database a fresh copy of its parent",
        text=(
            "Replace the database of a pull request by a fresh copy of its parent, in this order: new branch, its\n"
            "check, the Worker's secret, the Worker's check, and then the old branch is deleted. The Worker and its\n"
            "address stay. When the run dies, the next `reset` goes on, and the next `up` completes it or takes it\n"
            "back; at no moment is there no database."
        ),
        examples=("./infra reset pr-7", "./infra reset pr-7 --yes --json", "./infra reset pr-7 --sandbox"),
        run=run,
    )
    options.add_stack(parser)
    options.add_yes(parser)
    options.add_json(parser)
    options.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.reset import reset  # noqa: PLC0415 - not for help and usage errors

    done = reset(
        changes.Target.from_arguments(arguments),
        yes=arguments.yes,
        ask=console.agreed if console.can_ask() else None,
        show=reporting.shower(verbose=arguments.verbose),
    )
    step = f"./infra verify {arguments.stack}"
    return reporting.report(done, as_json=arguments.json, next_step=step, stack=arguments.stack)
