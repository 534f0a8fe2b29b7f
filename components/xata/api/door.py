"""One call, from its parts to a good answer or an error of ours: retries, one budget, the request's id."""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from components.http.attempts import SHORTEST_ATTEMPT_SECONDS, attempt
from components.http.exchange import Answer, Lost, send
from components.http.malformed import first_fault
from components.xata.api import address, refusals, retry
from components.xata.api.refusals import Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from components.http.attempts import Timing
    from components.xata.api.models import Model
    from components.xata.api.operations import Operation

Answered = TypeVar("Answered", bound="Model")

READ_SECONDS = 25.0
"""A service that lost one of its parts answers after up to 14 s; what takes much longer will not come."""
WRITE_SECONDS = 65.0
"""The service provisions a branch inside the request and serves one create per project at a time. Giving up early
would leave a branch whose fate has to be looked up."""


class Door:
    """The way to one API with one key. Safe to use from many threads."""

    def __init__(self, http: httpx.Client, *, base_url: str, key: str, timing: Timing) -> None:
        self._http = http
        self._base_url = base_url
        self._key = key
        self.timing = timing

    def within(self, seconds: float) -> Door:
        """The same way with another budget."""
        timing = replace(self.timing, budget_seconds=seconds)
        return Door(self._http, base_url=self._base_url, key=self._key, timing=timing)

    def read(
        self,
        model: type[Answered],
        operation: Operation,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        **segments: str,
    ) -> Answered:
        """Make the call and read the answer as `model`.

        Raises:
            XataError: As its tree says.
        """
        call, answer = self._call(operation, query, body, segments)
        try:
            return model.model_validate_json(answer.body)
        except ValidationError as error:
            fault = first_fault(error)
        raise refusals.malformed(call, answer, fault)

    def do(self, operation: Operation, *, body: Any = None, **segments: str) -> None:
        """Make a call whose answer holds nothing: a page of someone on the way is no answer.

        Raises:
            XataError: As its tree says.
        """
        call, answer = self._call(operation, None, body, segments)
        if answer.body.strip():
            raise refusals.malformed(call, answer, "the answer holds something where Xata sends nothing")

    def _call(
        self, operation: Operation, query: Mapping[str, str] | None, body: Any, segments: Mapping[str, str]
    ) -> tuple[Call, Answer]:
        path = address.path(operation.path, **segments)
        call = Call(operation=operation, path=path, request_id=f"infra-{uuid.uuid4().hex}", secrets=(self._key,))
        outcome = attempt(
            lambda left: self._send(call, query, body, left=left),
            may_repeat=partial(retry.may_repeat, operation),
            timing=self.timing,
        )
        made, last = replace(call, attempts=outcome.attempts, retry_after=outcome.retry_after), outcome.last
        if isinstance(last, Lost):
            raise refusals.of_loss(made, last)
        if not last.succeeded:
            raise refusals.of_answer(made, last)
        return made, last

    def _send(self, call: Call, query: Mapping[str, str] | None, body: Any, *, left: float) -> Answer | Lost:
        request = self._http.build_request(
            call.operation.method,
            self._base_url + call.path,
            params=query,
            json=body,
            headers={"Authorization": f"Bearer {self._key}", "X-Request-Id": call.request_id},
        )
        seconds = WRITE_SECONDS if call.operation.writes else min(READ_SECONDS, max(left, SHORTEST_ATTEMPT_SECONDS))
        return send(self._http, request, seconds=seconds, clock=self.timing.clock)
