"""./infra status: every environment in a row, as it is now."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
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
        examples=(
            "./infra status",
            "./infra status --json",
            "./infra status --html status.html",
            "./infra status --drift --timeout 30",
        ),
        run=run,
    )
    cli.add_engine(parser)
    cli.add_json(parser)
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="write the same as one page that needs nothing else to be opened"
    )
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
    seen = asking.look(target, seconds=arguments.timeout, history=arguments.html is not None)
    if arguments.drift:
        seen = asking.with_drift(seen, target)
    found = [_filled(row) for row in rows.rows(seen)]
    if arguments.html:
        write(arguments.html, seen, found)
    if arguments.json:
        console.answer(rows.as_answer(seen, found))
    else:
        show(seen, found)
    return rows.exit_code(seen, found)


def _filled(row: Row) -> Row:
    """The row with its commands as they are to be typed now; `dev` is the sandbox's only where it is a branch there."""
    stack = row.name if row.source.branch.value else ""

    def said(text: str) -> str:
        return filled(text.replace(" STACK", f" {row.name}"), stack=stack)

    return replace(row, says=said(row.says), next_step=said(row.next_step))


def write(file: Path, seen: Seen, found: list[Row]) -> None:
    """Write the page, in one step, for everybody to read.

    Raises:
        LocalError: The folder cannot be written.
    """
    from components.local.files import write_private
    from operations.status.page import page

    write_private(file, page(seen, found))
    file.chmod(0o644)
    console.say(f"the page is {file}")


def show(seen: Seen, found: list[Row]) -> None:
    """Show a person the table, and what is to be known besides."""
    from operations.status.rows import lines

    print("\n".join(table(lines(found), sys.stdout)))
    for note in seen.notes:
        console.say(note)
