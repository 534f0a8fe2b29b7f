"""What every stand-in has: faults, the log of calls, and a surface of its own below `/sandbox/`.

::

    GET, DELETE /sandbox/calls             the log of calls
    GET, POST, DELETE /sandbox/faults      what goes wrong (`faults.Fault`)
    GET /sandbox/state                     what the stand-in holds, without secrets
    POST /sandbox/reset                    everything gone

Each stand-in's `orders` names what else it can be told.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from cloud_sandbox.calls import Log
from cloud_sandbox.errors import ControlError, SandboxError
from cloud_sandbox.faults import Faults, fault_of
from cloud_sandbox.wire import JSON_TYPE, NO_ANSWER, Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloud_sandbox.faults import Fault

Order = Callable[[dict[str, Any], str], Any]
"""What carries out an order: the body's object, and the last part of the path where the order has one."""
Orders = dict[tuple[str, str], Order]
"""By method and path below `/sandbox/`; a star stands for the last part of the path."""
PREFIX = "/sandbox/"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request and the values of its path."""

    request: Request
    values: Mapping[str, str]

    @property
    def query(self) -> dict[str, str]:
        """The query's values by name, the last of each."""
        found = parse_qs(self.request.query, keep_blank_values=True)
        return {name: values[-1] for name, values in found.items()}


class StandIn(ABC):
    """One cloud. Thread safe; knows no HTTP library. `clock` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.faults, self.log = Faults(), Log()
        self.change_listeners: list[Callable[[], None]] = []
        self._orders: Orders = {
            ("GET", "calls"): lambda _, __: {"calls": self.log.listed()},
            ("DELETE", "calls"): lambda _, __: self.log.clear(),
            ("GET", "faults"): lambda _, __: {"faults": self.faults.listed()},
            ("POST", "faults"): lambda data, _: self.faults.add(fault_of(data)),
            ("DELETE", "faults"): lambda _, __: self.faults.clear(),
            ("GET", "state"): lambda _, __: self.state(),
            ("POST", "reset"): lambda _, __: self._reset(),
            **self.orders(),
        }

    @abstractmethod
    def answer(self, request: Request, fault: Fault | None) -> Response:
        """What the API answers; `fault` is one that lets it be worked on."""

    @abstractmethod
    def ordered(self, request: Request, fault: Fault) -> Response:
        """The refusal that a fault orders instead, in the API's own shape."""

    @abstractmethod
    def orders(self) -> Orders:
        """What else can be told to it below `/sandbox/`."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What it holds, without secrets, as JSON-able data."""

    @abstractmethod
    def snapshot(self) -> dict[str, Any]:
        """The whole memory as data that JSON can hold. It may have secrets: keep the file private."""

    @abstractmethod
    def restore(self, data: dict[str, Any]) -> None:
        """Continue from a snapshot."""

    @abstractmethod
    def forget(self) -> None:
        """Forget everything that it holds."""

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after everything that changes what `snapshot` gives, before the answer is sent."""
        self.change_listeners.append(listener)

    def handle(self, request: Request) -> Response:
        """Answer one request, to the API or below `/sandbox/`."""
        response = self._carry_out(request) if request.path.startswith(PREFIX) else self._logged(request)
        self.finish(request)
        return response

    def finish(self, request: Request) -> None:
        """Tell who listens that something may have changed."""
        if request.method not in SAFE_METHODS:
            for listener in self.change_listeners:
                listener()

    def _logged(self, request: Request) -> Response:
        started, fault = self.clock(), self.faults.take(request)
        response = self._respond(request, fault)
        answered = None if response.cut == "before" else response.status
        self.log.add(request, status=answered, fault=fault is not None, started=started, ended=self.clock())
        return response

    def _respond(self, request: Request, fault: Fault | None) -> Response:
        if fault is None:
            return self.answer(request, None)
        if fault.cut == "before":
            return replace(NO_ANSWER, delay=fault.delay)
        return _spoiled(self.ordered(request, fault) if fault.status else self.answer(request, fault), fault)

    def _carry_out(self, request: Request) -> Response:
        """One order: 200 with JSON, 204 without, 400 with what is wrong, 404 for no such order or thing."""
        path = request.path.removeprefix(PREFIX).strip("/")
        name, _, which = path.partition("/")
        order = self._orders.get((request.method, f"{name}/*" if which else name))
        if order is None:
            return _told(404, {"message": f"there is no {request.method} {request.path}"})
        try:
            result = order(_data(request.body), which)
        except SandboxError as error:
            return _told(400, {"message": str(error)})
        except LookupError as error:
            return _told(404, {"message": f"there is no {error.args[0]}"})
        return Response(status=204) if result is None else _told(200, result)

    def _reset(self) -> None:
        self.forget()
        self.faults.clear()
        self.log.clear()


def _spoiled(response: Response, fault: Fault) -> Response:
    """The answer with what the fault does to its delivery; where nobody is left to answer, nothing."""
    if response.cut:
        return response
    headers = dict(response.headers) | ({"Retry-After": fault.retry_after} if fault.retry_after else {})
    body = response.body[: len(response.body) // 2] if fault.malformed else response.body
    cut = "before" if fault.lose_answer else fault.cut
    return replace(response, headers=headers, body=body, cut=cut, delay=fault.delay)


def _data(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body or b"{}")
    except ValueError as error:
        raise ControlError(f"the body is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise ControlError("the body is a JSON object")
    return data


def _told(status: int, body: Any) -> Response:
    return Response(status=status, headers={"Content-Type": JSON_TYPE}, body=json.dumps(body).encode())
