"""The stand-in as a part of a process: its API, its Workers, and its memory in a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from cloud_sandbox import ports
from cloud_sandbox.cloudflare.front import Front
from cloud_sandbox.cloudflare.runtime import NoRuntime
from cloud_sandbox.cloudflare.server import application
from cloud_sandbox.cloudflare.service import BASE_PATH, Service
from cloud_sandbox.cloudflare.workerd import Workerd
from cloud_sandbox.errors import SetupError
from cloud_sandbox.files import private_folder, write_private

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from cloud_sandbox.cloudflare.settings import Settings

STATE = "state.json"
API = "the Cloudflare stand-in"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stand-in that answers."""

    port: int
    service: Service
    front: Front
    _runner: web.AppRunner
    _workerd: Workerd | None

    @property
    def url(self) -> str:
        """What CLOUDFLARE_API_BASE_URL is set to, `/client/v4` included."""
        return f"http://{ports.LOOPBACK}:{self.port}{BASE_PATH}"

    async def stop(self) -> None:
        """End the API, the addresses and every workerd."""
        await self._runner.cleanup()
        if self._workerd is not None:
            await asyncio.to_thread(self._workerd.stop)
        await self.front.stop()


async def start(
    settings: Settings, folder: Path, *, workerd: Path | None, authority: Path | None = None, port: int = 0
) -> Running:
    """Start it in the running event loop.

    Args:
        settings: Whose account, which tokens, which limits.
        folder: Its own; the memory is kept in `state.json` there, mode 600.
        workerd: The program that runs the scripts; None: nothing is run, everything else works.
        authority: The certificate that Workers trust when they open TLS connections, as a PEM file.
        port: Of the API, 0 for the one of before if it is free, else any.

    Raises:
        SetupError: The port is taken, the memory cannot be read, or the program does not run. Nothing is left running.
    """
    private_folder(folder)
    state = await asyncio.to_thread(_read, folder / STATE)
    front = Front(folder=folder, is_on=lambda name: bool(service.address(name)), ports=state.get("ports"))
    runs = None
    if workerd is not None:
        trusted = await asyncio.to_thread(authority.read_text) if authority is not None else ""
        make = partial(Workerd, binary=workerd, folder=folder, addresses=front, trusted=trusted)
        runs = await asyncio.to_thread(make, propagation=settings.propagation)
    service = Service(settings, runtime=runs or NoRuntime())
    with contextlib.ExitStack() as failing:
        if runs is not None:
            failing.callback(runs.stop)
        listening = failing.enter_context(_socket(folder, port, int(state.get("port", 0))))
        memory = _Memory(folder / STATE, service, front, listening.getsockname()[1])
        if "service" in state:
            await asyncio.to_thread(service.restore, state["service"])
        await asyncio.to_thread(memory.save)
        runner = web.AppRunner(application(service, changed=memory.save), access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        failing.pop_all()
    return Running(port=memory.port, service=service, front=front, _runner=runner, _workerd=runs)


@dataclass
class _Memory:
    """Writes down all that a restart must know, whole or not at all."""

    file: Path
    service: Service
    front: Front
    port: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def save(self) -> None:
        with self.lock:
            kept = {"service": self.service.snapshot(), "ports": self.front.ports, "port": self.port}
            write_private(self.file, json.dumps(kept).encode())


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SetupError(
            f"the Cloudflare stand-in's memory {file} cannot be read",
            next_step=f"remove {file}: every Worker in it is forgotten",
        ) from error
    return dict(found)


def _socket(folder: Path, wanted: int, before: int) -> socket.socket:
    """The port asked for, else that of the last run, else a free one."""
    if wanted:
        return ports.listen_on(wanted, API)
    with contextlib.suppress(SetupError):
        if before:
            return ports.listen_on(before, API)
    return ports.listen_on_any(folder, API)
