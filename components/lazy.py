"""Packages that take longer to load than a whole plan needs: loaded where they are first used, from any thread.

if TYPE_CHECKING:
import httpx
else:
httpx = Lazy("httpx")
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Lazy:
    """Stands for a module until something of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)
