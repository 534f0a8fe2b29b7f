"""What a restart must know, in one file: `<folder>/state.json`, mode 600, replaced as a whole after each change."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloud_sandbox.errors import SetupError
from cloud_sandbox.files import write_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloud_sandbox.xata.databases import Databases

FILE = "state.json"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What an earlier run left. `making` are branches whose creation may have been cut off half-way."""

    api_port: int = 0
    gateway_port: int = 0
    making: tuple[str, ...] = ()
    service: dict[str, Any] | None = None


def load(folder: Path) -> Saved:
    """Read the file; without one there is nothing to continue.

    Raises:
        SetupError: It cannot be read.
    """
    path = folder / FILE
    try:
        data = json.loads(path.read_bytes())
        if data["version"] != VERSION:
            raise ValueError  # noqa: TRY301 - one answer to everything that is wrong with the file
        return Saved(
            api_port=data["apiPort"],
            gateway_port=data["gatewayPort"],
            making=tuple(data["making"]),
            service=data["service"],
        )
    except FileNotFoundError:
        return Saved()
    except (OSError, ValueError, LookupError, TypeError):
        raise SetupError(
            f"{path} cannot be read, or is not a state this version wrote",
            next_step=f"put back the file as it was, or remove {folder} to begin with an empty sandbox",
        ) from None


class Recorder:
    """Writes the file. Safe to use from any thread."""

    def __init__(self, folder: Path, *, api_port: int, gateway_port: int) -> None:
        self._path = folder / FILE
        self._ports = {"apiPort": api_port, "gatewayPort": gateway_port}
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._asked = self._written = 0
        self._making: set[str] = set()
        self._snapshot: Callable[[], dict[str, Any]] = lambda: {"branches": []}

    def follow(self, snapshot: Callable[[], dict[str, Any]]) -> None:
        """Say where the service's memory comes from."""
        self._snapshot = snapshot

    def save(self) -> None:
        """Write down how things are now, unless somebody has since begun to, and has written this with the rest."""
        with self._counting:
            self._asked += 1
            mine = self._asked
        with self._lock:
            if self._written >= mine:
                return
            covered = self._asked
            service = self._snapshot()
            self._making -= {branch["id"] for branch in service["branches"]}
            data = {"version": VERSION, **self._ports, "making": sorted(self._making), "service": service}
            write_private(self._path, json.dumps(data).encode())
            self._written = covered

    def begin(self, branch_id: str) -> None:
        """Note that a branch is being made, before anything is. The note goes when the service knows the branch."""
        with self._lock:
            self._making.add(branch_id)
        self.save()

    def forget(self, branch_id: str) -> None:
        """Forget the note of a branch of which nothing is left."""
        with self._lock:
            self._making.discard(branch_id)


class RecordedDatabases:
    """Databases whose making is noted down, so that a restart removes what nobody knows of."""

    def __init__(self, databases: Databases, recorder: Recorder) -> None:
        self._databases = databases
        self._recorder = recorder

    def create(self, branch_id: str, *, parent_id: str | None, password: str) -> None:
        """As below; when it fails, what was made is removed as far as possible."""
        self._recorder.begin(branch_id)
        try:
            self._databases.create(branch_id, parent_id=parent_id, password=password)
        except Exception:
            with contextlib.suppress(Exception):  # then the note stays, and the next start removes it
                self.drop(branch_id)
            raise

    def set_password(self, branch_id: str, password: str) -> None:
        """As below."""
        self._databases.set_password(branch_id, password)

    def drop(self, branch_id: str) -> None:
        """As below."""
        self._databases.drop(branch_id)
        self._recorder.forget(branch_id)
