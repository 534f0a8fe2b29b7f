"""After how long a request is made again. Pure."""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.http.exchange import Answer

PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that may be another one the next time."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.3, 5.0

_SECONDS = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")


def pause(repeat: int, *, after: float | None, chance: float) -> float:
    """Seconds before repeat number `repeat` (from 0): full jitter under a doubling ceiling, counted from `after`.

    With the jitter on top, those who were sent away together do not come back together.
    """
    ceiling: float = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(repeat, 30))
    return (after or 0.0) + chance * ceiling


def retry_after(answer: Answer, *, now: float) -> float | None:
    """The seconds that `Retry-After` asks for; None without one, or when it can not be read.

    A date is measured against the answer's own `Date`, so that a wrong clock on this machine does not matter; `now`
    (seconds since the epoch) serves where there is none.
    """
    text = answer.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    until = moment(text)
    since = moment(answer.headers.get("date", ""))
    return None if math.isnan(until) else max(0.0, until - (now if math.isnan(since) else since))


def moment(text: str) -> float:
    """Seconds since the epoch of a date as HTTP writes it; NaN when it is none."""
    try:
        found = parsedate_to_datetime(text)
        return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return math.nan
