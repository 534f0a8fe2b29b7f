"""Where Workers are reached: a port of the loopback for each, which stays while the process behind it changes.

A Worker whose address below workers.dev is off answers 404, as Cloudflare does before anything was deployed.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from yarl import URL

from cloud_sandbox import local, ports
from cloud_sandbox.errors import SetupError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from pathlib import Path

OPEN_SECONDS, ANSWER_SECONDS = 10.0, 120.0
ATTEMPTS = 3
BODY_LIMIT = 100 * 1024 * 1024
NOT_PASSED = {"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-authorization", "te", "trailer"}
NOTHING = "<!doctype html><title>Not found</title><h1>There is nothing here yet</h1>"


class Front:
    """The addresses. Made and stopped in the event loop; `open` and `point` are called from other threads.

    Args:
        folder: The stand-in's own: it decides which ports are tried.
        is_on: Whether a name's address below workers.dev is on. Called in the event loop: it waits for nothing.
        ports: The port each name had before, so that it has it again.
    """

    def __init__(self, *, folder: Path, is_on: Callable[[str], bool], ports: Mapping[str, int] | None = None) -> None:
        self._folder, self._is_on = folder, is_on
        self._loop = asyncio.get_running_loop()
        self._ports = dict(ports or {})
        self._runners: dict[str, web.AppRunner] = {}
        self._targets: dict[str, Path] = {}

    @property
    def ports(self) -> dict[str, int]:
        """The port of each name, also of those that are not open now."""
        return dict(self._ports)

    def open(self, name: str) -> str:
        """Have an address for a name, on the port it had before if that is free."""
        if name not in self._runners:
            asyncio.run_coroutine_threadsafe(self._open(name, self._socket(name)), self._loop).result(OPEN_SECONDS)
        return f"http://{ports.LOOPBACK}:{self._ports[name]}"

    def point(self, name: str, socket: Path | None) -> None:
        """Enveloped from this socket from now on."""
        if socket is None:
            self._targets.pop(name, None)
        else:
            self._targets[name] = socket

    async def stop(self) -> None:
        """Close every address."""
        for runner in self._runners.values():
            await runner.cleanup()
        self._runners.clear()

    def _socket(self, name: str) -> socket.socket:
        what = f"the Worker {name}"
        if name in self._ports:
            with contextlib.suppress(SetupError):
                return ports.listen_on(self._ports[name], what)
        return ports.listen_on_any(self._folder, what)

    async def _open(self, name: str, listening: socket.socket) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            return await self._answer(name, request)

        app = local.application(answer, body_limit=BODY_LIMIT, any_origin=True)
        runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        self._ports[name] = listening.getsockname()[1]
        self._runners[name] = runner

    async def _answer(self, name: str, request: web.Request) -> web.StreamResponse:
        for _ in range(ATTEMPTS):
            target = self._targets.get(name)
            if target is None or not self._is_on(name):
                return web.Response(status=404, text=NOTHING, content_type="text/html")
            try:
                return await _passed(request, target)
            except aiohttp.ClientConnectorError:  # it was replaced meanwhile
                continue
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if request.method != "GET" or self._targets.get(name) == target:
                    break  # else it was replaced before it said a word, and asking the next one does no harm
            except (aiohttp.ClientError, TimeoutError):
                break
        return web.Response(status=502, text="error code: 502")


async def _passed(request: web.Request, target: Path) -> web.StreamResponse:
    """The Worker's own answer, redirects and compression left as they are."""
    headers = [(name, value) for name, value in request.headers.items() if name.lower() not in NOT_PASSED]
    body = await request.read()
    url = URL(f"http://{request.host}{request.raw_path}", encoded=True)
    session = aiohttp.ClientSession(
        connector=aiohttp.UnixConnector(str(target)),
        timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Content-Type", "Accept-Encoding", "Accept"),
    )
    async with (
        session,
        session.request(request.method, url, headers=headers, data=body or None, allow_redirects=False) as answer,
    ):
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in NOT_PASSED:
                response.headers.add(name, value)
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
        return response
