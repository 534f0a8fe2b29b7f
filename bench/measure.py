"""Measure two commands against each other: in turn, several times, as whole processes.

A ratio of two times taken side by side holds where a single time does not: on a noisy machine both are slow.
"""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Run:
    """One finished run: wall seconds, and the peak memory of its largest process in MB."""

    seconds: float
    megabytes: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the two sides took, and the median of the ratios pair by pair.

    Attributes:
        claim: What is compared, in words.
        limit: The ratio that is promised at most.
    """

    claim: str
    ours_seconds: float
    theirs_seconds: float
    ours_megabytes: float
    theirs_megabytes: float
    ratio: float
    limit: float
    runs: int

    def to_json(self) -> dict[str, object]:
        """The comparison, with whether it holds."""
        return {**asdict(self), "holds": self.ratio <= self.limit}


def run_command(
    command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str], given: Path | None = None
) -> Run:
    """Run a command to its end, its output thrown away and its input read from the file `given`.

    Raises:
        RuntimeError: It failed: a time of something that did not happen says nothing.
    """
    silent = os.open(os.devnull, os.O_RDWR)
    told = os.open(given or os.devnull, os.O_RDONLY)
    actions = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in ((told, 0), (silent, 1), (silent, 2))]
    words = [str(word) for word in command]
    before = os.getcwd()  # noqa: PTH109 - posix_spawn has no folder argument, so it is changed and put back
    os.chdir(folder)
    started = time.perf_counter()
    try:
        process = os.posix_spawnp(words[0], words, dict(environment), file_actions=actions)
    finally:
        os.chdir(before)
        os.close(silent)
        os.close(told)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - started
    if status:
        raise RuntimeError(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    return Run(seconds=seconds, megabytes=usage.ru_maxrss / 1024)


def compare(
    claim: str, *, ours: Callable[[], Run], theirs: Callable[[], Run], limit: float, runs: int = 5
) -> Comparison:
    """Run both in turn, after one warm-up each, and compare pair by pair."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(runs)]
    return Comparison(
        claim=claim,
        ours_seconds=statistics.median(mine.seconds for mine, _ in pairs),
        theirs_seconds=statistics.median(other.seconds for _, other in pairs),
        ours_megabytes=max(mine.megabytes for mine, _ in pairs),
        theirs_megabytes=max(other.megabytes for _, other in pairs),
        ratio=statistics.median(mine.seconds / other.seconds for mine, other in pairs),
        limit=limit,
        runs=runs,
    )
