"""An account with Workers, a client of it, and whatever happens between two calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from cloud_sandbox.cloudflare.runtime import NoRuntime
from cloud_sandbox.cloudflare.service import Service
from cloud_sandbox.cloudflare.settings import DEFAULT_ACCOUNT, Settings, Token
from cloud_sandbox.faults import Fault
from cloud_sandbox.transport import handler
from components.worker.api.client import Client
from components.worker.api.models import Upload
from components.worker.names import Target
from tests.components.worker.stranger import Stranger
from tests.components.xata.scripted import Service as Script

if TYPE_CHECKING:
    from collections.abc import Callable

C = TypeVar("C", bound=Client)

TOKEN = "TheSandboxTokenOfTheTests-0123456789_abcdef"
ACCOUNT = DEFAULT_ACCOUNT
SCRIPT = "warehouse-manager-staging"
TARGET = Target(account=ACCOUNT, script=SCRIPT)
BASE_URL = "http://cloudflare.localhost/client/v4"


class KilledError(BaseException):
    """The run ended here, without a word."""


class World:
    """A stand-in, a client of it, and one clock for both.

    Attributes:
        meddle: Called before each call of `client` with its number, from 0.
        kill_before: The call that is never made, because the run is killed.
        kill_after: The call whose answer is never seen, because the run is killed.
        requests: What `client` sent, as "METHOD path" below the account.
    """

    def __init__(self, **settings: Any) -> None:
        self.time = 1_800_000_000.0
        chosen = Settings(**{"tokens": (Token(token=TOKEN),), "calls": 0, **settings})
        self.runtime = NoRuntime()
        self.service = Service(chosen, runtime=self.runtime, clock=lambda: self.time)
        self._answer = handler(self.service, sleep=self.sleep)
        self.meddle: Callable[[int], None] = lambda _number: None
        self.kill_before = self.kill_after = -1
        self.requests: list[str] = []
        self.client = self._client(self._hooked, Client)
        self.other = self._client(self._answer, Stranger)

    def _client(self, answer: Callable[[httpx.Request], httpx.Response], kind: type[C]) -> C:
        return kind(
            key=TOKEN,
            base_url=BASE_URL,
            transport=httpx.MockTransport(answer),
            clock=lambda: self.time,
            sleep=self.sleep,
            now=lambda: self.time,
        )

    def _hooked(self, request: httpx.Request) -> httpx.Response:
        number = len(self.requests)
        self.requests.append(f"{request.method} {request.url.path.partition(f'{ACCOUNT}/workers')[2]}")
        self.meddle(number)
        if number == self.kill_before:
            raise KilledError
        response = self._answer(request)
        if number == self.kill_after:
            raise KilledError
        return response

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

    def calm(self) -> None:
        """Nothing happens any more but what is asked for."""
        self.meddle = lambda _number: None
        self.kill_before = self.kill_after = -1
        self.service.faults.clear()
        self.requests.clear()

    def fault(self, **fault: Any) -> None:
        """Order a fault."""
        self.service.faults.add(Fault(**fault))

    def deploy_app(self, script: str = SCRIPT, **variables: str) -> None:
        """Deploy the app as wrangler does: secrets are kept, plain variables are those of the app."""
        self.other.upload_script(ACCOUNT, script, app(**variables))

    def upload_version(self, script: str = SCRIPT, **variables: str) -> None:
        """Upload a version of the app that is not deployed."""
        self.other.upload_version(ACCOUNT, script, app(**variables))

    def values(self, script: str = SCRIPT) -> dict[str, str]:
        """The values of the secrets that the running Worker has."""
        _, bindings = self.runtime.scripts[script]
        return {name: found["text"] for name, found in bindings.items() if found["type"] == "secret_text"}

    def main_module(self, script: str = SCRIPT) -> str:
        """What runs: app.mjs, or draft.mjs."""
        return self.runtime.scripts[script][0].main

    def there(self) -> set[str]:
        """The Workers of the account."""
        return {script.id for script in self.other.scripts(ACCOUNT)}


def app(**variables: str) -> Upload:
    """The app's upload, with these plain variables."""
    bindings = tuple({"name": name, "type": "plain_text", "text": text} for name, text in variables.items())
    return Upload(main_module="app.mjs", modules={"app.mjs": b"export default {}"}, bindings=bindings)


class Scripted(Script):
    """A service that answers from a script, and the Worker client of it."""

    def worker(self, *, budget_seconds: float = 60.0, chance: float = 0.5) -> Client:
        """A client whose clock is this service's."""
        return Client(
            key=TOKEN,
            base_url="https://cloudflare.test/client/v4",
            transport=httpx.MockTransport(self),
            budget_seconds=budget_seconds,
            clock=lambda: self.time,
            sleep=self.sleep,
            jitter=lambda: chance,
            now=lambda: self.wall,
        )


def good(result: Any = None, **info: Any) -> httpx.Response:
    """An answer in Cloudflare's envelope."""
    envelope = {"success": True, "errors": [], "messages": [], "result": result}
    return httpx.Response(200, json=envelope | ({"result_info": info} if info else {}))


def refused(status: int, code: int = 10021, message: str = "nope", **headers: str) -> httpx.Response:
    """A refusal in Cloudflare's envelope; header names with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
    return httpx.Response(status, json=body, headers=named)
