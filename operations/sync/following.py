"""Make an environment follow its pull request until both fit. Pure: who looks, and what brings it up, are arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from operations.exit_codes import ExitCode
from operations.sync.decision import decide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from operations.sync.decision import Decision, PullRequest

MOST_STEPS = 4
"""A pull request that is closed and opened again meanwhile is followed so often; its next event goes on from there."""
LAST_WORD = frozenset({ExitCode.CHANGES_REFUSED, ExitCode.INTERRUPTED})
"""How a step ends after which no other is taken: somebody said no."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """How one step ended.

    Attributes:
        code: What the exit code says about it.
        changes: What was changed: "create", "update", "replace", "delete" and "same", each to how many.
        address: Where the environment answers; empty where there is none.
    """

    code: ExitCode
    changes: Mapping[str, int]
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: what was decided and how it ended."""

    decision: Decision
    done: Done


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What became of it.

    Attributes:
        decision: What the pull request asked for at the end.
        steps: What was done, in this order.
        fits: Whether what was done last is what the pull request asked for at the end.
    """

    decision: Decision
    steps: tuple[Step, ...]
    fits: bool

    @property
    def code(self) -> ExitCode:
        """What the exit code says: that of the last step, since it made up for those before."""
        if self.steps and self.steps[-1].done.code is not ExitCode.SUCCESS:
            return self.steps[-1].done.code
        return ExitCode.SUCCESS if self.fits else ExitCode.RESOURCE_FAILED


class Environment(Protocol):
    """What can be done with the environment."""

    def up(self) -> Done:
        """Bring it up, or in line with the code that is checked out."""

    def down(self) -> Done:
        """Take it down and forget it; where there is nothing, that is success."""


def follow(look: Callable[[], PullRequest], environment: Environment, say: Callable[[str], None]) -> Followed:
    """Look, do what that asks for, and look again: what happened meanwhile may have had no run of its own.

    Args:
        look: Asks what the pull request is now.
        environment: Its environment.
        say: Told what was decided and why, before it is done.
    """
    steps: list[Step] = []
    while True:
        decision = decide(look())
        verb = steps[-1].decision.verb if steps else ""
        if decision.verb in {"nothing", verb}:
            return Followed(decision=decision, steps=tuple(steps), fits=True)
        if len(steps) == MOST_STEPS:
            return Followed(decision=decision, steps=tuple(steps), fits=False)
        say(f"{decision.verb}: {decision.why}{' now' if steps else ''}")
        done = environment.up() if decision.verb == "up" else environment.down()
        steps.append(Step(decision=decision, done=done))
        if done.code in LAST_WORD:
            return Followed(decision=decision, steps=tuple(steps), fits=False)
