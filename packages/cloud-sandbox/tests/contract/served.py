"""A stand-in over a socket of this process: for what needs real connections and no databases."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from aiohttp import web

from cloud_sandbox.server import application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud_sandbox.standin import StandIn

START_SECONDS = 10.0


def served(service: StandIn) -> contextlib.AbstractContextManager[str]:
    """Serve a stand-in on a free port of this machine; the base URL."""
    return serving(application(service))


@contextlib.contextmanager
def serving(app: web.Application) -> Iterator[str]:
    """Serve an application on a free port of this machine; the base URL."""
    loop, ready, address = asyncio.new_event_loop(), threading.Event(), [("", 0)]

    async def start() -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address[0] = runner.addresses[0]
        return runner

    def work() -> None:
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(START_SECONDS)
        yield f"http://127.0.0.1:{address[0][1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_SECONDS)
