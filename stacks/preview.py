"""The environment of a pull request: the Xata branch `pr-<number>`, a copy of staging that ends with its life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from components.xata.branches.ownership import until
from stacks import cloud

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from stacks.settings import PreviewSettings


def program(settings: PreviewSettings, folder: Path) -> None:
    """Declare the stack.

    Args:
        settings: The stack's configuration.
        folder: The project's folder, where relative paths start.
    """
    cloud.program(settings, folder, temporary=temporary(settings, datetime.now(tz=UTC).date()))


def temporary(settings: PreviewSettings, today: date) -> cloud.Temporary:
    """What a preview's branch has besides its configuration.

    Args:
        settings: The stack's configuration.
        today: The day of this deployment, UTC, from which its life counts: each deployment moves the last day.
    """
    end = until(today + timedelta(days=settings.life_days)) if settings.life_days else ""
    return cloud.Temporary(until=end, most=settings.most_previews, instead_of=settings.instead_of)
