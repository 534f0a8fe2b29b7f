"""./infra sync: a preview environment in line with its pull request, as GitHub says it is now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from operations import console, options, stack_names
from operations.errors import UsageError
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "sync",
        summary="bring a preview environment in line with its pull request",
        text=(
            "Ask GitHub what a pull request is now, and make its environment follow: open, it is brought up with its\n"
            "app; closed, merged or gone, it is taken down and forgotten; from a fork, nothing is done. What an event\n"
            "says has happened does not count, only its number: events come late, twice and out of order. At the end\n"
            "it looks once more. Needs GITHUB_TOKEN (permission pull-requests: read) and GITHUB_REPOSITORY."
        ),
        examples=(
            "./infra sync pr-7",
            './infra sync --event "$GITHUB_EVENT_PATH" --yes',
            "./infra sync pr-7 --sandbox --yes --json",
        ),
        run=run,
    )
    parser.add_argument(
        "stack", metavar="STACK", nargs="?", type=_preview, help="the stack of the pull request: pr-<number>"
    )
    parser.add_argument("--event", metavar="FILE", type=Path, help="the event of a workflow's run, for its number")
    options.add_engine(parser)
    options.add_yes(parser)
    options.add_json(parser)
    options.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.sync import telling  # noqa: PLC0415 - not for help and usage errors
    from operations.sync.run import sync  # noqa: PLC0415 - as above

    if (arguments.stack is None) == (arguments.event is None):
        raise UsageError(
            "sync takes the stack of a pull request or --event, one of the two",
            next_step="./infra sync pr-7, or ./infra sync --event FILE",
        )
    synced = sync(arguments)
    console.say(telling.sentence(synced.stack, synced.followed))
    code = synced.followed.code
    if code is ExitCode.CHANGES_REFUSED and not arguments.yes:
        console.say(f"  next: ./infra sync {synced.stack} --yes carries it out")
    elif code not in {ExitCode.SUCCESS, ExitCode.CHANGES_REFUSED}:
        console.say(f"  next: ./infra sync {synced.stack} looks again and goes on from there")
    if arguments.json:
        console.answer(telling.as_answer(synced.stack, synced.repository, synced.followed))
    return code


def _preview(name: str) -> str:
    """The name of a pull request's stack, judged while the command line is read."""
    if stack_names.is_preview(stack_names.checked(name)):
        return name
    raise UsageError(
        f"{name} does not belong to a pull request; sync is for pr-<number>", next_step=f"./infra up {name}"
    )
