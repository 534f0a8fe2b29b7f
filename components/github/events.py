"""The event file of a workflow's run: which pull request it is about. Pure.

Source: https://docs.github.com/webhooks/webhook-events-and-payloads#pull_request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from components.errors import InputError
from components.github.models import PullRequest, Repository
from components.http import models
from components.http.models import Model
from components.local.files import read_bytes

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 32 * 1024 * 1024


class Event(Model, frozen=True, kw_only=True):
    """An event about a pull request, such as opened, synchronize, reopened, labeled or closed.

    What it says was true when it was sent: another event may have come since.
    """

    action: str = ""
    number: Annotated[int, Meta(ge=1)]
    pull_request: PullRequest
    repository: Repository


def read(file: Path) -> Event:
    """The event in a file, as `GITHUB_EVENT_PATH` names it.

    Raises:
        InputError: The file cannot be read, or is not about a pull request. Its content is not quoted.
    """
    step = "name the file of a pull_request event, as GITHUB_EVENT_PATH does in a workflow's run"
    try:
        content = read_bytes(file, MOST_BYTES)
    except OSError as error:
        raise InputError(f"the event file {file} cannot be read: {error.strerror}", next_step=step) from None
    if len(content) > MOST_BYTES:
        raise InputError(f"the event file {file} has more than {MOST_BYTES} bytes", next_step=step)
    try:
        return models.read(Event, content)
    except ValueError as error:
        fault = str(error)
    raise InputError(f"the event file {file} is not about a pull request: {fault}", next_step=step)
