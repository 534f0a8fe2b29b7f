"""What stacks are made of: one room per domain. Keep this module free of our own imports: provider processes load it.

Recorded state names the class of a resource's provider by its module: one that moved is found through `MOVED`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

MOVED = {
    "components.connectivity.worker_provider": "components.connectivity.provider",
    "components.worker.address.provider": "components.worker.address",
    "components.worker.preview.provider": "components.worker.preview",
    "components.worker.provider": "components.worker.secrets",
    "components.worker.wrangler.provider": "components.worker.wrangler.check",
}
"""Modules of providers that states name, and where their classes are today. The embedded engine reads these lines."""


class _Moved(ModuleType):
    """A module that is somewhere else today, and loaded from there where one of its classes is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(MOVED[self.__name__]), name)


sys.modules.update({before: _Moved(before) for before in MOVED})
