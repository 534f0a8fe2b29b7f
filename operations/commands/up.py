"""./infra up STACK: make the stack what its program says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import options, reporting

if TYPE_CHECKING:
    import argparse

    from operations.exit_codes import ExitCode

NEXT = {"dev": "the app reads .dev.vars in its folder (config appPath); {verify} proves the database any time"}


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "up",
        summary="make or repair an environment",
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
    options.add_stack(parser)
    options.add_yes(parser)
    options.add_json(parser)
    options.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    done = reporting.carried_out("up", arguments)
    step = NEXT.get(arguments.stack, "{verify}").format(verify=f"./infra verify {options.shown_stack(arguments)}")
    return reporting.report(done, as_json=arguments.json, next_step=step)
