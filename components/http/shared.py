"""The clients of a process: one for each address and key, so that connections are shared."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable


class Closable(Protocol):
    """A client that holds connections."""

    def close(self) -> None:
        """Close them."""


C = TypeVar("C", bound=Closable)


class Shared(Generic[C]):
    """Clients by address and key. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], C] = {}

    def get(self, url: str, key: str, make: Callable[[], C]) -> C:
        """The client for this pair; made when it is not there."""
        with self._lock:
            if (url, key) not in self._clients:
                self._clients[url, key] = make()
            return self._clients[url, key]

    def close(self) -> None:
        """Close the connections of all of them; whoever asks next gets a new one."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()
