"""What a creation that was cut off may have left, found by its name and its mark, as `up` finds it, and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from components.worker import secrets
from components.xata import removal

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING_OF_ITS_OWN: Final = frozenset(
    {
        "connectivity:DatabaseCheck",
        "connectivity:WorkerCheck",
        "deletion:Guard",
        "postgres:Baseline",
        "postgres:Migrations",
        "worker:Address",
        "worker:WranglerConfig",
        "xata:BranchConnection",
        "xata:BranchSettings",
        "xata:Sanitized",
    }
)
"""The ends of the types of what exists in the state alone, or goes with a branch."""


def remove_lost(kind: str, inputs: Mapping[str, Any]) -> bool:
    """Remove what a creation of these inputs has left, where it has.

    Args:
        kind: The end of the resource's type.
        inputs: Those that are no secrets.

    Returns:
        Whether nothing is left of it; False for a kind that is not known here.

    Raises:
        InfraError: It may not be removed, or the service does not answer.
    """
    if kind == "xata:Branch":
        removal.remove_lost_branch(dict(inputs))
    elif kind == "worker:Secrets":
        secrets.remove_lost(dict(inputs))
    else:
        return kind in NOTHING_OF_ITS_OWN
    return True
