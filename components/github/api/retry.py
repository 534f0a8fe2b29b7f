"""When a request is made again. Pure.

What is safe to do twice is made again whatever became of it. A comment is written again only when it is certain that
nothing was done: nothing was sent, or a rate limit turned it away, which comes before everything else.

Source: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.
"""

from __future__ import annotations

import math
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from components.http import retry
from components.http.exchange import Answer, Lost

if TYPE_CHECKING:
    from components.github.api.operations import Operation

SECONDARY_SECONDS = 60.0
"""What GitHub asks for when it names no time: "wait for at least one minute"."""

_LIMITS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
_MOMENT = re.compile(r"[0-9]{1,12}")
_WORDS = re.compile(r"rate limit|abuse detection|temporarily blocked", re.IGNORECASE)


def may_repeat(operation: Operation, outcome: Answer | Lost) -> bool:
    """Whether the request may be made again after this."""
    if isinstance(outcome, Lost):
        return outcome.may_pass and (operation.repeatable or not outcome.sent)
    return is_limited(outcome) or (operation.repeatable and outcome.status in retry.PASSING)


def is_limited(answer: Answer) -> bool:
    """Whether a rate limit turned the request away; a 403 may as well be a lack of permission."""
    if answer.status not in _LIMITS:
        return False
    headers, message = answer.headers, answer.document.get("message")
    told = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    return answer.status == HTTPStatus.TOO_MANY_REQUESTS or told or bool(_WORDS.search(str(message)))


def retry_after(answer: Answer, *, now: float) -> float | None:
    """The seconds to wait: `Retry-After`, else until `X-RateLimit-Reset` when nothing remains, else a minute.

    Only a refusal counts: answers that succeed tell the state of the limit as well.
    """
    found = retry.retry_after(answer, now=now)
    if found is not None or not is_limited(answer):
        return found
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and _MOMENT.fullmatch(reset):
        since = retry.moment(answer.headers.get("date", ""))
        return max(0.0, float(reset) - (now if math.isnan(since) else since))
    return SECONDARY_SECONDS
