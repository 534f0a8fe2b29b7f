"""The foundation of a sandbox: nobody has made a project there, so the first stack that needs one brings it up."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING

from operations.errors import MachineError
from operations.sandbox.lifecycle import require_running

if TYPE_CHECKING:
    from operations.sandbox.place import Place

STACKS = ("staging", "production")
"""What needs the project and its root branch."""
ANSWER_SECONDS = 10.0


def is_missing(place: Place, stack: str) -> bool:
    """Whether this stack was never brought up there and there is no project at all.

    A sandbox that does not run or answer is for the run itself to tell. The question is in no log of calls.
    """
    if stack not in STACKS or any(place.state.glob(f".pulumi/stacks/*/{stack}.json*")):
        return False
    try:
        port = require_running(place).api_port
    except MachineError:
        return False
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/sandbox/state")
        return bool(json.loads(connection.getresponse().read()).get("projects") == [])
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return False
    finally:
        connection.close()
