"""Property values as the engine holds them: JSON values plus secrets and unknowns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands on the wire for a value that is known only after the deployment (Pulumi's own sentinel)."""


@dataclass(frozen=True)
class Secret:
    """A value that is encrypted in the state and masked everywhere else."""

    value: Any = field(repr=False)
