"""./infra consumer: run another Pulumi project that reads our outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from operations import changes, options, reporting
from operations.commands.outputs import add_format, require_one_format, shown
from operations.deployed import require_some
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse

ACTIONS = ("up", "preview", "destroy", "outputs")


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "consumer",
        summary="run another Pulumi project that reads the outputs of this one",
        text=(
            "Work on STACK of the Pulumi project in FOLDER, with the engine, the state and the passphrase of this\n"
            "project, so that its StackReference finds `organization/infra/staging` and its like. With the Pulumi CLI\n"
            "it is the same as `pulumi up` there; on the embedded engine it runs on this project's Python packages."
        ),
        examples=(
            "./infra consumer up examples/consumer staging",
            "./infra consumer outputs examples/consumer staging --json",
            "./infra consumer destroy examples/consumer staging --sandbox --yes",
        ),
        run=run,
    )
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=f"one of {', '.join(ACTIONS)}")
    parser.add_argument("project", metavar="FOLDER", type=Path, help="the folder of its Pulumi.yaml")
    parser.add_argument("stack", metavar="STACK", help="its stack")
    options.add_engine(parser)
    options.add_yes(parser)
    options.add_json(parser)
    add_format(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations import consumers  # noqa: PLC0415 - not for help and usage errors

    require_one_format(arguments)
    engine = consumers.opened(changes.Target.from_arguments(arguments), arguments.project)
    again = f"./infra consumer up {arguments.project} {arguments.stack}"
    if arguments.action == "outputs":
        shown(require_some(engine.outputs(), arguments.stack, again), arguments)
        return ExitCode.SUCCESS
    show = reporting.shower(verbose=arguments.verbose)
    if arguments.action == "preview":
        done = changes.previewed(engine, show=show, document=arguments.json)
    else:
        ask = reporting.asker(arguments.action)
        done = consumers.change(arguments.action, engine, yes=arguments.yes, ask=ask, show=show)
    return reporting.report(done, as_json=arguments.json, next_step=again if arguments.action == "preview" else "")
