"""The stand-in over a socket: one aiohttp application that answers as the service does, broken deliveries included."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cloud_sandbox import local
from cloud_sandbox.cloudflare.control import PREFIX, Control
from cloud_sandbox.xata.server import deliver, received

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from cloud_sandbox.cloudflare.service import Service

THREADS = 16
BODY_LIMIT = 128 * 1024 * 1024
READING = {"GET", "HEAD", "OPTIONS"}


def application(service: Service, *, changed: Callable[[], None] = lambda: None) -> web.Application:
    """The whole surface: `/sandbox/…` is the stand-in's own, everything else the API's.

    `changed` is called in a thread after each call that may have changed something, before it is answered.
    """
    control, pool = Control(service), ThreadPoolExecutor(THREADS, thread_name_prefix="cloudflare")

    async def answer(request: web.Request) -> web.StreamResponse:
        wanted = await received(request)
        handle = control.handle if wanted.path.startswith(PREFIX) else service.handle
        loop = asyncio.get_running_loop()
        response = await loop.run_in_executor(pool, handle, wanted)
        if wanted.method not in READING:
            await loop.run_in_executor(pool, changed)
        return await deliver(request, response)

    async def stop(_: web.Application) -> None:
        pool.shutdown(wait=False, cancel_futures=True)

    app = local.application(answer, body_limit=BODY_LIMIT)
    app.on_cleanup.append(stop)
    return app
