"""Look at everything that stacks are made of, and bring back what has drifted when that is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from operations import changes, console
from operations.drift import Watch
from operations.exit_codes import ExitCode
from operations.next_steps import filled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from operations.changes import ShowProgress, Target
    from operations.drift import Drifted

Verdict = Literal["none", "drifted", "repaired", "failed"]
Judge = "Callable[[Exception], tuple[str, str, ExitCode]]"


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was found of one stack.

    Attributes:
        stack: Its name.
        verdict: `repaired` when something had drifted and is as declared again.
        found: What had drifted; after a repair, what it was.
        left: What still differs after a repair.
        errors: Why it could not be looked at, or repaired.
        code: The exit code of those.
        next_step: What to do about them.
    """

    stack: str
    verdict: Verdict
    found: tuple[Drifted, ...] = ()
    left: tuple[Drifted, ...] = ()
    errors: tuple[str, ...] = ()
    code: ExitCode = ExitCode.SUCCESS
    next_step: str = ""

    def to_json(self) -> dict[str, Any]:
        """One entry of `stacks`."""
        return {
            "stack": self.stack,
            "result": self.verdict,
            "resources": [one.to_json() for one in self.found],
            "left": [one.to_json() for one in self.left],
            "errors": list(self.errors),
        }


def looked_at(
    targets: Sequence[Target],
    *,
    repair: bool,
    show: ShowProgress,
    judge: Callable[[Exception], tuple[str, str, ExitCode]],
) -> list[Look]:
    """Look at stacks one after the other; that one cannot be looked at does not keep the others from it.

    Args:
        targets: Which stacks, and how.
        repair: Whether to bring back what has drifted.
        show: Makes whoever shows the progress of a repair.
        judge: Puts an error into words.
    """
    return [_guarded(target, repair=repair, show=show, judge=judge) for target in targets]


def exit_code(looks: Sequence[Look]) -> ExitCode:
    """An error counts more than a drift, and of several the first: what was not looked at may have drifted, too."""
    failed = next((one.code for one in looks if one.verdict == "failed"), None)
    drifted = any(one.verdict == "drifted" for one in looks)
    return failed or (ExitCode.DRIFTED if drifted else ExitCode.SUCCESS)


def _guarded(
    target: Target,
    *,
    repair: bool,
    show: ShowProgress,
    judge: Callable[[Exception], tuple[str, str, ExitCode]],
) -> Look:
    console.say(f"{target.stack}: looking at everything it is made of")
    try:
        look = _look(target)
        return _repaired(look, target, show) if repair and look.verdict == "drifted" else look
    except Exception as error:
        message, next_step, code = judge(error)
        message, next_step = (filled(text, stack=target.stack) for text in (message, next_step))
        if code is ExitCode.UNEXPECTED:
            raise  # a defect of ours is told where all are
        return Look(stack=target.stack, verdict="failed", errors=(message,), code=code, next_step=next_step)


def _look(target: Target) -> Look:
    """Plan a `refresh`: it reads everything, writes nothing and takes no lock."""
    engine, watch = changes.opened(target, deploys=False, kind="refresh"), Watch()
    result = engine.plan("refresh", watch)
    found = tuple(sorted(watch.found, key=lambda one: (one.type, one.name)))
    if not result.succeeded:
        code = ExitCode.INTERRUPTED if result.interrupted else ExitCode.RESOURCE_FAILED
        return Look(stack=target.stack, verdict="failed", found=found, errors=result.errors, code=code)
    return Look(stack=target.stack, verdict="drifted" if found else "none", found=found)


def _repaired(look: Look, target: Target, show: ShowProgress) -> Look:
    """Bring the stack up as its program says, then look again."""
    console.say(f"{target.stack}: {len(look.found)} drifted; bringing back what its program says")
    done = changes.change("up", replace(target, only_reads=False), yes=True, ask=None, show=show)
    if not done.result.succeeded:
        code = ExitCode.INTERRUPTED if done.result.interrupted else ExitCode.RESOURCE_FAILED
        return replace(look, verdict="failed", left=look.found, errors=done.result.errors, code=code)
    again = _look(target)
    if again.verdict == "failed":
        return replace(again, found=look.found)
    return replace(look, verdict="drifted" if again.found else "repaired", left=again.found)
