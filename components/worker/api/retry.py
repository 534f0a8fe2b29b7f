"""When a request is made again. Pure.

What is safe to do twice is made again whatever became of it. An upload or a deployment only when it is certain that
nothing was done: nothing was sent, or Cloudflare's rate limit turned it away, which comes before everything else.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from components.http import retry
from components.http.exchange import Answer, Lost

if TYPE_CHECKING:
    from components.worker.api.operations import Operation

_RESET = re.compile(r"(?:^|[;,\s])(?:t|reset)=\"?([0-9]{1,9})")


def may_repeat(operation: Operation, outcome: Answer | Lost) -> bool:
    """Whether the request may be made again after this."""
    if isinstance(outcome, Lost):
        return outcome.may_pass and (operation.repeatable or not outcome.sent)
    if outcome.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return operation.repeatable and outcome.status in retry.PASSING


def retry_after(answer: Answer, *, now: float) -> float | None:
    """The seconds that Cloudflare asks for: in `Retry-After`, or as `t` in `Ratelimit` (`"default";r=0;t=30`).

    The second counts for a refusal only: answers that succeed tell the state of the limit as well.
    """
    found = retry.retry_after(answer, now=now)
    if found is not None or answer.status != HTTPStatus.TOO_MANY_REQUESTS:
        return found
    reset = _RESET.search(answer.headers.get("ratelimit", ""))
    return float(reset[1]) if reset else None
