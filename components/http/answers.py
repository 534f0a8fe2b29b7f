"""What became of a request, and when the next one may be. Pure."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.3, 5.0
SUCCEEDED = range(200, 300)

_SECONDS = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")
_RESET = re.compile(r"(?:^|[;,\s])(?:t|reset)=\"?([0-9]{1,9})")
_MOMENT = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer. `seconds` is how long it took; header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The body's JSON object; empty when it is none. It may hold secrets."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def succeeded(self) -> bool:
        """Whether the status says so."""
        return self.status in SUCCEEDED


@dataclass(frozen=True, kw_only=True)
class Lost:
    """No whole answer.

    Attributes:
        reason: Why, without a word of a foreign text.
        sent: Whether the server may have seen the request.
        may_pass: Whether the same request may succeed later.
        next_step: What to do, where the reason tells it. A template: `{address}` is the variable with the base URL.
        status: The answer's status, when it came that far.
    """

    reason: str
    sent: bool
    may_pass: bool = True
    next_step: str = ""
    status: int | None = None


def pause(repeat: int, *, after: float | None, chance: float) -> float:
    """Seconds before repeat number `repeat` (from 0): full jitter under a doubling ceiling, counted from `after`.

    With the jitter on top, those who were sent away together do not come back together.
    """
    ceiling: float = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(repeat, 30))
    return (after or 0.0) + chance * ceiling


def retry_after(answer: Answer, *, now: float, limited: bool = False, otherwise: float | None = None) -> float | None:
    """The seconds after which the server wants to be asked again; None when it does not say, or cannot be read.

    `Retry-After` counts always. For a refusal by a rate limit (`limited`) also `Ratelimit` (`"default";r=0;t=30`), then
    `X-RateLimit-Reset` when nothing remains, then `otherwise`: answers that succeed tell the state of a limit as well.
    Dates are measured against the answer's own `Date`, so that a wrong clock on this machine does not matter; `now`
    (seconds since the epoch) serves where there is none.
    """
    headers, sent = answer.headers, _moment(answer.headers.get("date", ""))
    since = now if math.isnan(sent) else sent
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    until = _moment(text)
    if not math.isnan(until):
        return max(0.0, until - since)
    if not limited:
        return None
    if reset := _RESET.search(headers.get("ratelimit", "")):
        return float(reset[1])
    reset_at = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and _MOMENT.fullmatch(reset_at):
        return max(0.0, float(reset_at) - since)
    return otherwise


def _moment(text: str) -> float:
    """Seconds since the epoch of a date as HTTP writes it; NaN when it is none."""
    try:
        found = parsedate_to_datetime(text)
        return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return math.nan
