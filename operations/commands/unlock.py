"""./infra unlock STACK: remove the lock that a killed run has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import changes, console, options
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "unlock",
        summary="remove the lock that a killed run has left, after showing who holds it",
        text=(
            "Show who holds STACK's lock (user, machine, process, since when, and whether that process still runs),\n"
            "and remove it once that is agreed to. Refused while the process runs on this machine. The next `up`\n"
            "goes on where the killed run stopped."
        ),
        examples=("./infra unlock staging", "./infra unlock staging --yes", "./infra unlock staging --sandbox --json"),
        run=run,
    )
    options.add_stack(parser)
    options.add_yes(parser)
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.unlocking import unlock  # noqa: PLC0415 - not for help and usage errors

    target = changes.Target.from_arguments(arguments)
    done = unlock(target, yes=arguments.yes, ask=console.agreed if console.can_ask() else None)
    if arguments.json:
        holders = None if done.holders is None else [holder.to_json() for holder in done.holders]
        answer = {"stack": arguments.stack, "engine": done.engine, "removed": done.removed, "holders": holders}
        console.answer(answer)
    said = "the lock is removed" if done.removed else "nobody holds its lock"
    console.say(f"{arguments.stack}: {said}")
    if done.removed:
        console.say(f"  next: ./infra up {target.stack} goes on where the other run stopped")
    return ExitCode.SUCCESS
