"""./infra status: every environment in a row, as it is now."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.lazy import Lazy
from operations import changes, cli, console
from operations.commands.verify import DEFAULT_BUDGET, budget
from operations.display.table import has_colours, painted, table
from operations.errors import ExitCode, UsageError
from operations.next_steps import filled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operations.status import rows
    from operations.status.facts import Health, Seen
    from operations.status.rows import Row
else:
    rows = Lazy("operations.status.rows")

PRINTED: Final = Path("-")
WATCH_SECONDS: Final = 30.0
CLEARED: Final = "\x1b[H\x1b[2J"
"""Empties a terminal's screen."""


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
            "./infra status --watch --html status.html",
            "./infra status --drift --timeout 30",
        ),
        run=run,
    )
    cli.add_engine(parser)
    cli.add_json(parser)
    _add_options(parser)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="write the same as one page that needs nothing else to be opened; - for standard output",
    )
    parser.add_argument(
        "--watch",
        metavar="SECONDS",
        nargs="?",
        type=budget,
        const=WATCH_SECONDS,
        help=f"look again every so many seconds (default: {WATCH_SECONDS:g}), until Ctrl-C; with many environments "
        "less often, so that half of what Xata lets a key ask stays for others",
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
    target = changes.Target.from_arguments(argparse.Namespace(**vars(arguments), stack=""))
    if arguments.html == PRINTED:
        return _print_page(arguments, target)
    if arguments.watch:
        _require_watchable(arguments)
        return watch(arguments, target)
    seen, found = _look(arguments, target)
    if arguments.html:
        write(arguments.html, seen, found)
        console.say(f"the page is {arguments.html}")
    if arguments.json:
        console.answer(rows.as_answer(seen, found))
    else:
        print("\n".join(told(seen, found)))
    return rows.exit_code(seen, found)


def _print_page(arguments: argparse.Namespace, target: changes.Target) -> ExitCode:
    from operations.status.page import page

    for name in ("watch", "json"):
        if getattr(arguments, name):
            raise UsageError(
                f"--html - prints one page and nothing else, so --{name} has no place beside it",
                next_step=f"name a file: ./infra status --{name} --html status.html",
            )
    seen, found = _look(arguments, target)
    sys.stdout.write(page(seen, found))
    return rows.exit_code(seen, found)


def _require_watchable(arguments: argparse.Namespace) -> None:
    for name in ("json", "drift"):
        if getattr(arguments, name):
            raise UsageError(
                f"--watch looks again and again, and --{name} is about one look",
                next_step=f"leave one of them out: ./infra status --{name}",
            )


def _look(
    arguments: argparse.Namespace, target: changes.Target, spared: Mapping[str, Health] | None = None
) -> tuple[Seen, list[Row]]:
    from operations.status import asking

    seen = asking.look(target, seconds=arguments.timeout, history=arguments.html is not None, spared=spared)
    if arguments.drift:
        seen = asking.with_drift(seen, target)
    return seen, [_filled(row) for row in rows.rows(seen)]


def watch(arguments: argparse.Namespace, target: changes.Target) -> ExitCode:
    """Look again and again until Ctrl-C, which is no failure: the exit code is that of the last look."""
    spared: Mapping[str, Health] = {}
    before: list[Row] | None = None
    code = ExitCode.INTERRUPTED
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            seen, found = _look(arguments, target, spared)
            code, wait = rows.exit_code(seen, found), rows.pause(arguments.watch, seen.calls)
            if arguments.html:
                write(arguments.html, seen, found, every=wait)
            _redrawn(seen, found, before, wait)
            before, spared = found, rows.spared(seen)
            time.sleep(wait)
    return code


def _redrawn(seen: Seen, found: list[Row], before: list[Row] | None, wait: float) -> None:
    """The whole anew on a terminal; elsewhere the whole once, and then what has changed."""
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        head = f"{seen.at:%H:%M:%S} UTC, every {wait:.0f} s, until Ctrl-C"
        head = painted(head, "dim") if has_colours(sys.stdout) else head
        print("\n".join([f"{CLEARED}{head}", *told(seen, found)]), flush=True)
    elif before is None:
        print("\n".join(told(seen, found)), flush=True)
    else:
        for line in rows.changes(before, found):
            print(f"{seen.at:%H:%M:%S} {line}", flush=True)


def _filled(row: Row) -> Row:
    """The row with its commands as they are to be typed now; `dev` is the sandbox's only where it is a branch there."""
    stack = row.name if row.source.branch.value else ""

    def said(text: str) -> str:
        return filled(text.replace(" STACK", f" {row.name}"), stack=stack)

    return replace(row, says=said(row.says), next_step=said(row.next_step))


def write(file: Path, seen: Seen, found: list[Row], *, every: float | None = None) -> None:
    """Write the page, in one step, for everybody to read.

    Raises:
        LocalError: The folder cannot be written.
    """
    from components.local.files import write_private
    from operations.status.page import page

    write_private(file, page(seen, found, every=every))
    file.chmod(0o644)


def told(seen: Seen, found: list[Row]) -> list[str]:
    """What a person reads: the table, and what is to be known besides."""
    return [*table(rows.lines(found), sys.stdout), *seen.notes]
