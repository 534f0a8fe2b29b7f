"""./infra refresh STACK: record what is really there."""

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
        "refresh",
        text=(
            "Look at everything STACK is made of and record what is found. Changes the record only, nothing else;\n"
            "`up` does this by itself before it begins."
        ),
        examples=("./infra refresh dev", "./infra refresh dev --yes --json"),
        run=run,
    )
    cli.add_stack(parser)
    cli.add_yes(parser)
    cli.add_json(parser)
    cli.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    done = reporting.carried_out("refresh", arguments)
    drifted = done.result.changes.update + done.result.changes.delete
    step = f"./infra up {arguments.stack} heals what has drifted" if drifted else ""
    return reporting.report(done, as_json=arguments.json, next_step=step)
