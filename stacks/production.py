"""Production: the Xata branch `production`, which nothing deletes without two deliberate steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacks import cloud

if TYPE_CHECKING:
    from pathlib import Path

    from stacks.settings import ProductionSettings


def program(settings: ProductionSettings, folder: Path) -> None:
    """Declare the stack.

    Args:
        settings: The stack's configuration.
        folder: The project's folder, where relative paths start.
    """
    cloud.program(settings, folder)
