"""What GitHub says of a pull request now, in the words that decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.errors import NotFoundError
from operations.commands.sweep import KEEP_LABEL
from operations.sync.decision import PullRequest

if TYPE_CHECKING:
    from components.github.client import Client
    from components.github.models import PullRequest as Told
    from operations.sync.decision import State


def look(client: Client, repository: str, number: int) -> PullRequest:
    """Ask for one pull request.

    GitHub says "not found" of what is not there and of what the token may not see. Only a token that reads the list of
    the same repository can tell the two apart; with another one nothing is decided.

    Raises:
        components.errors.ApiError: It cannot be asked, or the token may not see the repository.
    """
    try:
        return _in_our_words(client.pull_request(repository, number))
    except NotFoundError as error:
        try:
            listed = client.open_pull_requests(repository)
        except NotFoundError:
            raise error from None
    found = next((one for one in listed if one.number == number), None)
    return _in_our_words(found) if found else PullRequest(number=number, state="gone")


def _in_our_words(told: Told) -> PullRequest:
    state: State = "open" if told.is_open else "merged" if told.merged_at else "closed"
    kept = KEEP_LABEL if KEEP_LABEL in told.label_names else ""
    return PullRequest(number=told.number, state=state, is_from_fork=told.is_from_fork, keep_label=kept)
