"""./infra unlock STACK: remove the lock that a killed run has left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from operations import changes, cli, console
from operations.errors import ChangesRefusedError, ExitCode, StateLockedError
from operations.workspace import describe_workspace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from operations.changes import Target
    from operations.engines.interface import Engine, EngineName
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
    """Run the command."""
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


@dataclass(frozen=True, kw_only=True)
class Unlocked:
    """What was found, and done.

    Attributes:
        engine: What worked on it.
        holders: Who held the lock; None where that cannot be seen.
        removed: Whether the lock was removed.
    """

    engine: EngineName
    holders: tuple[Holder, ...] | None
    removed: bool


def unlock(target: Target, *, yes: bool, ask: Callable[[str], bool] | None) -> Unlocked:
    """Show who holds the lock, and remove it when that is agreed to and nobody is at work on this machine.

    Args:
        target: Which stack, and how.
        yes: Agreed to beforehand.
        ask: Asks a question; None where nobody is there to answer.

    Raises:
        StateLockedError: The holder is a living process of this machine.
        ChangesRefusedError: Nobody agreed.
    """
    engine = _engine(target)
    holders = engine.holders()
    if holders == ():
        return Unlocked(engine=engine.name, holders=holders, removed=False)
    for holder in holders or ():
        console.say(f"{target.stack} is locked by {holder}")
    _refuse_living(target, holders or ())
    _agree(target, holders, yes=yes, ask=ask)
    engine.unlock(holders or ())
    return Unlocked(engine=engine.name, holders=holders, removed=True)


def _engine(target: Target) -> Engine:
    """The engine that works on the stack, whatever its configuration says: a lock must not wait for that."""
    from operations.engines.choice import choose
    from operations.engines.interface import EngineOptions

    workspace = describe_workspace(target.folder, target.stack, environ=target.environ())
    return choose(target.engine, workspace, EngineOptions(), say=lambda _: None)


def _refuse_living(target: Target, holders: tuple[Holder, ...]) -> None:
    living = [holder for holder in holders if holder.running]
    if living:
        pids = ", ".join(str(holder.pid) for holder in living)
        raise StateLockedError(
            f"{target.stack}: its lock was not removed, because the run that holds it is at work on this machine "
            f"(process {pids})",
            next_step="wait until it has ended, or end it: Ctrl-C where it runs, then its lock goes by itself",
        )


def _agree(target: Target, holders: tuple[Holder, ...] | None, *, yes: bool, ask: Callable[[str], bool] | None) -> None:
    unseen = holders is None
    if unseen:
        console.say(
            f"{target.stack}: who holds its lock cannot be seen from here, because its state is in no folder; "
            "a run that was refused has named the holder"
        )
    if yes or (ask is not None and ask(f"{target.stack}: remove the lock? Two runs at once would harm its state.")):
        return
    why = "there is no terminal to ask on, and no --yes" if ask is None else "the answer was no"
    raise ChangesRefusedError(
        f"{target.stack}: the lock was not removed, because {why}",
        next_step=f"when it is certain that no run is at work there: ./infra unlock {target.stack} --yes",
    )
