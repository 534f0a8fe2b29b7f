"""./infra rotate STACK: a new password for the stack's database, now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import changes, console, options, reporting

if TYPE_CHECKING:
    import argparse

    from operations.exit_codes import ExitCode

LONGEST_WAIT_SECONDS = 600.0


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "rotate",
        summary="give an environment's database a new password, now",
        text=(
            "Rotate the password of STACK's branch at Xata, wait until the new one is in force, and bring the stack\n"
            "up with it: the connection string, its check and all that is made of them follow in one run. Who still\n"
            "uses the old password is refused at the next log-in; open sessions stay. When the run dies in between,\n"
            "the next `up` finds the new password and completes the rest."
        ),
        examples=("./infra rotate staging", "./infra rotate staging --yes --json", "./infra rotate staging --sandbox"),
        run=run,
    )
    options.add_stack(parser)
    options.add_yes(parser)
    options.add_json(parser)
    options.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.rotation import rotate  # noqa: PLC0415 - not for help and usage errors

    done = rotate(
        changes.Target.from_arguments(arguments),
        yes=arguments.yes,
        ask=console.agreed if console.can_ask() else None,
        show=reporting.shower(verbose=arguments.verbose),
        seconds=LONGEST_WAIT_SECONDS,
    )
    step = f"./infra verify {options.shown_stack(arguments)}"
    return reporting.report(done, as_json=arguments.json, next_step=step)
