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
    "components.postgres.provider": "components.postgres.server.provider",
    "components.postgres.provider.BaselineProvider": "components.postgres.baseline",
    "components.worker.address.provider": "components.worker.address",
    "components.worker.preview.provider": "components.worker.preview",
    "components.worker.provider": "components.worker.secrets",
    "components.worker.wrangler.provider": "components.worker.wrangler.check",
    "components.xata.provider.ProjectProvider": "components.xata.project",
}
"""Modules and classes that states name, and where they are today. The embedded engine reads these lines."""


def moved(module: str, name: str) -> Any:
    """What a module had of this name, from where it is today.

    Raises:
        AttributeError: It had none.
    """
    place = MOVED.get(f"{module}.{name}") or MOVED.get(module)
    if place is None or name.startswith("__"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return getattr(import_module(place), name)


class _Moved(ModuleType):
    """A module that is somewhere else today, and loaded from there where one of its classes is asked for."""

    def __getattr__(self, name: str) -> Any:
        return moved(self.__name__, name)


sys.modules.update({before: _Moved(before) for before in MOVED if before.islower()})
