"""The API: one request in, one answer out. Thread safe; knows no HTTP library."""

from __future__ import annotations

import hmac
import json
import math
import threading
import time
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cloud_sandbox.errors import ControlError
from cloud_sandbox.github import errors
from cloud_sandbox.github.errors import DOCUMENTATION, ApiError
from cloud_sandbox.github.operations import ROUTES
from cloud_sandbox.github.settings import LEVELS
from cloud_sandbox.github.world import Call, World
from cloud_sandbox.standin import StandIn
from cloud_sandbox.wire import Reply, Request, Response, match

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.faults import Fault
    from cloud_sandbox.github.settings import Settings, Token
    from cloud_sandbox.standin import Orders
    from cloud_sandbox.wire import Route

TYPE = "application/json; charset=utf-8"
LIMITED = "rate limit exceeded"
"""An ordered message with these words comes with the headers of the primary rate limit."""


class Service(StandIn):
    """The stand-in. The clock can be a test's.

    Besides what every stand-in can be told below `/sandbox/`::

        POST /sandbox/pulls       opens a pull request: {"number": 7, "title": …, "labels": […], …}
        POST /sandbox/pulls/7     changes it: {"state": "closed", "merged": true, "sha": …, "labels": […]}
        POST /sandbox/comments    writes a comment: {"number": 7, "body": …, "login": …, "type": "User"}
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.settings = settings
        self.world = World(settings=settings, clock=clock)
        self.lock = threading.RLock()
        self._calls: dict[str, tuple[float, int]] = {}

    def answer(self, request: Request, fault: Fault | None) -> Response:  # noqa: ARG002 - no fault of its own
        """What the API answers."""
        try:
            with self.lock:
                return _told(self._answer(request))
        except ApiError as refusal:
            return _refused(refusal)

    def ordered(self, request: Request, fault: Fault) -> Response:  # noqa: ARG002 - one shape for all
        """A refusal, with the headers of the rate limit when its message names that."""
        headers: dict[str, str] = {}
        if LIMITED in fault.message and not fault.retry_after:
            reset = math.ceil(self.clock() + self.settings.window)
            headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
        return _refused(ApiError(fault.status, fault.message or "ordered", headers=headers))

    def orders(self) -> Orders:
        """Pull requests and comments, as other people make them."""
        return {
            ("POST", "pulls"): lambda data, _: self._seed(data),
            ("POST", "pulls/*"): self._change,
            ("POST", "comments"): lambda data, _: self._comment(data),
        }

    def _seed(self, data: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            return asdict(self.world.seed(data))

    def _change(self, data: dict[str, Any], which: str) -> dict[str, Any]:
        with self.lock:
            return asdict(self.world.change(int(which) if which.isdecimal() else 0, data))

    def _comment(self, data: dict[str, Any]) -> dict[str, Any]:
        number, body = data.get("number"), data.get("body")
        login, kind = data.get("login", "octocat"), data.get("type", "User")
        with self.lock:
            if number not in self.world.pulls or not all(isinstance(one, str) for one in (body, login, kind)):
                raise ControlError("a comment has the number of a pull request, a body, and maybe login and type")
            return asdict(self.world.write(int(number), str(body), login=str(login), kind=str(kind)))

    def _answer(self, request: Request) -> Reply:
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
        return route.operation(self.world, Call(request=request, values=values, token=token))

    def _token(self, request: Request) -> Token:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if not given:
            raise errors.authentication_required() if request.method != "GET" else errors.not_found()
        if kind.lower() in {"bearer", "token"}:
            for token in self.settings.tokens:
                if hmac.compare_digest(token.token.encode(), given.strip().encode()):
                    return token
        raise errors.bad_credentials()

    def _require(self, token: Token, route: Route[Any], repository: str) -> None:
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

    def state(self) -> dict[str, Any]:
        """All pull requests and comments."""
        return self.snapshot()

    def restore(self, data: dict[str, Any]) -> None:
        """Continue from a snapshot."""
        with self.lock:
            self.world.restore(data)

    def forget(self) -> None:
        """Forget every pull request, comment and count."""
        with self.lock:
            self.world = World(settings=self.settings, clock=self.clock)
            self._calls.clear()


def _told(answer: Reply) -> Response:
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
