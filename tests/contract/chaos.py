"""A transport on which everything goes wrong that can, exactly when a plan says so."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal[
    "status", "unsent", "cut", "late", "lost", "broken", "garbled", "told-500", "extra", "stranger", "killed"
]


class Killed(BaseException):
    """The process ended here, as with kill -9: nothing above may do anything more."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one request.

    Attributes:
        kind: `status` it is refused with that status by something that repeats all it was told; `unsent` no connection;
            `cut` the connection ends before the server acts; `late` it ends, and the server acts later; `lost` the
            server acts and the answer is lost; `broken` the same in the middle of the answer; `garbled` the answer is
            no JSON; `told-500` the server acts and says `status`; `extra` the answer has unknown fields; `stranger`
            somebody else acts first; `killed` our process ends after the server acted.
        status: For `status` and `told-500`.
        retry_after: For `status`; empty for none.
        act: For `stranger`.
    """

    kind: Kind
    status: int = 503
    retry_after: str = ""
    act: Callable[[], None] | None = field(default=None, compare=False)


class Chaos(httpx.BaseTransport):
    """Passes requests on as the plan says; without a plan it changes nothing.

    Attributes:
        plan: What happens to the next requests, in order. None: nothing.
        forwarded: Called with every request just before the server sees it.
        calls: How many requests were made.
    """

    def __init__(self, inner: httpx.BaseTransport, *, forwarded: Callable[[httpx.Request], None] | None = None) -> None:
        self._inner = inner
        self._forwarded = forwarded or (lambda _: None)
        self._waiting: list[httpx.Request] = []
        self.plan: list[Fault | None] = []
        self.calls = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry out the next fault of the plan."""
        request.read()
        self.calls += 1
        fault = self.plan.pop(0) if self.plan else None
        if request.method == "POST":  # the server serialises creates: a later one waits for an earlier one
            self.deliver_late()
        if fault is None:
            return self._send(request)
        return self._before(fault, request) or self._after(fault, request)

    def deliver_late(self) -> None:
        """Let the server act on what it got late."""
        late, self._waiting = self._waiting, []
        for request in late:
            self._send(request)

    def _send(self, request: httpx.Request) -> httpx.Response:
        self._forwarded(request)
        response = self._inner.handle_request(request)
        response.read()
        return response

    def _before(self, fault: Fault, request: httpx.Request) -> httpx.Response | None:
        if fault.kind == "status":
            headers = {"retry-after": fault.retry_after} if fault.retry_after else {}
            echo = {"message": f"refused, having read {request.headers.get('authorization')}"}
            return httpx.Response(fault.status, headers=headers, json=echo, request=request)
        if fault.kind == "unsent":
            raise httpx.ConnectError("no route")
        if fault.kind == "cut":
            raise httpx.RemoteProtocolError("cut")
        if fault.kind == "late":
            self._waiting.append(request)
            raise httpx.ReadTimeout("slow")
        if fault.kind == "stranger" and fault.act:
            fault.act()
        return None

    def _after(self, fault: Fault, request: httpx.Request) -> httpx.Response:
        response = self._send(request)
        if fault.kind == "killed":
            raise Killed
        if fault.kind == "lost":
            raise httpx.ReadError("reset")
        if fault.kind == "broken":
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
        if fault.kind == "garbled":
            return httpx.Response(response.status_code, content=response.content[: len(response.content) // 2] or b"<")
        if fault.kind == "told-500":
            return httpx.Response(fault.status, json={"message": "Internal Error (Request ID: req_x)"}, request=request)
        if fault.kind == "extra" and response.content:
            body = {**json.loads(response.content), "newField": {"a": [1]}}
            return httpx.Response(response.status_code, headers={"x-request-id": "req_x"}, json=body, request=request)
        return response
