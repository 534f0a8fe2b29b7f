"""A repository with pull requests, a client of it, and one clock for both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from cloud_sandbox.faults import Fault
from cloud_sandbox.github.service import Service
from cloud_sandbox.github.settings import DEFAULT_REPOSITORY, Settings, Token
from cloud_sandbox.transport import handler
from components.github.client import Client
from tests.components.xata.scripted import Service as Script

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "ghs_TheTokenOfTheTests01234567"
READER = "ghs_TheReaderOfTheTests0123456"
PERSON = "github_pat_ThePersonOfTheTests0123456789"
STRANGER = "ghs_TheStrangerOfTheTests01234"
REPOSITORY = DEFAULT_REPOSITORY
TOKENS = (
    Token(token=TOKEN),
    Token(token=READER, pulls="read", issues="none"),
    Token(token=PERSON, login="hubot", kind="user"),
    Token(token=STRANGER, sees=False),
)
BASE_URL = "http://github.localhost"


class World:
    """A stand-in with a pull request 7, and clients of it.

    Attributes:
        meddle: Called before each call of `client` with its number, from 0.
        requests: What the clients sent, as "METHOD path".
    """

    def __init__(self, token: str = TOKEN, **settings: Any) -> None:
        self.time = 1_800_000_000.0
        self.service = Service(Settings(**{"tokens": TOKENS, "calls": 0, **settings}), clock=lambda: self.time)
        self._answer = handler(self.service, sleep=self.sleep)
        self.meddle: Callable[[int], None] = lambda _number: None
        self.requests: list[str] = []
        self.pull = self.service.world.seed({"number": 7})
        self.client = self.client_of(token)

    def client_of(self, token: str) -> Client:
        """A client with another token."""
        return Client(
            key=token,
            base_url=BASE_URL,
            transport=httpx.MockTransport(self._hooked),
            clock=lambda: self.time,
            sleep=self.sleep,
            now=lambda: self.time,
        )

    def _hooked(self, request: httpx.Request) -> httpx.Response:
        number = len(self.requests)
        self.requests.append(f"{request.method} {request.url.raw_path.decode()}")
        self.meddle(number)
        return self._answer(request)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

    def fault(self, **fault: Any) -> None:
        """Order a fault."""
        self.service.faults.add(Fault(**fault))

    def say(self, body: str, *, login: str = "octocat", kind: str = "User", number: int = 7) -> int:
        """Somebody comments; the comment's id."""
        return self.service.world.write(number, body, login=login, kind=kind).id

    @property
    def bodies(self) -> list[str]:
        """The texts of all comments, in their order."""
        return [comment.body for comment in self.service.world.comments.values()]


class Scripted(Script):
    """A service that answers from a script, and the client of it."""

    def github(self, *, budget_seconds: float = 60.0, base_url: str = "https://github.test") -> Client:
        """A client whose clock is this service's."""
        return Client(
            key=TOKEN,
            base_url=base_url,
            transport=httpx.MockTransport(self),
            budget_seconds=budget_seconds,
            clock=lambda: self.time,
            sleep=self.sleep,
            jitter=lambda: 0.0,
            now=lambda: self.wall,
        )


def refused(status: int, message: str = "nope", **headers: str) -> httpx.Response:
    """A refusal as GitHub words it; header names with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"message": message, "status": str(status)}, headers=named)
