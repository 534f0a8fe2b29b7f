"""Whether the password of an environment is this quarter's, by what its configuration says. Pure.

`infra:rotation` is any text whose change rotates the password. Where it is a quarter, such as 2026-Q4, it also tells
when the password was made.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

_QUARTER = re.compile(r"[0-9]{4}-Q[1-4]")
MONTHS = 3


def quarter(day: date) -> str:
    """The quarter of a day, such as 2026-Q4."""
    return f"{day.year}-Q{(day.month - 1) // MONTHS + 1}"


def due(rotation: str, today: date) -> str:
    """Why the password is to be rotated, to complete "the environment …"; empty when it is not.

    Args:
        rotation: What `infra:rotation` says.
        today: The day.
    """
    now = quarter(today)
    if not rotation:
        return "has no infra:rotation, so nothing tells when its password was made"
    if not _QUARTER.fullmatch(rotation):
        return f"has the infra:rotation {rotation!r}, which is no quarter such as {now}"
    return f"has a password of {rotation}, and this is {now}" if rotation < now else ""
