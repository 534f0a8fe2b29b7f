"""A stand-in over a socket: it answers as it does in memory, broken deliveries included, and remembers in a file."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from cloud_sandbox import local, pages, ports
from cloud_sandbox.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cloud_sandbox.persistence import Recorder
    from cloud_sandbox.standin import StandIn

THREADS = 64
"""Requests worked on at once; a create that waits for its project's lock keeps one of them."""
BODY_LIMIT = 128 * 1024 * 1024
STOP_SECONDS = 5.0
"""How long requests that are being answered may take when the stand-in is to end."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stand-in that answers at `url`."""

    port: int
    runner: web.AppRunner

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://{ports.LOOPBACK}:{self.port}"

    async def stop(self) -> None:
        """End it."""
        await self.runner.cleanup()


async def start(
    service: StandIn,
    recorder: Recorder,
    what: str,
    *,
    port: int = 0,
    kept: Callable[[], dict[str, Any]] = dict,
    programs: Mapping[str, Sequence[str]] | None = None,
) -> Running:
    """Continue what an earlier run left, and answer, in the running event loop.

    Args:
        service: The stand-in.
        recorder: Where its memory is.
        what: What it is called in an error.
        port: Where it answers; 0 for the port of before if it is free, else any.
        kept: What else is written down.
        programs: What makes the pages (`cloud_sandbox.pages`) that it shows, too.

    Raises:
        SetupError: The port is taken, or the memory cannot be used. Nothing is left running.
    """
    with contextlib.ExitStack() as failing:
        before = recorder.saved.get("port", 0)
        listening = failing.enter_context(ports.listen_again(recorder.folder, what, port, before))
        found: int = listening.getsockname()[1]
        await asyncio.to_thread(recorder.restore, service.restore)
        recorder.follow(service.snapshot, lambda: {"port": found, **kept()})
        await asyncio.to_thread(recorder.save)
        service.on_change(recorder.save)
        runner = web.AppRunner(application(service, programs), access_log=None, shutdown_timeout=STOP_SECONDS)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        failing.pop_all()
    return Running(port=found, runner=runner)


def application(service: StandIn, programs: Mapping[str, Sequence[str]] | None = None) -> web.Application:
    """The whole surface: `/sandbox/…` is the stand-in's own, everything else the API's."""
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sandbox")

    async def answer(request: web.Request) -> web.StreamResponse:
        wanted = await _received(request)
        response = await asyncio.get_running_loop().run_in_executor(pool, service.handle, wanted)
        return await _deliver(request, response)

    async def stop(_: web.Application) -> None:
        pool.shutdown(wait=False, cancel_futures=True)

    app = local.application(answer, body_limit=BODY_LIMIT, before=lambda made: pages.add(made, programs or {}))
    app.on_response_prepare.append(_clean_headers)
    app.on_cleanup.append(stop)
    return app


async def _received(request: web.Request) -> Request:
    """A request as the stand-ins know it."""
    path, _, query = request.raw_path.partition("?")
    transport = request.transport
    return Request(
        method=request.method,
        path=path,
        query=query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
        gone=lambda: transport is None or transport.is_closing(),
    )


async def _clean_headers(_: web.Request, response: web.StreamResponse) -> None:
    """What the library adds and no real server sends."""
    response.headers.popall("Server", None)
    if not response.headers.get("Content-Length", "0").strip("0"):
        response.headers.popall("Content-Type", None)


async def _deliver(request: web.Request, response: Response) -> web.StreamResponse:
    """Send the answer, or the part of it that the fault leaves."""
    await asyncio.sleep(response.delay)
    if response.cut == "before":
        _close(request)
        return web.Response()
    if not response.cut:
        return web.Response(status=response.status, headers=dict(response.headers), body=response.body)
    headers = {**response.headers, "Content-Length": str(len(response.body))}
    stream = web.StreamResponse(status=response.status, headers=headers)
    await stream.prepare(request)
    whole = response.cut == "after"
    await stream.write(response.body if whole else response.body[: len(response.body) // 2])
    if whole:
        await stream.write_eof()
    _close(request)
    return stream


def _close(request: web.Request) -> None:
    """Close the connection once what was written is out."""
    if request.transport is not None:
        request.transport.close()
