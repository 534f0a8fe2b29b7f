"""The stand-in's own surface, below `/sandbox/`: what a test orders and asks that no real server offers.

::

    GET, DELETE /sandbox/calls             the log of calls
    GET, POST, DELETE /sandbox/faults      what goes wrong (`cloud_sandbox.faults.Fault`)
    GET /sandbox/workers                   {name: {"url", "address"}} of all that is run, previews too
    GET /sandbox/state                     Workers, versions and deployments, without values of secrets
    POST /sandbox/reset                    everything gone
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import shapes
from cloud_sandbox.errors import SandboxError
from cloud_sandbox.faults import fault_of
from cloud_sandbox.wire import JSON_TYPE, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.cloudflare.service import Service

PREFIX = "/sandbox/"


class Control:
    """Carries out the orders on one service, and hands everything else to it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._orders: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", "calls"): lambda _: {"calls": service.log.listed()},
            ("DELETE", "calls"): lambda _: service.log.clear(),
            ("GET", "faults"): lambda _: {"faults": service.faults.listed()},
            ("POST", "faults"): lambda data: service.faults.add(fault_of(data)),
            ("DELETE", "faults"): lambda _: service.faults.clear(),
            ("GET", "workers"): lambda _: service.deployed(),
            ("GET", "state"): lambda _: self._state(),
            ("POST", "reset"): lambda _: service.reset(),
        }

    def handle(self, request: Request) -> Response:
        """Carry out one order: 200 with JSON, 204 without, 400 with what is wrong, 404 for no such order."""
        order = self._orders.get((request.method, request.path.removeprefix(PREFIX)))
        if order is None:
            return _json(404, {"message": f"there is no {request.method} {request.path}"})
        try:
            result = order(_data(request.body))
        except (SandboxError, ValueError) as error:
            return _json(400, {"message": str(error)})
        return Response(status=204) if result is None else _json(200, result)

    def _state(self) -> dict[str, Any]:
        workers = list(self.service.world.workers.values())
        return {
            "workers": {
                worker.name: {
                    "versions": [shapes.version(worker, version) for version in worker.versions],
                    "deployments": [shapes.deployment(deployment) for deployment in worker.deployments],
                    "previews": [shapes.preview(one, worker, self.service.world.subdomain) for one in worker.previews],
                }
                for worker in workers
            }
        }


def _data(body: bytes) -> dict[str, Any]:
    data = json.loads(body or b"{}")
    if not isinstance(data, dict):
        raise ValueError("the body is a JSON object")  # noqa: TRY004 - its caller answers 400 to what is no value of an order
    return data


def _json(status: int, body: Any) -> Response:
    return Response(status=status, headers={"Content-Type": JSON_TYPE}, body=json.dumps(body).encode())
