"""The management API: one request in, one answer out. Thread safe; knows no HTTP library."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Literal

from cloud_sandbox.standin import SAFE_METHODS, StandIn
from cloud_sandbox.wire import JSON_TYPE, NO_ANSWER, Reply, Request, Response, encode, match
from cloud_sandbox.xata import control, life, policy, routes
from cloud_sandbox.xata.messages import CallerGoneError, RefusedError
from cloud_sandbox.xata.world import Call, Listener, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.faults import Fault
    from cloud_sandbox.standin import Orders
    from cloud_sandbox.xata.databases import Databases
    from cloud_sandbox.xata.models import Branch
    from cloud_sandbox.xata.settings import Settings

RouteState = Literal["gone", "not-ready", "asleep", "manually-asleep", "ready"]

HELLO = {"Server": "Xata", "Version": "0.0.1"}
REQUEST_ID, REQUEST_ID_LENGTH = "X-Request-Id", 100
SERVER_ERROR, UNAVAILABLE = 500, 503
UNAVAILABLE_TEXT = "Service temporarily unavailable. Please try again later."


class Service(StandIn):
    """The stand-in. `databases` holds what branches are made of; the clock and the random source can be a test's."""

    def __init__(
        self,
        settings: Settings,
        *,
        databases: Databases,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        source: random.Random | None = None,
    ) -> None:
        random_source = source or random.SystemRandom()
        self.world = World(settings, databases=databases, clock=clock, sleep=sleep, source=random_source)
        self.settings = settings
        super().__init__(lambda: self.world.now / 1e6)
        self.world.change_listeners = self.change_listeners
        self._routes = routes.routes(settings)

    def answer(self, request: Request, fault: Fault | None) -> Response:
        """What the API answers."""
        headers = self._headers(request)
        try:
            answer = self._answer(request, fault)
        except CallerGoneError:
            return NO_ANSWER
        except RefusedError as refusal:
            message = refusal.newest if self.settings.is_current else str(refusal)
            return _refused(request, refusal, headers, message)
        body = b"" if answer.body is None else encode(answer.body)
        content = {"Content-Type": JSON_TYPE} if body else {}
        return Response(status=answer.status, headers=headers | content, body=body)

    def ordered(self, request: Request, fault: Fault) -> Response:
        """An ordered answer: the request is not worked on."""
        refusal = RefusedError(fault.status, fault.message or "ordered")
        return _refused(request, refusal, self._headers(request), str(refusal))

    def finish(self, request: Request) -> None:
        """Tell who listens what happened meanwhile."""
        if request.method not in SAFE_METHODS:
            self.world.changed()
        self.world.tell()

    def orders(self) -> Orders:
        """Those of `control`."""
        return control.orders(self.world)

    def state(self) -> dict[str, Any]:
        """Projects and branches, without passwords."""
        return control.state(self.world)

    def forget(self) -> None:
        """Everything goes, databases too."""
        control.forget(self.world)

    def _headers(self, request: Request) -> dict[str, str]:
        identifier = request.headers.get("x-request-id") or self.world.identifier("req")
        return {REQUEST_ID: identifier[:REQUEST_ID_LENGTH]}

    def _answer(self, request: Request, fault: Fault | None) -> Reply:
        """What the API answers, before anything goes wrong with it."""
        path = request.path.removesuffix("/")
        if (request.method, path) == ("GET", "/_hello"):
            return Reply(body=HELLO)
        token = policy.token_of(request.headers)
        key = policy.key_of(token, self.settings.keys, self.world.now / 1e6)
        found = match(self._routes, request.method, path)
        if found is None:
            raise policy.no_route(key)
        route, values = found
        policy.require(key, self.settings.organization, route, values)
        values = _bound(values)
        organization = values.get("organizationID", "")
        call = Call(request=request, key=key, organization=organization, values=values, fault=fault)
        return route.operation(self.world, call)

    def on_gone(self, listener: Listener) -> None:
        """Call `listener` with the id of every branch that is deleted, before its database goes."""
        self.world.gone_listeners.append(listener)

    def on_sleep(self, listener: Listener) -> None:
        """Call `listener` with the id of every branch that falls asleep."""
        self.world.sleep_listeners.append(listener)

    def _branch(self, branch_id: str) -> Branch | None:
        found = self.world.branches.get(branch_id)
        return None if found is None or found.terminated else self.world.settle(found)

    def route(self, branch_id: str) -> RouteState:
        """What a gateway does with a connection to a branch."""
        with self.world.mutex:
            branch = self._branch(branch_id)
        if branch is None or branch.life.gone:
            return "gone"
        self.world.finish_rotation(branch)
        self.world.tell()
        with self.world.mutex:
            if branch.life.asleep:
                wakes = branch.life.asleep == "inactive" or branch.cluster.scale.enabled
                return "asleep" if wakes else "manually-asleep"
            return "ready" if life.is_up(branch.life, self.world.now) else "not-ready"

    def wake(self, branch_id: str) -> None:
        """Begin to wake a sleeping branch, because a connection came for it."""
        with self.world.mutex:
            branch = self._branch(branch_id)
            if branch is not None:
                life.wake(self.settings, branch, self.world.now)
                self.world.changed()
        self.world.tell()

    def touch(self, branch_id: str) -> None:
        """A connection to the branch is in use: inactivity starts anew."""
        with self.world.mutex:
            branch = self.world.branches.get(branch_id)
            if branch is not None:
                branch.life.used = max(branch.life.used, self.world.now)

    def snapshot(self) -> dict[str, Any]:
        """The whole memory as data that JSON can hold. It has passwords: keep the file private."""
        return self.world.snapshot()

    def restore(self, data: dict[str, Any]) -> None:
        """Continue from a snapshot."""
        self.world.restore(data)


def _bound(values: dict[str, str]) -> dict[str, str]:
    """The values of a path as the handlers get them: not empty."""
    for name, value in values.items():
        if not value:
            text = f"parameter '{name}' is empty, can't bind its value"
            raise RefusedError(400, f"Invalid format for parameter {name}: {text}")
    return values


def _refused(request: Request, refusal: RefusedError, headers: dict[str, str], message: str) -> Response:
    """An error's answer. The text of a server error is masked; HEAD has no body."""
    headers = dict(headers) | ({"Retry-After": refusal.retry_after} if refusal.retry_after else {})
    if refusal.status >= SERVER_ERROR:
        unavailable = refusal.status == UNAVAILABLE
        message = f"{UNAVAILABLE_TEXT if unavailable else 'Internal Error'} (Request ID: {headers[REQUEST_ID]})"
        if unavailable:
            headers["Retry-After"] = "30"
    given = request.headers.get("x-request-id", "")
    body = ({"id": given} if given else {}) | ({"message": message} if message else {})
    return Response(status=refusal.status, headers=headers | {"Content-Type": JSON_TYPE}, body=encode(body))
