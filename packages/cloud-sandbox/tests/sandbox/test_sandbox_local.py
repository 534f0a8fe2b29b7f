"""Who may ask the sandbox's servers: programs of this machine, and no page in a browser."""

from __future__ import annotations

import asyncio
import http.client
import threading
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from cloud_sandbox.cloudflare.front import Front
from cloud_sandbox.cloudflare.runtime import NoRuntime
from cloud_sandbox.cloudflare.service import Service as Workers
from cloud_sandbox.cloudflare.settings import Settings as WorkersSettings
from cloud_sandbox.github.service import Service as Pulls
from cloud_sandbox.github.settings import Settings as PullsSettings
from cloud_sandbox.server import application
from cloud_sandbox.xata.databases import NoDatabases
from cloud_sandbox.xata.service import Service as Branches
from cloud_sandbox.xata.settings import Settings as BranchesSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_SECONDS = 20
APIS = ("xata", "cloudflare", "github")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The port of each stand-in's API, and of a Worker that is not deployed."""
    folder: Path = tmp_path_factory.mktemp("front")
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found: dict[str, int] = {}

    async def serve() -> None:
        applications = {
            "xata": application(Branches(BranchesSettings(), databases=NoDatabases())),
            "cloudflare": application(Workers(WorkersSettings(), runtime=NoRuntime())),
            "github": application(Pulls(PullsSettings())),
        }
        runners = [web.AppRunner(one, access_log=None) for one in applications.values()]
        for name, runner in zip(applications, runners, strict=True):
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            found[name] = runner.addresses[0][1]
        front = Front(folder=folder, is_on=lambda _: True)
        await asyncio.to_thread(front.open, "app")
        found["worker"] = front.ports["app"]
        ready.set()
        await stop.wait()
        for runner in runners:
            await runner.cleanup()
        await front.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(WAIT_SECONDS)
    yield found
    loop.call_soon_threadsafe(stop.set)
    thread.join(WAIT_SECONDS)
    loop.close()


def _ask(port: int, method: str, *headers: tuple[str, str]) -> tuple[int, str]:
    """One request with exactly these headers; PORT in them is the server's."""
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    asking.putrequest(method, "/sandbox/faults", skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        asking.putheader(name, value.replace("PORT", str(port)))
    asking.endheaders()
    answer = asking.getresponse()
    text = answer.read().decode()
    asking.close()
    return answer.status, text


OWN = ("Host", "127.0.0.1:PORT")


@pytest.mark.parametrize("which", [*APIS, "worker"])
@pytest.mark.parametrize(
    "headers",
    [
        [("Host", "rebound.example:PORT")],
        [("Host", "127.0.0.1.rebound.example:PORT")],
        [("Host", "127.0.0.1:1")],
        [("Host", "127.0.0.1")],
        [("Host", "192.168.1.7:PORT")],
        [("Host", "me@localhost:PORT")],
        [("Host", "")],
        [OWN, ("Host", "rebound.example:PORT")],
    ],
    ids=lambda headers: headers[-1][1] or "none",
)
def test_a_foreign_name_is_refused(serving: dict[str, int], which: str, headers: list[tuple[str, str]]) -> None:
    """By every server, the Workers' among them: a page's own name may mean 127.0.0.1."""
    status, text = _ask(serving[which], "DELETE", *headers)
    assert status in {400, 403}
    assert "Host" in text


@pytest.mark.parametrize("which", APIS)
@pytest.mark.parametrize(
    "origin", ["https://page.example", "null", "http://localhost:1", "https://localhost:PORT", "http://localhost", ""]
)
def test_a_page_of_another_origin_is_refused(serving: dict[str, int], which: str, origin: str) -> None:
    """By the three APIs and what controls them; the answer names what was sent and what is allowed."""
    status, text = _ask(serving[which], "DELETE", OWN, ("Origin", origin))
    assert status == 403
    assert "the header Origin says" in text
    assert f"127.0.0.1:{serving[which]}" in text


@pytest.mark.parametrize("which", APIS)
@pytest.mark.parametrize(
    "headers",
    [
        [OWN],
        [("Host", "localhost:PORT")],
        [("Host", "LOCALHOST:PORT")],
        [("Host", "[::1]:PORT")],
        [OWN, ("Origin", "http://localhost:PORT")],
    ],
    ids=lambda headers: headers[-1][1],
)
def test_programs_of_this_machine_are_answered(
    serving: dict[str, int], which: str, headers: list[tuple[str, str]]
) -> None:
    """By the loopback's names and addresses, with the port."""
    assert _ask(serving[which], "DELETE", *headers)[0] < 300


def test_a_worker_decides_itself_about_other_origins(serving: dict[str, int]) -> None:
    """As on Cloudflare, a page may ask an app of another origin; nothing is deployed here, so it is 404."""
    assert _ask(serving["worker"], "GET", OWN, ("Origin", "https://page.example"))[0] == 404
