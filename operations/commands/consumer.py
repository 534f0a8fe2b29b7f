"""./infra consumer: run another Pulumi project that reads our outputs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from operations import changes, cli, console, reporting
from operations.changes import Done, carried_out, require_some, unagreed
from operations.commands.outputs import add_format, require_one_format, shown
from operations.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import argparse

    from operations.changes import Target
    from operations.engines.interface import Engine

ACTIONS = ("up", "preview", "destroy", "outputs")


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "consumer",
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
    cli.add_engine(parser)
    cli.add_yes(parser)
    cli.add_json(parser)
    add_format(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    require_one_format(arguments)
    engine = opened(changes.Target.from_arguments(arguments), arguments.project)
    again = f"./infra consumer up {arguments.project} {arguments.stack}"
    if arguments.action == "outputs":
        shown(require_some(engine.outputs(), arguments.stack, again), arguments)
        return ExitCode.SUCCESS
    show = reporting.shower(verbose=arguments.verbose)
    if arguments.action == "preview":
        done = changes.previewed(engine, show=show, document=arguments.json)
    else:
        ask = reporting.asker(arguments.action)
        step = "--yes carries it out"
        stays = None if arguments.yes else unagreed(engine, arguments.action, "", ask=ask, show=show, next_step=step)
        done = stays or Done(
            engine=engine.name, result=carried_out(engine, arguments.action, show, previewed=not arguments.yes)
        )
    return reporting.report(done, as_json=arguments.json, next_step=again if arguments.action == "preview" else "")


STACK = re.compile(r"(?!\.\.?$)[A-Za-z0-9_.-]{1,100}")


def opened(target: Target, folder: Path) -> Engine:
    """Open a stack of the project in a folder, on the state of ours.

    Raises:
        UsageError: There is no such project or stack, or it is ours.
        StateError: There is state, and no passphrase for it.
    """
    from operations import workspace
    from operations.engines.choice import choose
    from operations.engines.interface import EngineOptions

    require(target, folder)
    environ = target.environ()
    url = workspace.backend_url(target.folder, environ)
    passphrase = workspace.passphrase(target.folder, url, environ)
    environ = {**environ, "PULUMI_BACKEND_URL": url}
    if passphrase is not None:
        environ["PULUMI_CONFIG_PASSPHRASE"] = passphrase
    there = workspace.open_workspace(folder.resolve(), target.stack, environ=environ)
    options = EngineOptions(parallel=target.parallel, verbose=target.verbose)
    return choose(target.engine, there, options, say=console.say if target.verbose else _nothing)


def require(target: Target, folder: Path) -> None:
    """Refuse what is no project of its own: one that bears our name would take our state for its.

    Raises:
        UsageError: It is none.
    """
    from pulumi_embedded.project import load_project

    if not (folder / "Pulumi.yaml").is_file():
        raise UsageError(f"{folder} is no Pulumi project: it has no Pulumi.yaml", next_step="name its folder")
    name = load_project(folder).name
    if name == load_project(target.folder).name:
        raise UsageError(
            f"{folder} is the project {name!r}, as this one is: their stacks would be the same state",
            next_step="give it another name in its Pulumi.yaml",
        )
    if not STACK.fullmatch(target.stack):
        raise UsageError(
            f"{target.stack!r} is no name of a stack", next_step="letters, digits, '-', '_' and '.' make one"
        )
    if not (folder / f"Pulumi.{target.stack}.yaml").is_file():
        raise UsageError(
            f"the project {name!r} has no Pulumi.{target.stack}.yaml in {folder}",
            next_step=f"make it; `config: {{}}` is enough: printf 'config: {{}}\\n' > Pulumi.{target.stack}.yaml",
        )


def _nothing(_text: str) -> None:
    """Which engine works is nothing a person needs to be told."""
