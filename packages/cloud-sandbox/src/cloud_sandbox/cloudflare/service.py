"""The API: one request in, one answer out. Thread safe; knows no HTTP library."""

from __future__ import annotations

import hmac
import json
import logging
import math
import threading
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import errors, models, shapes
from cloud_sandbox.cloudflare.errors import ApiError
from cloud_sandbox.cloudflare.routes import ROUTES
from cloud_sandbox.cloudflare.settings import ACCOUNT, Settings, Token
from cloud_sandbox.cloudflare.world import Call, Enveloped, World
from cloud_sandbox.standin import StandIn
from cloud_sandbox.wire import JSON_TYPE, Request, Response, match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cloud_sandbox.cloudflare.models import Bindings, Script, Worker
    from cloud_sandbox.cloudflare.runtime import Runtime
    from cloud_sandbox.faults import Fault
    from cloud_sandbox.standin import Orders

BASE_PATH = "/client/v4"
VERIFY = "/user/tokens/verify"
USER_PATHS = ("/user", "/memberships")
_LOG = logging.getLogger(__name__)
ORDERED_CODE = 10013
"""The code of an answer that was ordered by a fault: what the service says of its own failures."""


class Service(StandIn):
    """The stand-in. The clock can be a test's; `runtime` is told of every script that is deployed."""

    def __init__(self, settings: Settings, *, runtime: Runtime, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.settings = settings
        self.world = World(settings=settings, runtime=runtime, clock=clock, subdomain=settings.subdomain)
        self._lock = threading.RLock()
        self._calls: dict[str, deque[float]] = {}

    def answer(self, request: Request, fault: Fault | None) -> Response:  # noqa: ARG002 - no fault of its own
        """What the API answers."""
        try:
            with self._lock:
                return _told(self._answer(request))
        except ApiError as refusal:
            return _refused(refusal)

    def ordered(self, request: Request, fault: Fault) -> Response:  # noqa: ARG002 - one shape for all
        """A refusal with the code of the service's own failures."""
        return _refused(ApiError(fault.status, ORDERED_CODE, fault.message or "ordered"))

    def orders(self) -> Orders:
        """`GET /sandbox/workers`: {name: {"url", "address"}} of all that is run."""
        return {("GET", "workers"): lambda _, __: self.deployed()}

    def _answer(self, request: Request) -> Enveloped:
        path = request.path.removeprefix(BASE_PATH)
        if path == request.path:
            raise errors.no_route(request.method, request.path)
        token = self._token(request, path)
        self._count(token)
        found = match(ROUTES, request.method, path)
        if found is None:
            raise errors.no_route(request.method, request.path)
        route, values = found
        if "account" in values:
            self._require_account(token, values["account"], path)
        if route.scope and route.scope not in token.permissions:
            raise errors.not_permitted()
        return route.operation(self.world, Call(request=request, values=values, token=token))

    def _token(self, request: Request, path: str) -> Token:
        header = request.headers.get("authorization", "")
        if not header:
            raise errors.no_credentials()
        kind, _, given = header.partition(" ")
        if kind.lower() != "bearer" or not given.strip():
            raise errors.malformed_credentials()
        sent = given.strip().encode()
        for token in self.settings.tokens:
            if hmac.compare_digest(token.token.encode(), sent) and token.status == "active":
                return token
        if path == VERIFY:
            raise errors.unknown_token()
        raise errors.no_access() if path.startswith(USER_PATHS) else errors.not_permitted()

    def _require_account(self, token: Token, account: str, path: str) -> None:
        if not ACCOUNT.fullmatch(account):
            raise errors.unroutable_account(path)
        if account != self.settings.account or account not in (token.accounts or (self.settings.account,)):
            raise errors.not_permitted()

    def _count(self, token: Token) -> None:
        """Hold a token to its number of calls in the window that began with its first one."""
        limit, window, now = self.settings.calls, self.settings.window, self.clock()
        if not limit:
            return
        made = self._calls.setdefault(token.token, deque())
        if made and now - made[0] >= window:
            made.clear()
        if len(made) >= limit:
            raise errors.too_many_calls(max(1, math.ceil(made[0] + window - now)), limit, int(window))
        made.append(now)

    def deployed(self) -> dict[str, dict[str, str]]:
        """What is run, by name: where it is reached, and its address below workers.dev if that is on."""
        with self._lock:
            found = [worker.name for worker in self.world.workers.values() if worker.deployments]
        return {name: {"url": self.world.runtime.url(name), "address": self.address(name)} for name in found}

    def address(self, name: str) -> str:
        """A Worker's address below workers.dev, empty while it is off. Waits for nobody."""
        worker = self.world.workers.get(name)
        on = self.world.subdomain and worker and worker.subdomain["enabled"]
        return f"https://{name}.{self.world.subdomain}.workers.dev" if on else ""

    def state(self) -> dict[str, Any]:
        """Workers, versions and deployments, without values of secrets."""
        workers = list(self.world.workers.values())
        return {
            "workers": {
                worker.name: {
                    "versions": [shapes.version(worker, version) for version in worker.versions],
                    "deployments": [shapes.deployment(deployment) for deployment in worker.deployments],
                }
                for worker in workers
            }
        }

    def snapshot(self) -> dict[str, Any]:
        """The whole memory as data that JSON can hold. It has values of secrets: keep the file private."""
        with self._lock:
            return {"subdomain": self.world.subdomain, "workers": models.dump(self.world.workers)}

    def restore(self, data: dict[str, Any]) -> None:
        """Continue from a snapshot, and run what ran then; what does not start any more is only remembered."""
        with self._lock:
            self.world.subdomain = data["subdomain"]
            self.world.workers = models.load(data["workers"])
            for name, script, bindings in _running(self.world.workers):
                try:
                    self.world.run(name, script, bindings)
                except ApiError as error:
                    _LOG.warning("the Worker %s does not start: %s", name, error.message)

    def forget(self) -> None:
        """Forget every Worker and count."""
        with self._lock:
            for worker in list(self.world.workers.values()):
                self.world.remove(worker)
            self.world.subdomain = self.settings.subdomain
            self._calls.clear()


def _running(workers: Mapping[str, Worker]) -> Iterator[tuple[str, Script, Bindings]]:
    """What is to be run: Workers' active versions."""
    for worker in workers.values():
        if worker.active is not None:
            yield worker.name, worker.active.script, worker.active.bindings


def _told(answer: Enveloped) -> Response:
    if answer.body is not None:
        return Response(status=answer.status, headers={**_headers(answer.type), **answer.headers}, body=answer.body)
    envelope = {"result": answer.result, "success": True, "errors": [], "messages": []}
    if answer.info is not None:
        envelope["result_info"] = answer.info
    return Response(status=answer.status, headers=_headers(JSON_TYPE), body=json.dumps(envelope).encode())


def _refused(refusal: ApiError) -> Response:
    error = {"code": refusal.code, "message": refusal.message}
    envelope = {"result": None, "success": False, "errors": [error], "messages": []}
    headers = {**_headers(JSON_TYPE), **refusal.headers}
    return Response(status=refusal.status, headers=headers, body=json.dumps(envelope).encode())


def _headers(kind: str) -> dict[str, str]:
    return {"Content-Type": kind, "CF-Ray": f"{uuid.uuid4().hex[:16]}-SBX"}
