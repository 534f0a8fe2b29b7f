"""./infra refresh STACK: record what is really there."""

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
        "refresh",
        summary="record what is really there",
        text=(
            "Look at everything STACK is made of and record what is found. Changes the record only, nothing else;\n"
            "`up` does this by itself before it begins."
        ),
        examples=("./infra refresh dev", "./infra refresh dev --yes --json"),
        run=run,
    )
    options.add_stack(parser)
    options.add_yes(parser)
    options.add_json(parser)
    options.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    done = reporting.carried_out("refresh", arguments)
    drifted = done.result.changes.update + done.result.changes.delete
    step = f"./infra up {arguments.stack} heals what has drifted" if drifted else ""
    return reporting.report(done, as_json=arguments.json, next_step=step)
