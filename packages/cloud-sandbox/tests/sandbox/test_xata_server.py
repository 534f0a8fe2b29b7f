"""The stand-in over a real socket: headers as they travel, broken deliveries, many at once."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
from aiohttp import web

from cloud_sandbox.server import application
from cloud_sandbox.xata.databases import NoDatabases
from cloud_sandbox.xata.service import Service
from cloud_sandbox.xata.settings import Key, Settings
from tests.sandbox.xata_surface import CONFIGURATION, ORGANIZATION, TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_SECONDS = 120
"""What is waited for comes at once, but for a machine that is busy with something else."""


@pytest.fixture
def service() -> Service:
    """A service of its own for each test, of an edition in which creates of one project wait for each other."""
    return Service(Settings(keys=(Key(token=TOKEN),), edition="august"), databases=NoDatabases())


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    """A client of that service, over loopback."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    place: list[str] = []

    async def serve() -> None:
        runner = web.AppRunner(application(service), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        place.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(WAIT_SECONDS)
    with httpx.Client(base_url=place[0], headers={"authorization": f"Bearer {TOKEN}"}, timeout=WAIT_SECONDS) as client:
        yield client
    loop.call_soon_threadsafe(stop.set)
    thread.join(WAIT_SECONDS)
    loop.close()


def project(http: httpx.Client, name: str = "shop") -> str:
    """Make a project and answer its path."""
    return f"{ORGANIZATION}/projects/{http.post(f'{ORGANIZATION}/projects', json={'name': name}).json()['id']}"


def test_headers_are_the_real_servers(http: httpx.Client) -> None:
    """No word of the library that serves it, JSON without a charset, nothing about a body that is not there."""
    answer = http.get(f"{ORGANIZATION}/projects")
    assert "server" not in answer.headers
    assert answer.headers["content-type"] == "application/json"
    gone = http.delete(project(http))
    assert (gone.status_code, "content-type" in gone.headers, gone.content) == (204, False, b"")


def test_large_bodies_and_odd_methods_are_served(http: httpx.Client) -> None:
    """Twice what the library takes by itself is read, whatever it is; an unknown method is an unknown route."""
    body = b'{"name":"large","unknown":"' + b"x" * 2 * 1024 * 1024 + b'"}'
    assert http.post(f"{ORGANIZATION}/projects", content=body).status_code == 201
    assert http.request("PROPFIND", f"{ORGANIZATION}/projects").status_code == 404


@pytest.mark.parametrize(
    ("cut", "expected"),
    [({"cut": "before"}, httpx.RemoteProtocolError), ({"cut": "in"}, httpx.RemoteProtocolError)],
)
def test_a_cut_ends_the_connection(http: httpx.Client, cut: dict[str, str], expected: type[Exception]) -> None:
    """Without an answer, or in the middle of it; the next request is served."""
    http.post("/sandbox/faults", json={"match": {"path": "/projects$"}, **cut})
    with pytest.raises(expected):
        http.get(f"{ORGANIZATION}/projects")
    assert http.get(f"{ORGANIZATION}/projects").status_code == 200


def test_a_cut_after_the_answer_closes_a_kept_connection(http: httpx.Client) -> None:
    """The answer is whole although the connection ends with it."""
    http.post("/sandbox/faults", json={"match": {"path": "/projects$"}, "cut": "after"})
    answer = http.get(f"{ORGANIZATION}/projects")
    assert answer.json() == {"projects": []}
    kept = answer.extensions["network_stream"].get_extra_info("socket")
    # Its end may come after the answer: until it is there, a client would send the next request on it.
    assert kept.fileno() < 0 or select.select([kept], [], [], WAIT_SECONDS)[0]
    assert http.get(f"{ORGANIZATION}/regions").status_code == 200


def test_a_delay_is_waited_for(http: httpx.Client) -> None:
    """A patient caller gets the answer, an impatient one a timeout."""
    http.post("/sandbox/faults", json={"match": {"path": "/projects$"}, "delay": 0.5, "times": 2})
    with pytest.raises(httpx.ReadTimeout):
        http.get(f"{ORGANIZATION}/projects", timeout=0.1)
    assert http.get(f"{ORGANIZATION}/projects").status_code == 200


def test_a_caller_who_hangs_up_rolls_the_create_back(http: httpx.Client, service: Service) -> None:
    """The connection ends while the branch is provisioned: no row, and the name is free."""
    path = project(http)
    entered, let_go = threading.Event(), threading.Event()

    class Slow(NoDatabases):
        def create(self, branch_id: str, *, parent_id: str | None, password: str) -> None:
            entered.set()
            assert let_go.wait(WAIT_SECONDS)
            super().create(branch_id, parent_id=parent_id, password=password)

    service.world.databases = databases = Slow()
    body = httpx.Request(
        "POST", "http://x/", json={"name": "main", "mode": "custom", "configuration": CONFIGURATION}
    ).content
    caller = socket.create_connection((http.base_url.host, http.base_url.port or 0), timeout=WAIT_SECONDS)
    lines = (
        f"POST {path}/branches HTTP/1.1",
        f"Host: {http.base_url.netloc.decode()}",
        f"Authorization: Bearer {TOKEN}",
        f"Content-Length: {len(body)}",
    )
    head = "\r\n".join([*lines, "", ""])
    caller.sendall(head.encode() + body)
    assert entered.wait(WAIT_SECONDS)
    caller.close()
    for _ in range(3):  # three more requests: the loop has surely seen the end of the connection by then
        http.get(f"{path}/branches")
    let_go.set()
    again = http.post(f"{path}/branches", content=body)
    assert again.status_code == 201
    assert list(databases.passwords) == [again.json()["id"]]


def test_fifty_creates_at_once(http: httpx.Client) -> None:
    """All of them are made, each once."""
    paths = [project(http, f"p{number}") for number in range(10)]
    body = {"mode": "custom", "configuration": CONFIGURATION}
    with ThreadPoolExecutor(50) as pool:
        wanted = [(path, f"b{number}") for path in paths for number in range(5)]
        made = list(pool.map(lambda one: http.post(f"{one[0]}/branches", json=body | {"name": one[1]}), wanted))
    assert {answer.status_code for answer in made} == {201}
    assert len({answer.json()["id"] for answer in made}) == 50


def test_the_control_surface_is_served(http: httpx.Client) -> None:
    """The log is asked for over the same port and does not log itself."""
    http.get(f"{ORGANIZATION}/projects")
    calls = http.get("/sandbox/calls").json()["calls"]
    assert [(call["method"], call["path"]) for call in calls] == [("GET", f"{ORGANIZATION}/projects")]
