"""./infra status: every environment in a row, as it is now."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from operations import changes, cli, console
from operations.commands.verify import DEFAULT_BUDGET, budget
from operations.display.table import table
from operations.next_steps import filled

if TYPE_CHECKING:
    from operations.errors import ExitCode
    from operations.status.facts import Seen
    from operations.status.rows import Row


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "status",
        text=(
            "Show every environment: dev, each that has a file, and each pull request's. Its branch and parent, size\n"
            "and sleep, the app and its address, health now, last `up`, age of the password, newest restore point,\n"
            "the end of a preview's life. Everything is asked at once, under one deadline; what has not answered is\n"
            "shown as not known. Changes nothing, and wakes no branch that sleeps."
        ),
        examples=("./infra status", "./infra status --json", "./infra status --drift --timeout 30"),
        run=run,
    )
    cli.add_engine(parser)
    cli.add_json(parser)
    parser.add_argument("--drift", action="store_true", help="look for drift, too, one stack after the other")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=budget,
        default=DEFAULT_BUDGET,
        help=f"how long to wait for answers (default: {DEFAULT_BUDGET:g})",
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.status import asking, rows

    target = changes.Target.from_arguments(argparse.Namespace(**vars(arguments), stack=""))
    seen = asking.look(target, seconds=arguments.timeout)
    if arguments.drift:
        seen = asking.with_drift(seen, target)
    found = rows.rows(seen)
    if arguments.json:
        console.answer(rows.as_answer(seen, found))
    else:
        show(seen, found)
    return rows.exit_code(seen, found)


def show(seen: Seen, found: list[Row]) -> None:
    """Show a person the table, and what is to be known besides."""
    from operations.status.rows import lines

    for line in table(lines(found), sys.stdout):
        print(filled(line))
    for note in seen.notes:
        console.say(note)
