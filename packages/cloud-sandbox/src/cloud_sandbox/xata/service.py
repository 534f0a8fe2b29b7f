"""The management API: one request in, one answer out. Thread safe; knows no HTTP library."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from cloud_sandbox.standin import SAFE_METHODS, StandIn
from cloud_sandbox.wire import JSON_TYPE, NO_ANSWER, Request, Response, encode, match
from cloud_sandbox.xata import (
    accounts,
    backups,
    branches,
    control,
    creation,
    life,
    policy,
    projects,
    routes,
    update,
)
from cloud_sandbox.xata.messages import CallerGoneError, RefusedError
from cloud_sandbox.xata.world import Answer, Call, Listener, World

if TYPE_CHECKING:
    from cloud_sandbox.faults import Fault
    from cloud_sandbox.standin import Orders
    from cloud_sandbox.xata.databases import Databases
    from cloud_sandbox.xata.models import Branch
    from cloud_sandbox.xata.settings import Settings

Operation = Callable[[World, Call], Answer]
RouteState = Literal["gone", "not-ready", "asleep", "manually-asleep", "ready"]

OPERATIONS: dict[str, Operation] = {
    "organizations.list": accounts.list_organizations,
    "organizations.get": accounts.get_organization,
    "catalogue.regions": accounts.regions,
    "catalogue.images": accounts.images,
    "catalogue.sizes": accounts.sizes,
    "limits.organization": accounts.organization_limits,
    "limits.default": accounts.default_limits,
    "limits.project": accounts.project_limits,
    "projects.list": projects.list_projects,
    "projects.create": projects.create_project,
    "projects.get": projects.get_project,
    "projects.update": projects.update_project,
    "projects.delete": projects.delete_project,
    "backups.list": backups.list_backups,
    "backups.get": backups.get_backup,
    "backups.restore": creation.restore_backup,
    "branches.list": branches.list_branches,
    "branches.create": creation.create_branch,
    "branches.get": branches.get_branch,
    "branches.update": update.update_branch,
    "branches.delete": branches.delete_branch,
    "credentials.get": branches.get_credentials,
    "credentials.rotate": branches.rotate_credentials,
}
HELLO = {"Server": "Xata", "Version": "0.0.1"}
REQUEST_ID, REQUEST_ID_LENGTH = "X-Request-Id", 100
ALLOW_HEADERS = (
    "Origin,Content-Length,Content-Type,Authorization,User-Agent,X-Xata-Client-ID,X-Xata-Session-ID,X-Xata-Agent,"
    "X-Features,Timing-Allow-Origin"
)
ALLOW_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
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
        known = [one for one in routes.ROUTES if not (settings.is_april and one.since_june)]
        self._routes = tuple(one for one in known if settings.account_routes or not one.account)

    def answer(self, request: Request, fault: Fault | None) -> Response:
        """What the API answers."""
        headers = self._headers(request)
        try:
            answer = self._answer(request, headers, fault)
        except CallerGoneError:
            return NO_ANSWER
        except RefusedError as refusal:
            message = refusal.newest if self.settings.is_current else str(refusal)
            return _refused(request, refusal, headers, message)
        body = b"" if answer.body is None else encode(answer.body, pretty="_pretty" in request.query)
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
        return {REQUEST_ID: identifier[:REQUEST_ID_LENGTH], "Vary": "Origin"}

    def _answer(self, request: Request, headers: dict[str, str], fault: Fault | None) -> Answer:
        """What the API answers, before anything goes wrong with it."""
        path = request.path.removesuffix("/")
        if "origin" in request.headers:
            headers["Access-Control-Allow-Origin"] = "*"
        if request.method == "OPTIONS":
            _add_preflight(headers, asked="origin" in request.headers)
            return Answer(status=204)
        if (request.method, path) == ("GET", "/_hello"):
            return Answer(body=HELLO)
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
        return OPERATIONS[route.name](self.world, call)

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
    """The values of a path as the handlers get them: not empty, and decoded a second time, as the real server does."""
    for name, value in values.items():
        if not value:
            text = f"parameter '{name}' is empty, can't bind its value"
            raise RefusedError(400, f"Invalid format for parameter {name}: {text}")
        escape = BAD_ESCAPE.search(value)
        if escape:
            text = f"error unescaping path parameter '{name}': invalid URL escape \"{escape[0]}\""
            raise RefusedError(400, f"Invalid format for parameter {name}: {text}")
    return {name: unquote(value, errors="surrogateescape") for name, value in values.items()}


def _add_preflight(headers: dict[str, str], *, asked: bool) -> None:
    """What a browser is told before it sends a request from another site; only when it says where it is."""
    if asked:
        headers["Access-Control-Allow-Methods"] = ALLOW_METHODS
        headers["Access-Control-Allow-Headers"] = ALLOW_HEADERS
        headers["Access-Control-Max-Age"] = "7200"
        headers["Vary"] += ", Access-Control-Request-Method, Access-Control-Request-Headers"


def _refused(request: Request, refusal: RefusedError, headers: dict[str, str], message: str) -> Response:
    """An error's answer. The text of a server error is masked; HEAD has no body."""
    headers = dict(headers) | ({"Retry-After": refusal.retry_after} if refusal.retry_after else {})
    if request.method == "HEAD":
        return Response(status=refusal.status, headers=headers)
    if refusal.status >= SERVER_ERROR:
        unavailable = refusal.status == UNAVAILABLE
        message = f"{UNAVAILABLE_TEXT if unavailable else 'Internal Error'} (Request ID: {headers[REQUEST_ID]})"
        if unavailable:
            headers["Retry-After"] = "30"
    given = request.headers.get("x-request-id", "")
    body = ({"id": given} if given else {}) | ({"message": message} if message else {})
    pretty = "_pretty" in request.query
    return Response(
        status=refusal.status, headers=headers | {"Content-Type": JSON_TYPE}, body=encode(body, pretty=pretty)
    )
