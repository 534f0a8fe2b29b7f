"""The client of GitHub's REST API: one method per operation that is used, typed in and out."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Final

from components.github.api import address, models, operations
from components.github.api.address import DEFAULT_BASE_URL
from components.github.api.door import Door
from components.github.api.errors import InputError, MissingTokenError, NotFoundError
from components.http.attempts import Timing
from components.http.pool import may_be_key, pool
from components.http.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

TOKEN_VARIABLE: Final = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable
PAGE: Final = "100"
"""The longest pages there are."""
LONGEST_BODY: Final = 65_536
"""Characters of a comment, as GitHub's refusal of a longer one says."""


class Client:
    """GitHub's REST API, seen with one token. Safe to use from many threads.

    Every method raises errors below `errors.GitHubError`, and InputError before anything is sent. What is safe to do
    twice is repeated while the budget lasts; the writing of a comment only when nothing can have been done.

    Args:
        token: The token; it appears nowhere but in the requests.
        base_url: The API's address: https, or plain http to this machine.
        transport: What carries the requests; None for the network.
        budget_seconds: What one call may take with all its repeats. A write that was begun is always waited for.
        clock: Seconds that only ever grow.
        sleep: Waits for so many seconds.
        jitter: A number from 0 to 1, for the pauses between repeats.
        now: Seconds since the epoch, for times in an answer without a date of its own.
    """

    def __init__(
        self,
        *,
        token: str,
        base_url: str = DEFAULT_BASE_URL,
        transport: httpx.BaseTransport | None = None,
        budget_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.base_url = address.base_url(base_url)
        timing = Timing(budget_seconds=budget_seconds, clock=clock, sleep=sleep, jitter=jitter, now=now)
        self._http = pool(self.base_url, transport)
        self._door = Door(self._http, base_url=self.base_url, token=_judged(token), timing=timing)

    def __repr__(self) -> str:
        return f"Client(base_url={self.base_url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def user(self) -> models.User:
        """Whose token it is. PermissionDeniedError for an app's token, such as that of a workflow: it has no user."""
        return self._door.read(models.User, operations.READ_USER)

    def pull_request(self, repository: str, number: int) -> models.PullRequest:
        """One pull request of a repository (owner/name), open or not."""
        return self._door.read(
            models.PullRequest, operations.READ_PULL_REQUEST, **address.repository(repository), number=str(number)
        )

    def open_pull_requests(self, repository: str) -> list[models.PullRequest]:
        """All pull requests that are open, by number; one that moves between pages meanwhile is told once."""
        query = {"state": "open", "sort": "created", "direction": "asc", "per_page": PAGE}
        pages = self._door.pages(
            list[models.PullRequest], operations.LIST_PULL_REQUESTS, query, **address.repository(repository)
        )
        found = {one.number: one for page in pages for one in page}
        return [found[number] for number in sorted(found)]

    def comments(self, repository: str, number: int) -> list[models.Comment]:
        """All comments below a pull request, the oldest first."""
        pages = self._door.pages(
            list[models.Comment],
            operations.LIST_COMMENTS,
            {"per_page": PAGE},
            **address.repository(repository),
            number=str(number),
        )
        found = {one.id: one for page in pages for one in page}
        return [found[comment] for comment in sorted(found)]

    def create_comment(self, repository: str, number: int, body: str) -> models.Comment:
        """Write a comment. AmbiguousError when no usable answer came: look for it before it is written again."""
        return self._door.read(
            models.Comment,
            operations.CREATE_COMMENT,
            body={"body": body},
            **address.repository(repository),
            number=str(number),
        )

    def update_comment(self, repository: str, comment: int, body: str) -> models.Comment:
        """Set the text of a comment."""
        return self._door.read(
            models.Comment,
            operations.UPDATE_COMMENT,
            body={"body": body},
            **address.repository(repository),
            comment=str(comment),
        )

    def delete_comment(self, repository: str, comment: int) -> bool:
        """Delete a comment; False when it was gone. Gone on a repeat means that an earlier attempt deleted it."""
        try:
            self._door.do(operations.DELETE_COMMENT, **address.repository(repository), comment=str(comment))
        except NotFoundError as error:
            return error.attempts > 1
        return True


_shared: Shared[Client] = Shared()


def connect(environment: Mapping[str, str] = os.environ) -> Client:
    """The client for `GITHUB_TOKEN` and `GITHUB_API_URL`; the same one for the same pair, so connections are shared.

    Raises:
        MissingTokenError: There is no token.
        AddressError: The base URL is none.
    """
    token = environment.get(TOKEN_VARIABLE, "").strip()
    url = address.base_url_in(environment)
    return _shared.get(url, token, lambda: Client(token=token, base_url=url))


def disconnect() -> None:
    """Close the connections of every client that `connect` made; the next `connect` makes new ones."""
    _shared.close()


def _judged(token: str) -> str:
    if not token.strip():
        raise MissingTokenError(
            f"there is no token: {TOKEN_VARIABLE} is not set or empty",
            next_step=f"in a workflow, give the step {TOKEN_VARIABLE}: ${{{{ github.token }}}}; elsewhere a token with "
            "the permission pull-requests",
        )
    if not may_be_key(token.strip()):
        raise InputError(
            f"the token in {TOKEN_VARIABLE} holds characters that no token has (blanks, line ends, other scripts)",
            next_step="copy the token once more, without quotes and without its name",
        )
    return token.strip()
