"""The log of calls."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloud_sandbox.wire import Request

LOG_LENGTH = 100_000


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the log: never a value of a body, a header or a query, so never a secret."""

    number: int
    method: str
    path: str
    keys: tuple[str, ...]
    status: int | None
    fault: bool
    started: float
    ended: float


@dataclass(kw_only=True)
class Log:
    """The calls so far, oldest first. `status` None: nothing was answered."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    number: int = 0

    def add(self, request: Request, *, status: int | None, fault: bool, started: float, ended: float) -> None:
        """Write one call down."""
        with self.lock:
            self.number += 1
            self.entries.append(
                Entry(
                    number=self.number,
                    method=request.method,
                    path=request.path,
                    keys=_keys(request.body),
                    status=status,
                    fault=fault,
                    started=started,
                    ended=ended,
                )
            )

    def listed(self) -> list[dict[str, Any]]:
        """The entries as JSON-able data."""
        with self.lock:
            return [asdict(entry) for entry in self.entries]

    def clear(self) -> None:
        """Forget the calls."""
        with self.lock:
            self.entries.clear()


def _keys(body: bytes) -> tuple[str, ...]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    return tuple(sorted(found)) if isinstance(found, dict) else ()
