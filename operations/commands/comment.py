"""./infra comment: the plan as a comment below a pull request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from operations import options

if TYPE_CHECKING:
    import argparse

    from operations.exit_codes import ExitCode

MOST_DIGITS = 9


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "comment",
        summary="show a reviewer what a pull request would change",
        text=(
            "Turns documents of `preview --json` into one comment below a pull request: counts for each stack, what\n"
            "needs an eye first, why a preview failed, then what changes. A pull request has one such comment, which\n"
            "the next run changes. It is appended to the job's summary, too. Secrets are masked, and what stands in a\n"
            "plan cannot do anything in the comment. Needs GITHUB_TOKEN with pull-requests: write, and\n"
            "GITHUB_REPOSITORY; in a workflow's run the pull request is that of its event.\n"
            "A document that cannot be understood is told in the comment, and fails (exit code 2)."
        ),
        examples=(
            "./infra preview staging --json | ./infra comment --dry-run",
            "./infra comment staging.json production.json",
            "./infra comment staging=plan.json --pull-request 7",
        ),
        run=run,
    )
    options.add_previews(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pull-request", metavar="N", type=_number, help="the pull request's number")
    which.add_argument("--event", metavar="FILE", type=Path, help="take it from this event file of a workflow's run")
    parser.add_argument("--dry-run", action="store_true", help="print the comment, and ask no service")
    options.add_sandbox(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.review import comment  # noqa: PLC0415 - not for help and usage errors

    return comment.run(
        arguments.documents,
        number=arguments.pull_request,
        event=arguments.event,
        dry_run=arguments.dry_run,
        sandbox=arguments.sandbox,
    )


def _number(text: str) -> int:
    import argparse  # noqa: PLC0415 - for its error alone

    number = text.removeprefix("#")
    if not number.isascii() or not number.isdecimal() or not 0 < len(number) <= MOST_DIGITS or not int(number):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not the number of a pull request")
    return int(number)
