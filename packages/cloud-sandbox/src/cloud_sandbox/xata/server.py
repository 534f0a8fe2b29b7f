"""The stand-in over a socket: one aiohttp application that answers as the service does, broken deliveries included.

runner = web.AppRunner(application(service), access_log=None)
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aiohttp import web

from cloud_sandbox import local
from cloud_sandbox.wire import Request, Response
from cloud_sandbox.xata.control import PREFIX, Control

if TYPE_CHECKING:
    from cloud_sandbox.xata.service import Service

THREADS = 64
"""Requests worked on at once; a create that waits for its project's lock keeps one of them."""
BODY_LIMIT = 128 * 1024 * 1024


def application(service: Service) -> web.Application:
    """The whole surface: `/sandbox/…` is the stand-in's own, everything else the API's."""
    control, pool = Control(service), ThreadPoolExecutor(THREADS, thread_name_prefix="xata")

    async def answer(request: web.Request) -> web.StreamResponse:
        wanted = await received(request)
        handle = control.handle if wanted.path.startswith(PREFIX) else service.handle
        response = await asyncio.get_running_loop().run_in_executor(pool, handle, wanted)
        return await deliver(request, response)

    async def stop(_: web.Application) -> None:
        pool.shutdown(wait=False, cancel_futures=True)

    app = local.application(answer, body_limit=BODY_LIMIT)
    app.on_response_prepare.append(_clean_headers)
    app.on_cleanup.append(stop)
    return app


async def received(request: web.Request) -> Request:
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
    """What the library adds and the real server does not send."""
    response.headers.popall("Server", None)
    if not response.headers.get("Content-Length", "0").strip("0"):
        response.headers.popall("Content-Type", None)


async def deliver(request: web.Request, response: Response) -> web.StreamResponse:
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
