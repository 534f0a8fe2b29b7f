"""When a request is made again. Pure.

A read or a delete may be made again whatever became of it, but for a late refusal: the service has then asked its own
dead part again and again, and the user has waited long enough. A write only when it is certain that nothing was done:
nothing was sent; the server said 429 or 503 with a time to come back, which it decides before it writes; the project is
busy with another create, which the newest servers say instead of letting this one wait; or a change lost against
another one.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from components.http.exchange import Answer, Lost
from components.http.retry import PASSING
from components.xata.api.words import message_of

if TYPE_CHECKING:
    from components.xata.api.operations import Operation

REFUSED_UNTIL_LATER = frozenset({429, 503})
IN_THE_WAY = frozenset({409, 423})
"""Statuses of a name that is taken, and of a lock that is: that one names a time to come back, or is said in words."""
LATE_SECONDS = 10.0
"""A refusal that took longer tells of a dead part of the service; a 401 then: it cannot tell whose the key is."""

_BUSY = re.compile(r"^acquire project lock|\bbusy\b[^\]]*$", re.IGNORECASE)
_CONCURRENT_CHANGE = re.compile(r"was modified concurrently, please retry$")


def may_repeat(operation: Operation, outcome: Answer | Lost) -> bool:
    """Whether the request may be made again after this."""
    if isinstance(outcome, Lost):
        return outcome.may_pass and not (operation.writes and outcome.sent)
    if is_busy(outcome):
        return True
    if not operation.writes:
        return outcome.status in PASSING and outcome.seconds <= LATE_SECONDS
    if outcome.status in REFUSED_UNTIL_LATER:
        return outcome.headers.get("retry-after") is not None
    concurrent = outcome.status == HTTPStatus.CONFLICT and _CONCURRENT_CHANGE.search(message_of(outcome))
    return operation.method == "PATCH" and bool(concurrent)


def is_busy(answer: Answer) -> bool:
    """Whether this refusal tells of another request's lock, which is decided before anything is written.

    Which status the newest servers take is not known, nor all of their words; that they name a time to come back is.
    """
    named = answer.headers.get("retry-after") is not None or _BUSY.search(message_of(answer)) is not None
    return answer.status in IN_THE_WAY and named


def is_outage(answer: Answer) -> bool:
    """Whether this 401 tells of an outage and not of a bad key."""
    return answer.status == HTTPStatus.UNAUTHORIZED and answer.seconds > LATE_SECONDS
