"""What one operation is given and gives back, and the log of all of them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from cloud_sandbox.xata.bodies import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloud_sandbox.faults import Fault
    from cloud_sandbox.wire import Request
    from cloud_sandbox.xata.settings import Key

LOG_LENGTH = 100_000


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that passed the policy: who calls, the values of its path, and the fault that was ordered for it."""

    request: Request
    key: Key
    organization: str
    values: Mapping[str, str]
    fault: Fault | None = None

    @property
    def project(self) -> str:
        """The project of the path."""
        return self.values["projectID"]

    @property
    def branch(self) -> str:
        """The branch of the path."""
        return self.values["branchID"]

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's values by name."""
        return parse_qs(self.request.query, keep_blank_values=True)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an operation answers; no body for 204."""

    status: int = 200
    body: Any = None


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
                    keys=keys(request.body),
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
