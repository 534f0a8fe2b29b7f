"""A service that answers from a script, and a clock that only moves when it is slept on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

from components.xata.api.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "xau_TopSecretKeyOfTheTests0123456789abcdef"
ORGANIZATION, PROJECT, BRANCH = "abc123", "prj_1", "b1"
MOMENT = "2026-11-22T10:00:00.123456Z"

Step = httpx.Response | Exception
SUMMARY = {"id": BRANCH, "name": "staging", "createdAt": MOMENT, "updatedAt": MOMENT, "region": "us-east-1"} | {
    "parentID": None,
    "publicAccess": True,
}
HALF = {"enabled": False, "inactivityPeriodMinutes": 30}
WHOLE_PROJECT = {"id": PROJECT, "name": "p", "createdAt": MOMENT, "updatedAt": MOMENT} | {
    "configuration": {"scaleToZero": {"baseBranches": HALF, "childBranches": HALF}}
}
STATUS = {"status": "Cluster in healthy state", "statusType": "STATUS_TYPE_HEALTHY"} | {
    "instanceCount": 1,
    "instanceReadyCount": 1,
    "instances": [{"id": "b1-1", "status": "healthy", "primary": True, "targetPrimary": True}],
}
WHOLE_BRANCH = SUMMARY | {
    "connectionString": "postgresql://xata:hidden@host/xata",
    "status": STATUS,
    "backupsEnabled": True,
    "scaleToZero": HALF,
    "configuration": {"image": "postgres:18.1", "region": "", "instanceType": "xata.micro", "replicas": 0},
    "backupConfiguration": {"retentionPeriod": 7, "backupTime": "*:02:30"},
}


class Service:
    """Answers request after request from a script; the last step is repeated. Keeps what it was asked.

    A step that is an exception is raised. `takes` is how many seconds of the clock each answer costs.
    """

    def __init__(self, *script: Step, takes: float = 0.0) -> None:
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self.time = 1000.0
        self.wall = 1_800_000_000.0
        self.takes = takes
        self.script = script

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """One request, for httpx.MockTransport."""
        self.requests.append(request)
        self.time += self.takes
        step = self.script[min(len(self.requests), len(self.script)) - 1]
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step.status_code, headers=step.headers, stream=step.stream)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.time += seconds

    def client(
        self, *, budget_seconds: float = 60.0, chance: float = 0.5, base_url: str = "https://xata.test"
    ) -> Client:
        """A client of this service."""
        return Client(
            key=KEY,
            base_url=base_url,
            transport=httpx.MockTransport(self),
            budget_seconds=budget_seconds,
            clock=lambda: self.time,
            sleep=self.sleep,
            jitter=lambda: chance,
            now=lambda: self.wall,
        )

    def body(self, number: int = -1) -> Any:
        """The body of a request, parsed."""
        return json.loads(self.requests[number].content)


def answer(status: int = 200, body: Any = None, **headers: str) -> httpx.Response:
    """An answer; header names with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named) if body is None else httpx.Response(status, json=body, headers=named)


def refusal(status: int, message: str = "nope", **headers: str) -> httpx.Response:
    """An error as Xata words it."""
    return answer(status, {"message": message}, **headers)


class CutBody(httpx.SyncByteStream):
    """A body that ends too early."""

    def __init__(self, error: Callable[[], Exception]) -> None:
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"id": "b'
        raise self._error()


class Drip(httpx.SyncByteStream):
    """A body that comes in pieces for ever."""

    def __init__(self, between: Callable[[], None], *, piece: bytes = b" ") -> None:
        self._between = between
        self._piece = piece

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield self._piece
            self._between()


def cut(status: int = 200) -> httpx.Response:
    """An answer that is cut in mid-body."""
    return httpx.Response(status, stream=CutBody(lambda: httpx.RemoteProtocolError("peer closed the connection")))
