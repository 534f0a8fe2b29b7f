"""./infra unlock STACK: remove the lock that a killed run has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import changes, cli, console
from operations.errors import ExitCode, StateLockedError
from operations.workspace import describe_workspace

if TYPE_CHECKING:
    import argparse

    from operations.changes import Target
    from operations.engines.interface import Engine
    from operations.engines.recorded import Holder


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "unlock",
        text=(
            "Show who holds STACK's lock (user, machine, process, since when, and whether that process still runs),\n"
            "and remove it once that is agreed to. Refused while the process runs on this machine. The next `up`\n"
            "goes on where the killed run stopped."
        ),
        examples=("./infra unlock staging", "./infra unlock staging --yes", "./infra unlock staging --sandbox --json"),
        run=run,
    )
    cli.add_stack(parser)
    cli.add_yes(parser)
    cli.add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Show who holds the lock, and remove it when that is agreed to and nobody is at work on this machine."""
    target = changes.Target.from_arguments(arguments)
    engine = _engine(target)
    holders = engine.holders()
    if holders != ():
        _require_agreement(target.stack, holders, yes=arguments.yes)
        engine.unlock(holders or ())
    if arguments.json:
        told = None if holders is None else [holder.to_json() for holder in holders]
        console.answer({"stack": target.stack, "engine": engine.name, "removed": holders != (), "holders": told})
    console.say(f"{target.stack}: {'nobody holds its lock' if holders == () else 'the lock is removed'}")
    if holders != ():
        console.say(f"  next: ./infra up {target.stack} goes on where the other run stopped")
    return ExitCode.SUCCESS


def _engine(target: Target) -> Engine:
    """The engine that works on the stack, whatever its configuration says: a lock must not wait for that."""
    from operations.engines.choice import choose
    from operations.engines.interface import EngineOptions

    workspace = describe_workspace(target.folder, target.stack, environ=target.environ())
    return choose(target.engine, workspace, EngineOptions(), say=lambda _: None)


def _refuse_living(stack: str, holders: tuple[Holder, ...]) -> None:
    living = [holder for holder in holders if holder.running]
    if living:
        pids = ", ".join(str(holder.pid) for holder in living)
        raise StateLockedError(
            f"{stack}: its lock was not removed, because the run that holds it is at work on this machine "
            f"(process {pids})",
            next_step="wait until it has ended, or end it: Ctrl-C where it runs, then its lock goes by itself",
        )


def _require_agreement(stack: str, holders: tuple[Holder, ...] | None, *, yes: bool) -> None:
    """Show the holders, refuse where one is at work here, and ask.

    Raises:
        StateLockedError: The holder is a living process of this machine.
        ChangesRefusedError: Nobody agreed.
    """
    for holder in holders or ():
        console.say(f"{stack} is locked by {holder}")
    _refuse_living(stack, holders or ())
    if holders is None:
        console.say(
            f"{stack}: who holds its lock cannot be seen from here, because its state is in no folder; "
            "a run that was refused has named the holder"
        )
    console.require_agreement(
        f"{stack}: remove the lock? Two runs at once would harm its state.",
        yes=yes,
        otherwise=f"{stack}: the lock was not removed",
        next_step=f"when it is certain that no run is at work there: ./infra unlock {stack} --yes",
    )
