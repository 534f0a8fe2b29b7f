"""One call, from its parts to a good answer or an error of ours: retries, one budget, pages of a list."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from components.http.attempts import SHORTEST_ATTEMPT_SECONDS, attempt
from components.http.exchange import Answer, Lost, send
from components.http.malformed import first_fault
from components.worker.api import address, refusals, retry
from components.worker.api.bodies import Content
from components.worker.api.envelope import has_succeeded, page_of
from components.worker.api.refusals import Call

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from components.http.attempts import Timing
    from components.worker.api.operations import Operation

T = TypeVar("T")

READ_SECONDS = 25.0
WRITE_SECONDS = 60.0
"""A change is deployed to the whole network before it is answered; giving up early would leave its fate unknown."""

MOST_PAGES = 1000
NOTHING = Content()


class Door:
    """The way to one API with one token. Safe to use from many threads."""

    def __init__(self, http: httpx.Client, *, base_url: str, token: str, timing: Timing) -> None:
        self._http = http
        self._base_url = base_url
        self._token = token
        self.timing = timing

    def read(self, kind: type[T], operation: Operation, content: Content = NOTHING, **segments: str) -> T:
        """Make the call and read the result as `kind`.

        Raises:
            CloudflareError: As its tree says.
        """
        call, answer = self._call(operation, content, segments)
        return _result(kind, call, answer)

    def do(self, operation: Operation, content: Content = NOTHING, **segments: str) -> None:
        """Make a call whose result is of no interest; the envelope has to say that it succeeded.

        Raises:
            CloudflareError: As its tree says.
        """
        self._call(operation, content, segments)

    def pages(self, kind: type[T], operation: Operation, **segments: str) -> Iterator[T]:
        """The pages of a list, one call each, as far as the caller reads.

        The list says how many things there are and which page this is. One that says neither has a single page; one
        that tells another page than was asked for would go round in circles, and is malformed.

        Raises:
            CloudflareError: As its tree says.
        """
        seen = 0
        for number in range(1, MOST_PAGES + 1):
            content = Content(query={"page": str(number)} if number > 1 else {})
            call, answer = self._call(operation, content, segments)
            told = page_of(answer)
            if told.number not in {None, number} and number > 1:
                raise refusals.malformed(call, answer, f"page {number} of the list says that it is {told.number}")
            length = _length(answer)
            if length or number == 1:
                yield _result(kind, call, answer)
            seen += length
            if not length or told.number is None or told.total is None or seen >= told.total:
                return

    def _call(self, operation: Operation, content: Content, segments: dict[str, str]) -> tuple[Call, Answer]:
        path = address.path(operation.path, **segments)
        outcome = attempt(
            lambda left: self._send(operation, path, content, left=left),
            may_repeat=partial(retry.may_repeat, operation),
            timing=self.timing,
            retry_after=lambda answer: retry.retry_after(answer, now=self.timing.now()),
        )
        call = Call(operation=operation, path=path, token=self._token, content=content, attempts=outcome.attempts)
        call, last = replace(call, retry_after=outcome.retry_after), outcome.last
        if isinstance(last, Lost):
            raise refusals.of_loss(call, last)
        if not has_succeeded(last):
            raise refusals.of_answer(call, last)
        return call, last

    def _send(self, operation: Operation, path: str, content: Content, *, left: float) -> Answer | Lost:
        body: dict[str, Any] = {"files": list(content.parts)} if content.parts else {}
        headers = {"Authorization": f"Bearer {self._token}"}
        if content.body is not None:
            body = {"content": json.dumps(content.body).encode()}
            headers["Content-Type"] = content.type
        request = self._http.build_request(
            operation.method, self._base_url + path, params=content.query or None, headers=headers, **body
        )
        seconds = min(READ_SECONDS, max(left, SHORTEST_ATTEMPT_SECONDS)) if operation.method == "GET" else WRITE_SECONDS
        return send(self._http, request, seconds=seconds, clock=self.timing.clock)


def _result(kind: type[T], call: Call, answer: Answer) -> T:
    try:
        return TypeAdapter(kind).validate_python(answer.document.get("result"))
    except ValidationError as error:
        fault = first_fault(error, "result")
    raise refusals.malformed(call, answer, fault)


def _length(answer: Answer) -> int:
    """How many things a page holds: the result is a list, or an object with one list in it."""
    result = answer.document.get("result")
    lists = [result] if isinstance(result, list) else list(result.values()) if isinstance(result, dict) else []
    return next((len(found) for found in lists if isinstance(found, list)), 0)
