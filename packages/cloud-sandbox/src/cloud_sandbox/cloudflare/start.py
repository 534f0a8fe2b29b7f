"""The stand-in as a part of a process: its API, the Workers' addresses, its runtime, and its memory in a file."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cloud_sandbox import ports, server
from cloud_sandbox.cloudflare.front import Front
from cloud_sandbox.cloudflare.runtime import NoRuntime
from cloud_sandbox.cloudflare.service import BASE_PATH, Service
from cloud_sandbox.cloudflare.workerd import Workerd
from cloud_sandbox.persistence import Recorder

if TYPE_CHECKING:
    from pathlib import Path

    from cloud_sandbox.cloudflare.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stand-in that answers."""

    port: int
    service: Service
    front: Front
    _api: server.Running
    _workerd: Workerd | None

    @property
    def url(self) -> str:
        """What CLOUDFLARE_API_BASE_URL is set to, `/client/v4` included."""
        return f"http://{ports.LOOPBACK}:{self.port}{BASE_PATH}"

    async def stop(self) -> None:
        """End the API, the addresses and every workerd."""
        await self._api.stop()
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
    recorder = await asyncio.to_thread(Recorder, folder)
    front = Front(folder=folder, is_on=lambda name: bool(service.address(name)), ports=recorder.saved.get("ports"))
    runs = None
    if workerd is not None:
        trusted = await asyncio.to_thread(authority.read_text) if authority is not None else ""
        make = partial(Workerd, binary=workerd, folder=folder, addresses=front, trusted=trusted)
        runs = await asyncio.to_thread(make, propagation=settings.propagation)
    service = Service(settings, runtime=runs or NoRuntime())
    with contextlib.ExitStack() as failing:
        if runs is not None:
            failing.callback(runs.stop)
        kept = lambda: {"ports": front.ports}  # noqa: E731 - handed over, and called with each change
        api = await server.start(service, recorder, "the Cloudflare stand-in", port=port, kept=kept)
        failing.pop_all()
    return Running(port=api.port, service=service, front=front, _api=api, _workerd=runs)
