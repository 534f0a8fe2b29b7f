"""What a restart must know, in one file: `<folder>/state.json`, mode 600, replaced as a whole after each change."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

from cloud_sandbox.errors import SetupError
from cloud_sandbox.files import private_folder, write_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloud_sandbox.xata.databases import Databases

FILE = "state.json"


class Recorder:
    """Reads the file of a folder once, and writes it. Safe to use from any thread.

    Raises:
        SetupError: The file cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        private_folder(folder)
        self.folder, self._path = folder, folder / FILE
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._asked = self._written = 0
        self._making: set[str] = set()
        self._snapshot: Callable[[], dict[str, Any]] = dict
        self._kept: Callable[[], dict[str, Any]] = dict
        self._continues = False
        self.saved: dict[str, Any] = {}
        """What an earlier run left. `making` are branches whose creation may have been cut off half-way."""
        try:
            self.saved = dict(json.loads(self._path.read_bytes()))
            self._continues = True
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError) as error:
            raise self._unreadable() from error

    def restore(self, restore: Callable[[dict[str, Any]], None]) -> None:
        """Hand the saved memory, if there is one, to what continues from it.

        Raises:
            SetupError: It makes nothing of it.
        """
        try:
            if self._continues:
                restore(self.saved["service"])
        except (LookupError, TypeError, ValueError) as error:
            raise self._unreadable() from error

    def _unreadable(self) -> SetupError:
        return SetupError(
            f"{self._path} cannot be read, or is not a state this version wrote",
            next_step=f"put back the file as it was, or remove {self.folder} to begin with an empty sandbox",
        )

    def follow(self, snapshot: Callable[[], dict[str, Any]], kept: Callable[[], dict[str, Any]]) -> None:
        """Say where the service's memory comes from, and what else is written down."""
        self._snapshot, self._kept = snapshot, kept

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
            self._making -= {branch["id"] for branch in service.get("branches", ())}
            data = {**self._kept(), "making": sorted(self._making), "service": service}
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
