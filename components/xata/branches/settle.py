"""Creating something once, although answers get lost.

A list taken while a create is running does not show the new row, so an empty list proves nothing. The same request
again does: the service lets it wait for the first one, or says that the project is busy until the client has waited,
and then answers 409 when that one succeeded. So a create is repeated until it is answered, and after a 409 the name is
looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from components.errors import AmbiguousError, ApiError, BusyError, ConflictError, LifecycleError
from components.xata.branches.clock import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.xata.branches.clock import Clock

T = TypeVar("T")

ATTEMPTS = 6
SETTLE_SECONDS = 180.0
FIRST_PAUSE = 0.5


def settle(what: str, *, create: Callable[[], T], find: Callable[[bool], T | None], clock: Clock) -> T:
    """Send a create until its fate is known.

    Args:
        what: What is created, for messages.
        create: Sends the request.
        find: Takes over what bears the name; None when nothing does. Is told whether an earlier request of ours got no
            answer, so that what bears the name may be its work.
        clock: The time.

    Raises:
        LifecycleError: The fate stays unknown.
        ApiError: The service refused, and nothing had been left in doubt.
    """
    deadline = Deadline(SETTLE_SECONDS, clock)
    doubtful = final = False
    last: ApiError
    for attempt in range(ATTEMPTS):
        try:
            return create()
        except AmbiguousError as error:
            doubtful, last = True, error
        except BusyError as error:
            last = error
        except ApiError as error:
            # Limits are judged before names, so a refusal after a lost answer may be about our own success.
            last, final = error, not isinstance(error, ConflictError)
            if final and not doubtful:
                raise
            found = find(doubtful)
            if found is not None:
                return found
        if final or attempt + 1 == ATTEMPTS or not deadline.pause(FIRST_PAUSE * 2**attempt):
            break
    if isinstance(last, BusyError) and not doubtful:
        raise last
    raise _unsettled(what, last, doubtful=doubtful) from last


def _unsettled(what: str, last: ApiError, *, doubtful: bool) -> LifecycleError:
    if doubtful:
        return LifecycleError(
            f"whether {what} was created is not known: {last.message}",
            next_step="run it again: if it was, it carries our mark and is taken over",
        )
    return LifecycleError(
        f"{what} was not created: the service refuses it for something that is there, and shows nothing of that name: "
        f"{last.message}",
        next_step="run it again in a minute; if it stays so, the API key may not see what bears the name",
    )
