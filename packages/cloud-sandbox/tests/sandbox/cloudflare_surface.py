"""A Cloudflare stand-in with a client in front, in process or as a real server, for the tests of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cloud_sandbox import node
from cloud_sandbox.cloudflare import settings as given
from cloud_sandbox.cloudflare.models import Module, Script
from cloud_sandbox.cloudflare.runtime import NoRuntime
from cloud_sandbox.cloudflare.service import Service
from cloud_sandbox.cloudflare.settings import READ, Settings, Token
from cloud_sandbox.cloudflare.start import Running, start
from cloud_sandbox.transport import handler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_ACCOUNT = given.DEFAULT_ACCOUNT
TOKEN, READER, ACCOUNT_TOKEN, DISABLED = "t" * 40, "r" * 40, "a" * 40, "d" * 40
TOKENS = (
    Token(token=TOKEN),
    Token(token=READER, permissions=(READ,)),
    Token(token=ACCOUNT_TOKEN, user=False),
    Token(token=DISABLED, status="disabled"),
)
SETTINGS = Settings(tokens=TOKENS)
STUB = "export default { fetch() {} }"
ECHO = "export default { fetch(request, env) { return Response.json(env) } }"
WAIT_SECONDS = 60
COMPATIBILITY_DATE = "2026-09-01"


@dataclass
class Clock:
    """A clock that a test moves."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def script(code: str, *flags: str) -> Script:
    """A script of one module."""
    content = base64.b64encode(code.encode()).decode()
    module = Module(name="worker.js", type="application/javascript+module", content=content)
    return Script(main="worker.js", modules=(module,), compatibility_date=COMPATIBILITY_DATE, compatibility_flags=flags)


def form(metadata: dict[str, Any], code: str | None = STUB) -> dict[str, Any]:
    """An upload as httpx sends it; without code for metadata alone."""
    parts: dict[str, Any] = {"metadata": (None, json.dumps(metadata), "application/json")}
    if code is not None:
        parts["worker.js"] = ("worker.js", code, "application/javascript+module")
    return parts


def secret(name: str, text: Any = "value") -> dict[str, Any]:
    """A secret as requests have it."""
    return {"name": name, "text": text, "type": "secret_text"}


@dataclass
class Api:
    """A client with short names for what the tests do."""

    http: httpx.Client

    def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """A request below the account's Workers."""
        return self.http.request(method, f"/accounts/{DEFAULT_ACCOUNT}/workers{path}", **arguments)

    def result(self, method: str, path: str, **arguments: Any) -> Any:
        """The result of a request that succeeds."""
        answer = self.call(method, path, **arguments)
        body = answer.json()
        assert (answer.status_code, body["success"], body["errors"]) == (200, True, []), body
        return body["result"]

    def refused(self, method: str, path: str, **arguments: Any) -> tuple[int, int, str]:
        """Status, code and message of a request that is refused."""
        answer = self.call(method, path, **arguments)
        body = answer.json()
        assert (body["success"], body["result"]) == (False, None)
        return answer.status_code, body["errors"][0]["code"], body["errors"][0]["message"]

    def upload(self, name: str = "app", code: str = STUB, *, query: str = "", **metadata: Any) -> Any:
        """Put a script."""
        told = {"main_module": "worker.js", "bindings": [], **metadata}
        return self.result("PUT", f"/scripts/{name}{query}", files=form(told, code))

    def upload_version(self, name: str = "app", code: str = STUB, *, query: str = "", **metadata: Any) -> Any:
        """Upload a version that is not deployed."""
        told = {"main_module": "worker.js", "bindings": [], **metadata}
        return self.result("POST", f"/scripts/{name}/versions{query}", files=form(told, code))

    def deploy(self, version_id: str, name: str = "app") -> Any:
        """Give a version all the traffic."""
        body = {"strategy": "percentage", "versions": [{"version_id": version_id, "percentage": 100}]}
        return self.result("POST", f"/scripts/{name}/deployments", json=body)

    def put_secret(self, name: str, text: Any = "value", *, worker: str = "app") -> Any:
        """Set one secret."""
        return self.result("PUT", f"/scripts/{worker}/secrets", json=secret(name, text))

    def bindings(self, name: str = "app") -> dict[str, str]:
        """Names and kinds of the newest version's bindings."""
        found = self.result("GET", f"/scripts/{name}/settings")["bindings"]
        return {binding["name"]: binding["type"] for binding in found}


@dataclass
class Surface(Api):
    """A service in process, with a runtime that only remembers."""

    settings: Settings
    http: httpx.Client = field(init=False)
    clock: Clock = field(default_factory=Clock)
    runtime: NoRuntime = field(default_factory=NoRuntime)

    def __post_init__(self) -> None:
        """Start the service."""
        self.service = Service(self.settings, runtime=self.runtime, clock=self.clock)
        self.http = self.client(TOKEN)

    def client(self, token: str) -> httpx.Client:
        """A client with another token; none when it is empty."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        transport = httpx.MockTransport(handler(self.service))
        return httpx.Client(base_url="http://cloudflare.localhost/client/v4", transport=transport, headers=headers)

    def running(self, name: str = "app") -> dict[str, Any]:
        """The values a script runs with."""
        _, bindings = self.runtime.scripts[name]
        return {binding["name"]: binding.get("text", binding.get("json")) for binding in bindings.values()}


def surface(**changes: Any) -> Surface:
    """A service in process; `changes` are settings."""
    return Surface(settings=replace(SETTINGS, **changes))


def tools() -> node.Tools:
    """Wrangler and workerd: those of INFRA_TEST_NODE_MODULES, else those fetched before; skips without them."""
    folder = os.environ.get("INFRA_TEST_NODE_MODULES", "")
    try:
        return node.look(Path(folder)) if folder else node.installed()
    except node.ToolsError as error:
        pytest.skip(f"{error.message}: {node.FETCH} fetches them, or INFRA_TEST_NODE_MODULES=FOLDER/node_modules")


@dataclass
class Server(Api):
    """A stand-in that really listens, in a thread's event loop."""

    running: Running
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        """Have a client."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        self.http = httpx.Client(base_url=self.running.url, headers=headers, timeout=WAIT_SECONDS)

    def order(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """A request to the stand-in's own surface."""
        return self.http.request(method, f"http://127.0.0.1:{self.running.port}/sandbox/{path}", **arguments)

    def worker(self, name: str = "app") -> str:
        """Where a Worker is reached."""
        return str(self.order("GET", "workers").json()[name]["url"])

    def turn_on(self, name: str = "app") -> None:
        """Switch a Worker's address on, as `wrangler deploy` does."""
        self.result("POST", f"/scripts/{name}/subdomain", json={"enabled": True, "previews_enabled": True})

    def ask(self, name: str = "app", path: str = "/") -> httpx.Response:
        """Ask a Worker."""
        return httpx.get(self.worker(name) + path, timeout=WAIT_SECONDS)


@contextlib.contextmanager
def loop() -> Iterator[Callable[[Any], Any]]:
    """An event loop in a thread: what is yielded runs a coroutine in it and answers its result."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever, name="cloudflare-under-test")
    thread.start()
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(work, running).result(WAIT_SECONDS)
    finally:
        running.call_soon_threadsafe(running.stop)
        thread.join(WAIT_SECONDS)
        running.close()


@contextlib.contextmanager
def served(folder: Path, settings: Settings = SETTINGS, **arguments: Any) -> Iterator[Server]:
    """A stand-in that listens; `arguments` are those of `start`."""
    with loop() as run:
        running = run(start(settings, folder, **arguments))
        server = Server(running=running)
        try:
            yield server
        finally:
            server.http.close()
            run(running.stop())
