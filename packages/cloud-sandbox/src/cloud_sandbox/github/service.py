"""The API: one request in, one answer out. Thread safe; knows no HTTP library."""

from __future__ import annotations

import hmac
import json
import math
import threading
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cloud_sandbox.faults import Faults
from cloud_sandbox.github import errors
from cloud_sandbox.github.errors import DOCUMENTATION, ApiError
from cloud_sandbox.github.routes import OPERATIONS, ROUTES
from cloud_sandbox.github.settings import LEVELS
from cloud_sandbox.github.world import Call, World
from cloud_sandbox.wire import Request, Response
from cloud_sandbox.xata.calls import Log
from cloud_sandbox.xata.routes import match

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.faults import Fault
    from cloud_sandbox.github.settings import Settings, Token
    from cloud_sandbox.github.world import Answer
    from cloud_sandbox.xata.routes import Route

NO_ANSWER = Response(status=0, cut="before")
TYPE = "application/json; charset=utf-8"
LIMITED = "rate limit exceeded"
"""An ordered message with these words comes with the headers of the primary rate limit."""


class Service:
    """The stand-in. The clock can be a test's."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings, self.clock = settings, clock
        self.world = World(settings=settings, clock=clock)
        self.faults, self.log = Faults(), Log()
        self.lock = threading.RLock()
        self._calls: dict[str, tuple[float, int]] = {}

    def handle(self, request: Request) -> Response:
        """Answer one request, and write it down."""
        started, fault = self.clock(), self.faults.take(request)
        response = self._respond(request, fault)
        answered = None if response.cut == "before" else response.status
        self.log.add(request, status=answered, fault=fault is not None, started=started, ended=self.clock())
        return response

    def _respond(self, request: Request, fault: Fault | None) -> Response:
        if fault and fault.cut == "before":
            return replace(NO_ANSWER, delay=fault.delay)
        if fault and fault.status:
            return _broken(_refused(self._ordered(fault)), fault)
        try:
            with self.lock:
                answer = self._answer(request)
        except ApiError as refusal:
            return _broken(_refused(refusal), fault)
        return _broken(_told(answer), fault)

    def _ordered(self, fault: Fault) -> ApiError:
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        if LIMITED in fault.message and not headers:
            reset = math.ceil(self.clock() + self.settings.window)
            headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
        return ApiError(fault.status, fault.message or "ordered", headers=headers)

    def _answer(self, request: Request) -> Answer:
        found = match(ROUTES, request.method, request.path)
        if found is None:
            raise errors.no_route(request.method, request.path)
        if not request.headers.get("user-agent"):
            raise errors.no_user_agent()
        token = self._token(request)
        self._count(token)
        route, values = found
        if "owner" in values:
            self._require(token, route, f"{values['owner']}/{values['name']}")
        return OPERATIONS[route.name](self.world, Call(request=request, values=values, token=token))

    def _token(self, request: Request) -> Token:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if not given:
            raise errors.authentication_required() if request.method != "GET" else errors.not_found()
        if kind.lower() in {"bearer", "token"}:
            for token in self.settings.tokens:
                if hmac.compare_digest(token.token.encode(), given.strip().encode()):
                    return token
        raise errors.bad_credentials()

    def _require(self, token: Token, route: Route, repository: str) -> None:
        """What a token does not reach is not there; what it reaches and may not do is refused."""
        if repository.lower() != self.settings.repository.lower() or not token.sees:
            raise errors.not_found()
        names = route.scope.split()
        wanted = "read" if route.method == "GET" else "write"
        held = {"pulls": token.pulls, "issues": token.issues}
        if names and not any(LEVELS.index(held[name]) >= LEVELS.index(wanted) for name in names):
            accepted = {"issues": f"issues={wanted}", "pulls": f"pull_requests={wanted}"}
            raise errors.not_accessible(token.kind, "; ".join(accepted[name] for name in sorted(names)))

    def _count(self, token: Token) -> None:
        """Hold a token to its number of calls in the window that began with its first one."""
        limit, now = self.settings.calls, self.clock()
        begun, made = self._calls.get(token.token, (now, 0))
        if now - begun >= self.settings.window:
            begun, made = now, 0
        if limit and made >= limit:
            raise errors.too_many_calls(token.login, limit, math.ceil(begun + self.settings.window))
        self._calls[token.token] = begun, made + 1

    def snapshot(self) -> dict[str, Any]:
        """The whole memory as data that JSON can hold."""
        with self.lock:
            return self.world.snapshot()

    def restore(self, data: dict[str, Any]) -> None:
        """Continue from a snapshot."""
        with self.lock:
            self.world.restore(data)

    def reset(self) -> None:
        """Forget every pull request, comment, fault, count and call."""
        with self.lock:
            self.world = World(settings=self.settings, clock=self.clock)
            self._calls.clear()
        self.faults.clear()
        self.log.clear()


def _broken(response: Response, fault: Fault | None) -> Response:
    """The answer with what the fault does to its delivery."""
    if fault is None:
        return response
    body = response.body[: len(response.body) // 2] if fault.malformed else response.body
    return replace(response, body=body, cut="before" if fault.lose_answer else fault.cut, delay=fault.delay)


def _told(answer: Answer) -> Response:
    body = b"" if answer.body is None else json.dumps(answer.body).encode()
    return Response(status=answer.status, headers={**_headers(), **answer.headers}, body=body)


def _refused(refusal: ApiError) -> Response:
    told: dict[str, Any] = {"message": refusal.message, "documentation_url": DOCUMENTATION + refusal.page}
    if refusal.errors:
        told["errors"] = refusal.errors
    body = json.dumps({**told, "status": str(refusal.status)}).encode()
    return Response(status=refusal.status, headers={**_headers(), **refusal.headers}, body=body)


def _headers() -> dict[str, str]:
    return {"Content-Type": TYPE, "X-GitHub-Request-Id": f"SBX:{uuid.uuid4().hex[:16].upper()}"}
