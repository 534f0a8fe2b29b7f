"""The stand-in as a part of a process: its API, and its memory in a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from cloud_sandbox import ports
from cloud_sandbox.errors import SetupError
from cloud_sandbox.files import private_folder, write_private
from cloud_sandbox.github.server import application
from cloud_sandbox.github.service import Service

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from cloud_sandbox.github.settings import Settings

STATE = "state.json"
API = "the GitHub stand-in"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stand-in that answers."""

    port: int
    service: Service
    _runner: web.AppRunner

    @property
    def url(self) -> str:
        """What GITHUB_API_URL is set to."""
        return f"http://{ports.LOOPBACK}:{self.port}"

    async def stop(self) -> None:
        """End the API."""
        await self._runner.cleanup()


async def start(settings: Settings, folder: Path, *, port: int = 0) -> Running:
    """Start it in the running event loop.

    Args:
        settings: Which repository, which tokens, which limit.
        folder: Its own; the memory is kept in `state.json` there, mode 600.
        port: Of the API, 0 for the one of before if it is free, else any.

    Raises:
        SetupError: The port is taken, or the memory cannot be read. Nothing is left running.
    """
    private_folder(folder)
    service = Service(settings)
    before = await asyncio.to_thread(_restored, folder / STATE, service)
    with contextlib.ExitStack() as failing:
        listening = failing.enter_context(_socket(folder, port, before))
        memory = _Memory(folder / STATE, service, listening.getsockname()[1])
        await asyncio.to_thread(memory.save)
        runner = web.AppRunner(application(service, changed=memory.save), access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        failing.pop_all()
    return Running(port=memory.port, service=service, _runner=runner)


@dataclass
class _Memory:
    """Writes down all that a restart must know, whole or not at all."""

    file: Path
    service: Service
    port: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def save(self) -> None:
        with self.lock:
            kept: dict[str, Any] = {"service": self.service.snapshot(), "port": self.port}
            write_private(self.file, json.dumps(kept).encode())


def _restored(file: Path, service: Service) -> int:
    """Continue what an earlier run left; its port, 0 when there was none."""
    try:
        found = json.loads(file.read_bytes())
        service.restore(found["service"])
        return int(found["port"])
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SetupError(
            f"the GitHub stand-in's memory {file} cannot be read",
            next_step=f"remove {file}: every pull request in it is forgotten",
        ) from error


def _socket(folder: Path, wanted: int, before: int) -> socket.socket:
    """The port asked for, else that of the last run, else a free one."""
    if wanted:
        return ports.listen_on(wanted, API)
    with contextlib.suppress(SetupError):
        if before:
            return ports.listen_on(before, API)
    return ports.listen_on_any(folder, API)
