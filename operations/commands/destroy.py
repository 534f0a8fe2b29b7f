"""./infra destroy STACK: take the environment down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import cli, reporting

if TYPE_CHECKING:
    import argparse

    from operations.errors import ExitCode


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "destroy",
        text=(
            "Take STACK down. The dev database's data stay where they are, and the next `up` finds them, unless\n"
            "retainData is false. With --config the stack is first brought up with these values, because what is\n"
            "done on deletion is recorded with each resource."
        ),
        examples=("./infra destroy dev", "./infra destroy dev --yes", "./infra destroy dev --config retainData=false"),
        run=run,
    )
    cli.add_stack(parser)
    cli.add_yes(parser)
    cli.add_json(parser)
    cli.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    done = reporting.carried_out("destroy", arguments)
    step = f"./infra up {arguments.stack} makes it again"
    return reporting.report(done, as_json=arguments.json, next_step=step)
