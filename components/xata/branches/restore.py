"""Backups: what can be restored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import NotFoundError

if TYPE_CHECKING:
    from datetime import datetime

    from components.xata.api.client import Client
    from components.xata.api.models import Branch
    from components.xata.branches.place import Place


@dataclass(frozen=True, kw_only=True)
class RestorePoints:
    """The earliest and the latest moment a backup leads back to, ISO 8601 in UTC; empty before the first."""

    earliest: str = ""
    latest: str = ""


def restore_points(client: Client, place: Place, branch: Branch) -> RestorePoints:
    """What the service tells about a branch's backup; nothing where it keeps none.

    Raises:
        ApiError: The service did not answer.
    """
    if not branch.backups_enabled:  # there the service answers 500
        return RestorePoints()
    try:
        backup = client.backup(place.organization, place.project, branch.id)
    except NotFoundError:
        return RestorePoints()
    return RestorePoints(earliest=_text(backup.earliest_restore), latest=_text(backup.latest_restore))


def _text(moment: datetime | None) -> str:
    return moment.isoformat().replace("+00:00", "Z") if moment else ""
