"""What may be shown of the server's words when secrets were sent. Pure.

A server that refuses a value likes to quote it, or a part of it. The likeness of a secret can be masked, a part of one
cannot be told from other text: words that share a piece with a value that was sent are not shown at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.http.scrub import scrub

if TYPE_CHECKING:
    from collections.abc import Iterable

PIECE = 8
"""So many characters in common are no coincidence."""

LONGEST_READ = 2000
"""What is compared, and what is left of longer texts."""


def quotable(text: str, *, token: str, values: Iterable[str] = ()) -> str:
    """The server's words as they may be shown; empty when they hold a piece of a value."""
    given, short = tuple(values), text[:LONGEST_READ]
    if any(_shares(short, value) for value in given):
        return ""
    return scrub(short, secrets=(token, *(value for value in given if len(value) >= PIECE)))


def _shares(text: str, value: str) -> bool:
    length = min(PIECE, len(value))
    return length > 0 and any(text[start : start + length] in value for start in range(len(text) - length + 1))
