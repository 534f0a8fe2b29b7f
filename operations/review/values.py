"""What of a value may be shown. Pure.

A preview masks what Pulumi knows to be secret; `--show-secrets`, and text that a program built itself, does not. So a
secret is taken for one wherever the document says so, and what looks like one is masked as well.
"""

from __future__ import annotations

from typing import Any, Final

from components.http.scrub import scrub
from pulumi_embedded.values import Secret

MASKED: Final = "[secret]"
LONGEST_VALUE: Final = 100_000


def readable(value: Any, *, secret: bool = False) -> Any:
    """A property's value with every secret in it as `Secret`, and what looks like one masked."""
    match value:
        case _ if secret or value == MASKED:
            return Secret(MASKED)
        case {"4dabf18193072939515e22adb298388d": str()}:  # a secret, an asset or an archive, as states have them
            return Secret(MASKED)
        case dict():
            return {str(key): readable(item) for key, item in value.items()}
        case list():
            return [readable(item) for item in value]
        case str():
            return _scrubbed(value) if len(value) <= LONGEST_VALUE else f"{len(value)} characters"
    return value


def _scrubbed(text: str) -> str:
    """The text itself where nothing in it looks like a secret: scrubbing also shortens."""
    return "\n".join(line if len(line) <= 8 else _line(line) for line in text.split("\n"))  # noqa: PLR2004 - no secret is as short


def _line(line: str) -> str:
    masked = scrub(line)
    return masked if "***" in masked and "***" not in line else line


def properties(values: dict[str, Any], secret: list[str]) -> dict[str, Any]:
    """A resource's properties, those that are named secret masked."""
    return {key: readable(value, secret=key in secret) for key, value in values.items()}
