"""One call and its repeats, within one budget."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.http import retry
from components.http.exchange import Answer, Lost

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_ATTEMPT_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How a call measures and spends time; tests put their own functions here.

    Attributes:
        budget_seconds: What one call may take with all its repeats. A write that was begun is always waited for.
        clock: Seconds that only ever grow.
        sleep: Waits for so many seconds.
        jitter: A number from 0 to 1.
        now: Seconds since the epoch, for a `Retry-After` date in an answer without a date of its own.
    """

    budget_seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    now: Callable[[], float] = time.time


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a call.

    Attributes:
        last: What the last attempt led to.
        attempts: How many were made.
        retry_after: The seconds after which the server wants to be asked again; None when it did not say.
    """

    last: Answer | Lost
    attempts: int
    retry_after: float | None


def attempt(
    send: Callable[[float], Answer | Lost],
    *,
    may_repeat: Callable[[Answer | Lost], bool],
    timing: Timing,
    retry_after: Callable[[Answer], float | None] | None = None,
) -> Outcome:
    """Send until it succeeds, may not be repeated, or the budget would be overrun.

    Args:
        send: Makes one attempt, told the seconds that are left.
        may_repeat: Whether another attempt is allowed after this one.
        timing: The budget and the clock.
        retry_after: The seconds that an answer asks for; without it, what its `Retry-After` says.
    """
    deadline = timing.clock() + timing.budget_seconds
    for number in itertools.count(1):
        last, after = send(deadline - timing.clock()), None
        if isinstance(last, Answer):
            after = retry_after(last) if retry_after else retry.retry_after(last, now=timing.now())
            if last.succeeded:
                break
        pause = retry.pause(number - 1, after=after, chance=timing.jitter())
        if not may_repeat(last) or timing.clock() + pause + _expected_seconds(last) > deadline:
            break
        timing.sleep(pause)
    return Outcome(last=last, attempts=number, retry_after=after)


def _expected_seconds(last: Answer | Lost) -> float:
    """What one more attempt will take, as far as the last one tells. One that would be cut short is not worth it."""
    return max(last.seconds if isinstance(last, Answer) else 0.0, SHORTEST_ATTEMPT_SECONDS)
