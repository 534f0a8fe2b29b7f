"""./infra preview STACK: what up would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import changes, cli, reporting

if TYPE_CHECKING:
    import argparse

    from operations.errors import ExitCode


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "preview",
        text=(
            "Say what `up` would do to STACK. Writes nothing. With --json it answers with the document of\n"
            "`pulumi preview --json`, also when the program or a resource fails; secrets are masked."
        ),
        examples=("./infra preview dev", "./infra preview staging --json"),
        run=run,
    )
    cli.add_stack(parser)
    cli.add_json(parser)
    cli.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    done = changes.preview(
        changes.Target.from_arguments(arguments),
        show=reporting.shower(verbose=arguments.verbose),
        document=arguments.json,
    )
    step = "the same command with up carries it out" if arguments.config else f"./infra up {arguments.stack}"
    return reporting.report(done, as_json=arguments.json, next_step=step)
