"""worker.Address: what Cloudflare says of it, what a sandbox's page says, and what Pulumi records."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from components.errors import ConfigurationError, LocalError
from components.resource import ProviderError
from components.worker import secrets
from components.worker.address import AddressProvider, address_of
from components.worker.names import DIRECTORY_VARIABLE
from tests.components.worker.workers_world import ACCOUNT, SCRIPT, TARGET, World

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVIDER = AddressProvider()
INPUTS = {"account": ACCOUNT, "script": SCRIPT}
URL = f"https://{SCRIPT}.sandbox.workers.dev"


class Page(BaseHTTPRequestHandler):
    """A page with one text, whatever is asked for."""

    text, status = "{}", 200

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.text.encode())

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """An account without Workers."""
    made = World()
    monkeypatch.setattr(secrets, "connect", lambda _environment: made.client)
    monkeypatch.delenv(DIRECTORY_VARIABLE, raising=False)
    return made


@pytest.fixture
def page() -> Iterator[tuple[str, type[Page]]]:
    """The address of a page, and what it says."""
    said = type("Said", (Page,), {})
    with HTTPServer(("127.0.0.1", 0), said) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/workers", said
        server.shutdown()
        thread.join()


def _there(url: str) -> dict[str, str]:
    return {DIRECTORY_VARIABLE: url}


def test_an_address_is_a_name_below_the_accounts(world: World) -> None:
    """It is known before the Worker is there, and costs one call."""
    created = PROVIDER.create(INPUTS)
    assert created.outs is not None
    assert created.id == f"{ACCOUNT}/{SCRIPT}"
    assert created.outs["url"] == URL
    assert world.requests == ["GET /subdomain"]


def test_refresh_sees_another_subdomain(world: World) -> None:
    """What the account is called now is what a refresh records; nothing else differs."""
    outs = dict(PROVIDER.create(INPUTS).outs or {})
    world.service.world.subdomain = "renamed"
    found = PROVIDER.read("id", outs).outs
    assert found == {**outs, "url": f"https://{SCRIPT}.renamed.workers.dev"}
    assert not PROVIDER.diff("id", found, INPUTS).changes


def test_an_account_without_a_subdomain_is_told_in_words(world: World) -> None:
    """A refresh records that there is no address, which asks for an update, which says what to do."""
    outs = dict(PROVIDER.create(INPUTS).outs or {})
    world.service.world.subdomain = ""
    found = PROVIDER.read("id", outs).outs
    assert found is not None
    assert found["url"] == ""
    assert PROVIDER.diff("id", found, INPUTS).changes
    with pytest.raises(ProviderError, match=r"has no address: .* no workers\.dev subdomain\n.*infra:workerUrl"):
        PROVIDER.update("id", found, INPUTS)


def test_another_worker_is_another_address(world: World) -> None:
    """It is looked up in place: nothing was made that could go."""
    outs = dict(PROVIDER.create(INPUTS).outs or {})
    news = {**INPUTS, "script": "shop-production"}
    diff = PROVIDER.diff("id", outs, news)
    assert diff.changes
    assert not diff.replaces
    changed = PROVIDER.update("id", outs, news).outs
    assert changed is not None
    assert changed["url"] == "https://shop-production.sandbox.workers.dev"
    assert world.there() == set()


@pytest.mark.parametrize(("key", "value"), [("account", "mine"), ("script", "a b"), ("script", "a" * 64)])
def test_wrong_inputs_are_refused_by_name(key: str, value: str) -> None:
    """At preview, without a call."""
    failures = PROVIDER.check({}, {**INPUTS, key: value}).failures
    assert [failure.property for failure in failures] == [key]


def test_a_sandbox_says_where_a_worker_runs(world: World, page: tuple[str, type[Page]]) -> None:
    """Cloudflare is not asked then. A Worker that is not run is nowhere, and not on the network."""
    url, said = page
    said.text = json.dumps({SCRIPT: {"url": "http://127.0.0.1:4711", "address": URL}, "idle": {"url": ""}})
    assert address_of(world.client, TARGET, _there(url)) == "http://127.0.0.1:4711"
    for text in (json.dumps({SCRIPT: {"url": ""}}), json.dumps({SCRIPT: 3}), "{}", "[]"):
        said.text = text
        assert address_of(world.client, TARGET, _there(url)) == f"http://{SCRIPT}.localhost"
    assert world.requests == []


@pytest.mark.parametrize(("text", "status"), [("no JSON", 200), ("{}", 404), ("{}", 500)])
def test_a_page_that_tells_nothing_is_told_in_words(
    text: str, status: int, world: World, page: tuple[str, type[Page]]
) -> None:
    """With the way to have it again."""
    url, said = page
    said.text, said.status = text, status
    with pytest.raises(LocalError, match=r"does not tell where Workers are reached.*\n.*sandbox start"):
        address_of(world.client, TARGET, _there(url))


@pytest.mark.parametrize("url", ["https://example.com/workers", "http://10.0.0.1/workers", "workers", "http://[/"])
def test_only_this_machine_says_where_workers_run(url: str, world: World) -> None:
    """A variable from elsewhere leads no health check, and no verdict, astray."""
    with pytest.raises(ConfigurationError, match=f"{DIRECTORY_VARIABLE} is no http address of this machine"):
        address_of(world.client, TARGET, _there(url))
