"""./infra environments: which there are, for a person and for the jobs of a workflow."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from operations import cli, console, stack_names
from operations.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

OF_OTHER_JOBS: Final = ("plan", "plan-production", "drift")
"""GitHub environments with keys that only read; `preview` is no environment's name anyway."""


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "environments",
        text=(
            "List the environments that a team has named: each Pulumi.<name>.yaml but those of dev, foundation and\n"
            "pull requests, and which of them hold production's data by what their files say. In a workflow's run\n"
            "the step's outputs `usual`, `production` and `all` are their names as JSON lists, empty where there is\n"
            "none. A file that is no environment's is refused, so that none is passed over in silence."
        ),
        examples=("./infra environments", "./infra environments --json"),
        run=run,
    )
    cli.add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from stacks import side_by_side

    folder = stack_names.PROJECT
    names, productions = validated(folder), side_by_side.productions(folder)
    for output, listed in (("usual", side_by_side.usual(folder)), ("production", [*productions]), ("all", names)):
        console.put_out(output, json.dumps(listed) if listed else "", os.environ)
    if arguments.json:
        console.answer({"environments": [{"name": name, "production": name in productions} for name in names]})
    else:
        for name in names:
            print(f"{name} (production's data)" if name in productions else name)
    return ExitCode.SUCCESS


def validated(folder: Path) -> list[str]:
    """The environments of a folder, in their order.

    Raises:
        UsageError: A file bears a name that is no stack's, or that of a GitHub environment for something else.
    """
    for name in stack_names.files(folder):
        stack_names.checked(name)
        if name in OF_OTHER_JOBS:
            raise UsageError(
                f"an environment cannot be called {name!r}: the GitHub environment of this name has the keys of the "
                f"workflows' other jobs; taken are {', '.join(OF_OTHER_JOBS)}",
                next_step=f"git mv Pulumi.{name}.yaml to another name; infra:branch: {name} in it keeps the branch",
            )
    return stack_names.environments(folder)
