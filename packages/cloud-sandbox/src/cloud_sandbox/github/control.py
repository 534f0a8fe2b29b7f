"""The stand-in's own surface, below `/sandbox/`: what a test orders and asks that no real server offers.

::

    GET, DELETE /sandbox/calls             the log of calls
    GET, POST, DELETE /sandbox/faults      what goes wrong (`cloud_sandbox.faults.Fault`)
    POST /sandbox/pulls                    opens a pull request: {"number": 7, "title": …, "labels": […], …}
    POST /sandbox/pulls/7                  changes it: {"state": "closed", "merged": true, "sha": …, "labels": […]}
    POST /sandbox/comments                 writes a comment: {"number": 7, "body": …, "login": …, "type": "User"}
    GET /sandbox/state                     all pull requests and comments
    POST /sandbox/reset                    everything gone
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cloud_sandbox.errors import SandboxError
from cloud_sandbox.faults import fault_of
from cloud_sandbox.github.models import ControlError
from cloud_sandbox.wire import JSON_TYPE, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.github.service import Service

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
            ("POST", "pulls"): lambda data: asdict(service.world.seed(data)),
            ("POST", "comments"): self._comment,
            ("GET", "state"): lambda _: service.world.snapshot(),
            ("POST", "reset"): lambda _: service.reset(),
        }

    def handle(self, request: Request) -> Response:
        """Carry out one order: 200 with JSON, 204 without, 400 with what is wrong, 404 for no such order."""
        try:
            with self.service.lock:
                result = self._carry_out(request)
        except LookupError as error:
            return _json(404, {"message": f"there is no {error.args[0]}"})
        except (SandboxError, ValueError) as error:
            return _json(400, {"message": str(error)})
        return Response(status=204) if result is None else _json(200, result)

    def _carry_out(self, request: Request) -> Any:
        name, _, which = request.path.removeprefix(PREFIX).partition("/")
        if (request.method, name) == ("POST", "pulls") and which.isdecimal():
            return asdict(self.service.world.change(int(which), _data(request.body)))
        if which or (request.method, name) not in self._orders:
            raise LookupError(f"{request.method} {request.path}")
        return self._orders[request.method, name](_data(request.body))

    def _comment(self, data: dict[str, Any]) -> dict[str, Any]:
        number, body = data.get("number"), data.get("body")
        login, kind = data.get("login", "octocat"), data.get("type", "User")
        if number not in self.service.world.pulls or not all(isinstance(one, str) for one in (body, login, kind)):
            raise ControlError("a comment has the number of a pull request, a body, and maybe login and type")
        return asdict(self.service.world.write(int(number), str(body), login=str(login), kind=str(kind)))


def _data(body: bytes) -> dict[str, Any]:
    data = json.loads(body or b"{}")
    if not isinstance(data, dict):
        raise ControlError("the body is a JSON object")
    return data


def _json(status: int, body: Any) -> Response:
    return Response(status=status, headers={"Content-Type": JSON_TYPE}, body=json.dumps(body).encode())
