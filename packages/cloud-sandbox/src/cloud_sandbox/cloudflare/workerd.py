"""The real runtime: one workerd for each name, started anew for each change, behind an address that stays."""

from __future__ import annotations

import tempfile
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cloud_sandbox.cloudflare import capnp, processes
from cloud_sandbox.cloudflare.bindings import SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.cloudflare.models import Bindings, Script


class Addresses(Protocol):
    """Where Workers are reached from outside: an address for each name, which stays while what is behind it changes."""

    def open(self, name: str) -> str:
        """Have an address, and say which: `http://127.0.0.1:PORT`."""

    def point(self, name: str, socket: Path | None) -> None:
        """Enveloped from this socket from now on; None: nothing is there."""


class Workerd:
    """Runs scripts. `propagation`: for how many seconds the one before still answers after a deployment."""

    def __init__(
        self,
        *,
        binary: Path,
        folder: Path,
        addresses: Addresses,
        trusted: str = "",
        propagation: float = 0.0,
        later: Callable[[float, Callable[[], None]], threading.Timer] = threading.Timer,
    ) -> None:
        self._binary, self._folder, self._addresses = binary, folder, addresses
        self._trusted, self._propagation, self._later = trusted, propagation, later
        self._lock = threading.RLock()
        self._running: dict[str, processes.Running] = {}
        self._timers: dict[str, threading.Timer] = {}
        self._retiring: dict[str, list[processes.Running]] = {}
        self._urls: dict[str, str] = {}
        self._newest = processes.date_of(binary)
        processes.end_leftovers(self._record)
        self._sockets = Path(tempfile.mkdtemp(prefix="sbx-"))  # short, since a socket's path has at most 107 bytes
        self._note()

    @property
    def _record(self) -> Path:
        return self._folder / "workerd.json"

    def deploy(self, name: str, script: Script, bindings: Bindings) -> None:
        """Start a workerd for it; what ran before ends once this one listens."""
        listens = self._sockets / uuid.uuid4().hex[:12]
        hidden = [binding["text"] for binding in bindings.values() if binding["type"] in SECRETS and "text" in binding]
        config = capnp.config(script, bindings, socket=str(listens), trusted=self._trusted, newest=self._newest)
        fresh = processes.start(self._binary, config, listens=listens, log=self._folder / f"{name}.log", hidden=hidden)
        with self._lock:
            before = self._running.get(name)
            self._running[name] = fresh
            if before is not None:
                self._retiring.setdefault(name, []).append(before)
            self._urls[name] = self._addresses.open(name)
            self._note()
            self._switch_later(name)

    def remove(self, name: str) -> None:
        """End what runs."""
        with self._lock:
            running = self._running.pop(name, None)
            if running is None:
                return
            self._retiring.setdefault(name, []).append(running)
            self._urls.pop(name, None)
            self._switch(name)

    def url(self, name: str) -> str:
        """Where it is reached."""
        return self._urls.get(name, "")

    def stop(self) -> None:
        """End all of them."""
        with self._lock:
            for name in list(self._running):
                self.remove(name)
        processes.end_leftovers(self._record)

    def _switch_later(self, name: str) -> None:
        earlier = self._timers.pop(name, None)
        if earlier is not None:
            earlier.cancel()
        if not self._propagation:
            self._switch(name)
            return
        timer = self._timers[name] = self._later(self._propagation, lambda: self._switch(name))
        timer.daemon = True
        timer.start()

    def _switch(self, name: str) -> None:
        """Point the address to what is newest, and end the ones before."""
        with self._lock:
            timer = self._timers.pop(name, None)
            if timer is not None:
                timer.cancel()
            newest = self._running.get(name)
            self._addresses.point(name, newest.socket if newest else None)
            retired = self._retiring.pop(name, [])
            self._note()
        for one in retired:
            one.end()

    def _note(self) -> None:
        retiring = [one for several in self._retiring.values() for one in several]
        processes.record(self._record, self._sockets, [*self._running.values(), *retiring])
