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

from filelock import FileLock, Timeout

from cloud_sandbox import authority, ports, server
from cloud_sandbox.cloudflare import start as workers
from cloud_sandbox.errors import SandboxError, SetupError
from cloud_sandbox.files import private_folder
from cloud_sandbox.github.service import Service as Pulls
from cloud_sandbox.persistence import RecordedDatabases, Recorder
from cloud_sandbox.xata.databases import Holds, NoDatabases
from cloud_sandbox.xata.gateway.hosts import Hosts
from cloud_sandbox.xata.gateway.server import Gateway
from cloud_sandbox.xata.postgres import BranchDatabases
from cloud_sandbox.xata.service import Service

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from cloud_sandbox.order import Order

GATEWAY = "the gateway"
WORKERS, PULLS = "cloudflare", "github"
"""The folders of what stands in for Cloudflare and GitHub, in the sandbox's own."""
_LOG = logging.getLogger(__name__)


def run(order: Order) -> None:
    """Serve until the process is told to end (SIGTERM, SIGINT). One JSON line on standard output says when it is ready.

    Raises:
        SandboxError: It cannot start. Nothing is left running.
    """
    private_folder(order.folder)
    with _alone(order.folder):
        asyncio.run(_serve(order))


async def _serve(order: Order) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    recorder = Recorder(order.folder)
    async with contextlib.AsyncExitStack() as running:
        entrance = running.enter_context(_gateway_socket(order, recorder)) if order.postgres else None
        xata = _Xata(order, recorder, entrance)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        told = await xata.start(running)
        cloudflare, github = order.cloudflare, order.github
        if cloudflare is not None:
            made = await workers.start(
                cloudflare.settings(),
                order.folder / WORKERS,
                workerd=cloudflare.workerd,
                authority=xata.authority,
                port=cloudflare.port,
            )
            running.push_async_callback(made.stop)
            told |= {"cloudflareApi": made.url, "account": cloudflare.account}
        if github is not None:
            pulls, memory = Pulls(github.settings()), Recorder(order.folder / PULLS)
            answering = await server.start(pulls, memory, "the GitHub stand-in", port=github.port)
            running.push_async_callback(answering.stop)
            told |= {"githubApi": answering.url}
        _say(told)
        await ended.wait()
    recorder.save()


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


def _gateway_socket(order: Order, recorder: Recorder) -> socket.socket:
    """A port once used stays: every connection string that was given out has it."""
    port = order.gateway_port or recorder.saved.get("gatewayPort", 0)
    return ports.listen_on(port, GATEWAY) if port else ports.listen_on_any(order.folder, GATEWAY)


class _Xata:
    """The stand-in for Xata: its API, and the databases with the gateway in front where there is a Postgres."""

    def __init__(self, order: Order, recorder: Recorder, entrance: socket.socket | None) -> None:
        self._order, self._recorder, self._entrance = order, recorder, entrance
        self._port: int = entrance.getsockname()[1] if entrance else 0
        settings = order.settings(port=self._port)
        regions = [region.id for region in settings.regions]
        hosts = Hosts(domain=settings.domain, regions=regions, cell=settings.cell)
        certificates = authority.ensure(order.folder, hosts.certified)
        self.authority, holds = certificates.authority, Holds()
        self._databases = BranchDatabases(order.postgres, holds=holds) if order.postgres else None
        if self._databases:
            self._databases.check()
        databases = RecordedDatabases(self._databases or NoDatabases(), recorder)
        self._service = Service(settings, databases=databases)
        known = {branch["id"] for branch in recorder.saved.get("service", {}).get("branches", ())}
        for branch_id in set(recorder.saved.get("making", ())) - known:
            databases.drop(branch_id)  # a creation that was cut off half-way
        self._gateway: Gateway | None = None
        if order.postgres:
            self._gateway = Gateway(
                routes=self._service,
                postgres=(order.postgres.host, order.postgres.port),
                certificate=certificates.gateway,
                hosts=hosts,
                holds=holds,
            )

    async def start(self, running: contextlib.AsyncExitStack) -> dict[str, Any]:
        """Answer from now on, until the stack ends; what is told of it."""
        self._listen(asyncio.get_running_loop())
        kept = {"gatewayPort": self._port} if self._port else {}
        port = self._order.api_port
        pages = self._order.pages
        api = await server.start(self._service, self._recorder, "the API", port=port, kept=lambda: kept, programs=pages)
        running.push_async_callback(api.stop)
        if self._gateway and self._entrance:
            await self._gateway.start(self._entrance)
            running.push_async_callback(self._gateway.stop)
        return {
            "api": api.url,
            "apiPort": api.port,
            **kept,
            "authority": str(self.authority),
            "organization": self._order.organization,
            "pid": os.getpid(),
        }

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the sessions of branches that go or fall asleep."""
        databases, gateway = self._databases, self._gateway
        if databases is None or gateway is None:
            return

        def gone(branch_id: str) -> None:
            loop.call_soon_threadsafe(gateway.end, branch_id)

        def asleep(branch_id: str) -> None:
            with _logged("sessions of a branch that falls asleep"):
                databases.end_sessions(branch_id)
            gone(branch_id)

        self._service.on_gone(gone)
        self._service.on_sleep(asleep)


@contextlib.contextmanager
def _logged(what: str) -> Iterator[None]:
    try:
        yield
    except SandboxError:
        _LOG.exception(what)


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
