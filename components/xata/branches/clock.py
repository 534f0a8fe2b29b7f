"""Time as an argument: what waits here takes a clock, so that tests wait for nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Three functions of the machine's time.

    Attributes:
        now: Seconds that only grow; the only measure of how long something took.
        wall: Seconds since 1970, to compare with the service's time stamps; may jump.
        sleep: Lets seconds pass.
    """

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


SYSTEM = Clock()


class Deadline:
    """One span of time for a whole wait, however many requests and pauses it is made of."""

    def __init__(self, seconds: float, clock: Clock = SYSTEM) -> None:
        self.seconds = seconds
        self.clock = clock
        self._start = clock.now()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.clock.now() - self._start

    @property
    def left(self) -> float:
        """Seconds until the end; 0 when it is over."""
        return max(0.0, self.seconds - self.elapsed)

    def pause(self, seconds: float) -> bool:
        """Sleep, but not past the end; False, at once, when the time is over."""
        if not self.left:
            return False
        self.clock.sleep(min(seconds, self.left))
        return True
