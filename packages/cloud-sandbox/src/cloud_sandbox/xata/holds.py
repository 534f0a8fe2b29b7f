"""Branches whose new connections have to wait for a moment: told by who copies a database, heeded by the gateway."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Holds:
    """A count per branch, since several children of one parent may be made at once. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    @contextlib.contextmanager
    def hold(self, branch_id: str) -> Iterator[None]:
        """Keep new connections to a branch waiting."""
        with self._lock:
            self._counts[branch_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._counts[branch_id] -= 1
                self._counts += Counter()  # forgets what is down to zero

    def held(self, branch_id: str) -> bool:
        """Whether a new connection has to wait."""
        with self._lock:
            return branch_id in self._counts
