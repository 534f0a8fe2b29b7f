"""The sandbox as a process: APIs, gateway and Workers on this machine, over a Postgres that others run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from aiohttp import web
from filelock import FileLock, Timeout

from cloud_sandbox import authority, persistence, ports
from cloud_sandbox.cloudflare import start as workers
from cloud_sandbox.errors import SandboxError, SetupError
from cloud_sandbox.files import private_folder
from cloud_sandbox.github import start as pulls
from cloud_sandbox.persistence import RecordedDatabases, Recorder
from cloud_sandbox.xata.gateway.hosts import Hosts
from cloud_sandbox.xata.gateway.server import Gateway
from cloud_sandbox.xata.holds import Holds
from cloud_sandbox.xata.postgres import BranchDatabases
from cloud_sandbox.xata.server import application
from cloud_sandbox.xata.service import Service

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from cloud_sandbox.order import Order
    from cloud_sandbox.persistence import Saved

STOP_SECONDS = 5.0
"""How long requests that are being answered may take when the sandbox is to end."""
API, GATEWAY = "the API", "the gateway"
WORKERS = "cloudflare"
"""The folder of what stands in for Cloudflare, in the sandbox's own."""
PULLS = "github"
"""That of what stands in for GitHub."""
_LOG = logging.getLogger(__name__)


def run(order: Order) -> None:
    """Serve until the process is told to end (SIGTERM, SIGINT). One JSON line on standard output says when it is ready.

    Raises:
        SandboxError: It cannot start. Nothing is left running.
    """
    private_folder(order.folder)
    with _alone(order.folder), contextlib.ExitStack() as sockets:
        saved = persistence.load(order.folder)
        api = sockets.enter_context(_api_socket(order, saved))
        gateway = sockets.enter_context(_gateway_socket(order, saved))
        asyncio.run(_Process(order, saved, api, gateway).serve())


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second sandbox out of the folder."""
    lock = FileLock(folder / "lock", mode=0o600)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise SetupError(
            f"another sandbox runs on {folder}", next_step="use that one, or stop it first: ./infra sandbox stop"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _api_socket(order: Order, saved: Saved) -> socket.socket:
    """The port asked for, else that of the last run, else a free one."""
    if order.api_port:
        return ports.listen_on(order.api_port, API)
    with contextlib.suppress(SetupError):
        if saved.api_port:
            return ports.listen_on(saved.api_port, API)
    return ports.listen_on_any(order.folder, API)


def _gateway_socket(order: Order, saved: Saved) -> socket.socket:
    """The same, but a port once used stays: every connection string that was given out has it."""
    port = order.gateway_port or saved.gateway_port
    return ports.listen_on(port, GATEWAY) if port else ports.listen_on_any(order.folder, GATEWAY)


class _Process:
    """All parts, put together."""

    def __init__(self, order: Order, saved: Saved, api: socket.socket, gateway: socket.socket) -> None:
        self._order, self._sockets = order, (api, gateway)
        self._ports = api.getsockname()[1], gateway.getsockname()[1]
        settings = order.settings(port=self._ports[1])
        regions = [region.id for region in settings.regions]
        hosts = Hosts(domain=settings.domain, regions=regions, cell=settings.cell)
        self._certificates = authority.ensure(order.folder, hosts.certified)
        holds = Holds()
        self._databases = BranchDatabases(order.postgres, holds=holds)
        self._databases.check()
        self._recorder = Recorder(order.folder, api_port=self._ports[0], gateway_port=self._ports[1])
        self._service = Service(settings, databases=RecordedDatabases(self._databases, self._recorder))
        self._continue(saved)
        self._gateway = Gateway(
            routes=self._service,
            postgres=(order.postgres.host, order.postgres.port),
            certificate=self._certificates.gateway,
            hosts=hosts,
            holds=holds,
        )

    def _continue(self, saved: Saved) -> None:
        """Take over what an earlier run left, and remove what it was about to make."""
        if saved.service is not None:
            self._service.restore(saved.service)
        known = {branch["id"] for branch in self._service.snapshot()["branches"]}
        for branch_id in set(saved.making) - known:
            self._databases.drop(branch_id)
        self._recorder.follow(self._service.snapshot)
        self._recorder.save()

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        self._listen(loop)
        runner = web.AppRunner(application(self._service), access_log=None, shutdown_timeout=STOP_SECONDS)
        async with contextlib.AsyncExitStack() as running:
            await runner.setup()
            running.push_async_callback(runner.cleanup)
            await web.SockSite(runner, self._sockets[0]).start()
            await self._gateway.start(self._sockets[1])
            running.push_async_callback(self._gateway.stop)
            started = await self._start_workers()
            if started is not None:
                running.push_async_callback(started.stop)
            github = await self._start_pulls()
            if github is not None:
                running.push_async_callback(github.stop)
            _say({**self._ready(), **self._ready_workers(started), **({"githubApi": github.url} if github else {})})
            await ended.wait()
        self._recorder.save()

    async def _start_workers(self) -> workers.Running | None:
        """The stand-in for Cloudflare; None when nobody asked for it."""
        told = self._order.cloudflare
        if told is None:
            return None
        folder, trusted = self._order.folder / WORKERS, self._certificates.authority
        return await workers.start(told.settings(), folder, workerd=told.workerd, authority=trusted, port=told.port)

    async def _start_pulls(self) -> pulls.Running | None:
        """The stand-in for GitHub; None when nobody asked for it."""
        told = self._order.github
        return await pulls.start(told.settings(), self._order.folder / PULLS, port=told.port) if told else None

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Save what changes, and end the sessions of branches that go or fall asleep."""

        def asleep(branch_id: str) -> None:
            with _logged("sessions of a branch that falls asleep"):
                self._databases.end_sessions(branch_id)
            gone(branch_id)

        def gone(branch_id: str) -> None:
            loop.call_soon_threadsafe(self._gateway.end, branch_id)

        self._service.on_change(self._recorder.save)
        self._service.on_gone(gone)
        self._service.on_sleep(asleep)

    def _ready(self) -> dict[str, Any]:
        api, gateway = self._ports
        return {
            "api": f"http://{ports.LOOPBACK}:{api}",
            "apiPort": api,
            "gatewayPort": gateway,
            "authority": str(self._certificates.authority),
            "organization": self._order.organization,
            "pid": os.getpid(),
        }

    def _ready_workers(self, started: workers.Running | None) -> dict[str, Any]:
        told = self._order.cloudflare
        return {"cloudflareApi": started.url, "account": told.account} if told and started else {}


@contextlib.contextmanager
def _logged(what: str) -> Iterator[None]:
    try:
        yield
    except SandboxError:
        _LOG.exception(what)


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
