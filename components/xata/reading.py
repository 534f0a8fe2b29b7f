"""What a refresh reads of a branch: once for all resources that are about it, which are read at the same moment."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from components.errors import NotFoundError
from components.xata.branches.find import gone

if TYPE_CHECKING:
    from components.xata.api.client import Client
    from components.xata.api.models import Branch
    from components.xata.branches.place import Place

FRESH_SECONDS: Final = 2.0
"""So long an answer counts for those who ask after it came; who asks meanwhile waits for it."""

_LOCK = threading.Lock()
_ASKED: dict[tuple[str, str], tuple[Future[Branch], float]] = {}


def forget() -> None:
    """Read anew from here on: something is changed."""
    with _LOCK:
        _ASKED.clear()


def read_branch(client: Client, place: Place, branch_id: str) -> Branch | None:
    """The branch, or None when the API says that it is gone. Nothing else means gone."""
    try:
        return _shared(client, place, branch_id)
    except NotFoundError:
        require_readable(client, place)
    return None


def read_living_branch(client: Client, place: Place, branch_id: str) -> Branch:
    """The branch.

    Raises:
        GoneError: It is not there any more.
    """
    try:
        return _shared(client, place, branch_id)
    except NotFoundError as error:
        raise gone(branch_id, error) from error


def require_readable(client: Client, place: Place) -> None:
    """Let whatever but "not found" about the project through: a branch that may not be seen is not gone."""
    with suppress(NotFoundError):
        client.project(place.organization, place.project)


def _shared(client: Client, place: Place, branch_id: str) -> Branch:
    key = client.base_url, branch_id
    asked: Future[Branch] = Future()
    with _LOCK:
        earlier, until = _ASKED.get(key, (None, 0.0))
        if earlier is not None and (not earlier.done() or time.monotonic() < until):
            asked = earlier
        else:
            _ASKED[key] = asked, 0.0
    if asked is not earlier:
        try:
            asked.set_result(client.branch(place.organization, place.project, branch_id))
            with _LOCK:
                _ASKED[key] = asked, time.monotonic() + FRESH_SECONDS
        except BaseException as error:  # whoever waits for it is told, too
            asked.set_exception(error)
            raise
    return asked.result()
