"""One call, from its parts to a good answer or an error of ours: retries, one budget, pages of a list."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from components.github.api import address, refusals, retry
from components.github.api.refusals import Call
from components.http.attempts import SHORTEST_ATTEMPT_SECONDS, attempt
from components.http.exchange import Answer, Lost, send
from components.http.malformed import first_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from components.github.api.operations import Operation
    from components.http.attempts import Timing

T = TypeVar("T")

SECONDS = 25.0
"""GitHub ends a request of its own after ten seconds; what takes much longer will not come."""
MOST_PAGES = 1000
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


class Door:
    """The way to one API with one token. Safe to use from many threads."""

    def __init__(self, http: httpx.Client, *, base_url: str, token: str, timing: Timing) -> None:
        self._http = http
        self._base_url = base_url
        self._token = token
        self.timing = timing

    def read(self, kind: type[T], operation: Operation, *, body: Any = None, **segments: str) -> T:
        """Make the call and read the answer as `kind`.

        Raises:
            GitHubError: As its tree says.
        """
        path = address.path(operation.path, **segments)
        call, answer = self._call(operation, path, self._base_url + path, body=body)
        return _read(kind, call, answer)

    def do(self, operation: Operation, **segments: str) -> None:
        """Make a call whose answer is of no interest.

        Raises:
            GitHubError: As its tree says.
        """
        path = address.path(operation.path, **segments)
        self._call(operation, path, self._base_url + path)

    def pages(self, kind: type[T], operation: Operation, query: Mapping[str, str], **segments: str) -> Iterator[T]:
        """The pages of a list, one call each, as far as the caller reads. Each tells where the next one is.

        A list that leads to another server, or in a circle, is malformed: the token goes to the API alone.

        Raises:
            GitHubError: As its tree says.
        """
        path = address.path(operation.path, **segments)
        url, params, seen = self._base_url + path, query or None, set[str]()
        while True:
            call, answer = self._call(operation, path, url, params=params)
            yield _read(kind, call, answer)
            url, params = address.next_page(answer), None
            if not url:
                return
            if not address.is_below(url, self._base_url):
                raise refusals.malformed(call, answer, "the next page of the list is not below the API's address")
            if url in seen or len(seen) >= MOST_PAGES:
                raise refusals.malformed(call, answer, "the pages of the list lead in a circle")
            seen.add(url)

    def _call(
        self, operation: Operation, path: str, url: str, *, params: Mapping[str, str] | None = None, body: Any = None
    ) -> tuple[Call, Answer]:
        outcome = attempt(
            lambda left: self._send(operation, url, params, body, left=left),
            may_repeat=partial(retry.may_repeat, operation),
            timing=self.timing,
            retry_after=lambda answer: retry.retry_after(answer, now=self.timing.now()),
        )
        call = Call(operation=operation, path=path, token=self._token, attempts=outcome.attempts)
        call, last = replace(call, retry_after=outcome.retry_after), outcome.last
        if isinstance(last, Lost):
            raise refusals.of_loss(call, last)
        if not last.succeeded:
            raise refusals.of_answer(call, last)
        return call, last

    def _send(
        self, operation: Operation, url: str, params: Mapping[str, str] | None, body: Any, *, left: float
    ) -> Answer | Lost:
        headers = {"Authorization": f"Bearer {self._token}", **HEADERS}
        request = self._http.build_request(operation.method, url, params=params, json=body, headers=headers)
        seconds = SECONDS if body is not None else min(SECONDS, max(left, SHORTEST_ATTEMPT_SECONDS))
        return send(self._http, request, seconds=seconds, clock=self.timing.clock)


def _read(kind: type[T], call: Call, answer: Answer) -> T:
    try:
        return TypeAdapter(kind).validate_json(answer.body)
    except ValidationError as error:
        fault = first_fault(error)
    raise refusals.malformed(call, answer, fault)
