"""What can come back when a Worker's health is asked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

MOST_BYTES = 64 * 1024
"""Of a longer body no more is read."""


class Loss(Enum):
    """Why there is no whole answer."""

    NAME = auto()
    REFUSED = auto()
    UNREACHABLE = auto()
    PROXY = auto()
    CERTIFICATE = auto()
    TLS = auto()
    SILENT = auto()
    CUT = auto()
    HUGE = auto()
    ENDLESS = auto()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back. `broken` says why the body is not whole; headers that are missing are empty."""

    status: int
    content_type: str = ""
    location: str = ""
    body: bytes = field(default=b"", repr=False)
    broken: Loss | None = None
