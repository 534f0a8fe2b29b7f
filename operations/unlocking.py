"""Remove the lock that a killed run has left: first who holds it, then the question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from operations import console
from operations.errors import ChangesRefusedError, StateLockedError
from operations.workspace import describe_workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from operations.changes import Target
    from operations.engines.interface import Engine, EngineName
    from operations.engines.locks import Holder


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
    from operations.engines.choice import choose  # noqa: PLC0415 - not for help and usage errors
    from operations.engines.interface import EngineOptions  # noqa: PLC0415 - as above

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
