"""./infra destroy STACK: take the environment down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import options, reporting

if TYPE_CHECKING:
    import argparse

    from operations.exit_codes import ExitCode


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "destroy",
        summary="take an environment down; the dev database keeps its data",
        text=(
            "Take STACK down. The dev database's data stay where they are, and the next `up` finds them, unless\n"
            "retainData is false. With --config the stack is first brought up with these values, because what is\n"
            "done on deletion is recorded with each resource."
        ),
        examples=("./infra destroy dev", "./infra destroy dev --yes", "./infra destroy dev --config retainData=false"),
        run=run,
    )
    options.add_stack(parser)
    options.add_yes(parser)
    options.add_json(parser)
    options.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    done = reporting.carried_out("destroy", arguments)
    step = f"./infra up {arguments.stack} makes it again"
    return reporting.report(done, as_json=arguments.json, next_step=step)
