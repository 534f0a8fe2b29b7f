"""Who holds a stack's lock, read without an engine: both keep it in the same files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from operations.engines.recorded import store

if TYPE_CHECKING:
    from operations.workspace import Workspace
    from pulumi_embedded.state.lock import LockHolder

SLACK_SECONDS = 2.0
"""How much a file's clock and a process's may differ."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a stack's lock.

    Attributes:
        user: The account's name.
        host: The machine's name.
        pid: The process.
        since: When it was taken.
        here: Whether it was taken on this machine.
        running: Whether the process that took it still runs; None where that cannot be seen from here.
        program: What that process runs; empty where it cannot be seen.
        lock: Its file.
    """

    user: str
    host: str
    pid: int
    since: str
    here: bool
    running: bool | None
    program: str = ""
    lock: LockHolder = field(repr=False)

    def __str__(self) -> str:
        who = f"{self.user}@{self.host}, process {self.pid}, since {self.since}"
        if self.running:
            return f"{who}: it runs ({self.program})"
        if self.running is None:
            return f"{who}: on another machine, so whether it still runs cannot be seen from here"
        return f"{who}: it does not run any more"

    def to_json(self) -> dict[str, Any]:
        """One entry of `holders`."""
        told = {"user": self.user, "host": self.host, "pid": self.pid, "since": self.since}
        return {**told, "here": self.here, "running": self.running}


def holders(workspace: Workspace) -> tuple[Holder, ...] | None:
    """Who holds the lock; None where the state is in no folder, and nobody can be seen.

    Raises:
        engine.errors.EngineError: The folder of the locks cannot be read.
    """
    if workspace.state_folder is None:
        return None
    return tuple(_holder(lock) for lock in store(workspace, "").holders())


def _holder(lock: LockHolder) -> Holder:
    process = _maker(lock) if lock.local else None
    return Holder(
        user=lock.username,
        host=lock.hostname,
        pid=lock.pid,
        since=lock.since,
        here=lock.local,
        running=process is not None if lock.local else None,
        program=process or "",
        lock=lock,
    )


def _maker(lock: LockHolder) -> str | None:
    """What the process runs that took the lock; None when it has ended, also when another one has its number now."""
    try:
        process = psutil.Process(lock.pid)
        taken = lock.file.stat().st_mtime
        if process.status() == psutil.STATUS_ZOMBIE or process.create_time() > taken + SLACK_SECONDS:
            return None
        return process.name()
    except (psutil.NoSuchProcess, FileNotFoundError, ValueError):
        return None
    except psutil.Error:
        return "not to be looked at"
