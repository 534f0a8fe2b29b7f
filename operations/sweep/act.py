"""Carry a sweep out: branches and Workers in parallel, then their stacks. One failure does not stop the others."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from components.errors import InfraError
from components.xata.api import client as xata
from components.xata.branches.remove import delete_judged
from operations import changes
from operations.engines.choice import choose
from operations.engines.interface import EngineOptions
from operations.engines.kept import Kept
from operations.errors import CommandError, ResourceFailedError, StateLockedError
from operations.forgetting import after_destroy, forget, remove_file
from operations.sweep import apps
from operations.sweep.look import AT_ONCE
from pulumi_embedded.errors import EngineError, HeldError, LockedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from operations.changes import Target
    from operations.engines.interface import Engine
    from operations.sweep.decision import Verdict
    from operations.sweep.scene import Scene

TRIES: Final = 5


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What became of one preview that was to go.

    Attributes:
        verdict: Why it was to go.
        gone: What is gone of it: `branch`, `worker`, `state`.
        error: What failed; empty when all went well.
        next_step: What to do about that.
    """

    verdict: Verdict
    gone: tuple[str, ...] = ()
    error: str = ""
    next_step: str = ""


def carry_out(
    here: Scene, verdicts: Sequence[Verdict], *, target_of: Callable[[str], Target], say: Callable[[str], None]
) -> list[Removed]:
    """Remove what goes.

    Args:
        here: Where.
        verdicts: What was decided; what stays is left alone.
        target_of: How the stack of a preview is worked on.
        say: Tells a person what has been done.
    """
    going = [one for one in verdicts if one.goes]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        removed = list(pool.map(lambda one: _out_there(here, one), going))
    done = []
    for one in removed:
        whole = one if one.error else _forgotten(here, one, target_of(one.verdict.name))
        say(told(whole))
        done.append(whole)
    return done


def failed(done: Sequence[Removed]) -> bool:
    """Whether something could not be removed."""
    return any(one.error for one in done)


def told(one: Removed) -> str:
    """What became of it, in words."""
    what = f"{', '.join(one.gone)} removed" if one.gone else "nothing removed"
    return f"{one.verdict.name}: {what}" + (f"; failed: {one.error}" if one.error else "")


def _out_there(here: Scene, verdict: Verdict) -> Removed:
    """The branch, then the Worker: whichever fails, the next sweep finds what is left."""
    done = Removed(verdict=verdict)
    try:
        if verdict.branch is not None:
            delete_judged(
                xata.connect(here.environ),
                here.place,
                verdict.branch.id,
                name=verdict.name,
                description=verdict.branch.description,
            )
            done = replace(done, gone=("branch",))
        if verdict.worker:
            apps.remove(here, verdict.name, verdict.worker)
            done = replace(done, gone=(*done.gone, "worker"))
    except InfraError as error:
        return replace(done, error=error.message, next_step=error.next_step)
    return done


def _forgotten(here: Scene, done: Removed, target: Target) -> Removed:
    """The same without state and stack file, where there were any."""
    name = done.verdict.name
    if not done.verdict.state:
        remove_file(here.folder, name)
        return done
    try:
        for left in reversed(range(TRIES)):
            try:
                _forget(here, name, target)
                break
            except (LockedError, StateLockedError):
                if not left:
                    raise
                time.sleep(1)  # another sweep, which is soon done
    except (InfraError, EngineError, CommandError) as error:
        return replace(done, error=error.message, next_step=error.next_step)
    return replace(done, gone=(*done.gone, "state"))


def _forget(here: Scene, name: str, target: Target) -> None:
    """Forget the stack. One that still records something is taken down first, which finds most of it gone."""
    engine = choose(target.engine, here.workspace(name), EngineOptions(), say=lambda _: None)
    _unlock(engine)
    try:
        forget(engine, here.folder, name)
    except HeldError:
        opened = changes.opened(target, deploys=False)
        result = opened.change("destroy", Kept())
        if not result.succeeded:
            raise ResourceFailedError(
                f"the rest of the stack could not be taken down: {'; '.join(result.errors)}",
                next_step=f"./infra destroy {target.stack}",
            ) from None
        after_destroy(opened, target)


def _unlock(engine: Engine) -> None:
    """Remove the lock of a run that is certain to have ended."""
    left = engine.holders() or ()
    if left and all(holder.running is False for holder in left):
        engine.unlock(left)
