"""What of a value may be shown. Pure.

A preview masks what Pulumi knows to be secret; `--show-secrets`, and text that a program built itself, does not. So a
secret is taken for one wherever the document says so, and what looks like one is masked as well.
"""

from __future__ import annotations

from typing import Any, Final

from components.http.scrub import scrub
from engine.values import Secret

MASKED: Final = "[secret]"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - what marks a secret in Pulumi's states
LONGEST_VALUE: Final = 100_000


def readable(value: Any, *, secret: bool = False) -> Any:
    """A property's value with every secret in it as `Secret`, and what looks like one masked."""
    match value:
        case _ if secret or value == MASKED:
            return Secret(MASKED)
        case {"4dabf18193072939515e22adb298388d": str(kind)}:  # SIGNATURE
            return Secret(MASKED) if kind == SECRET_SIGNATURE else f"[{kind[:8]}]"
        case dict():
            return {str(key): readable(item) for key, item in value.items()}
        case list():
            return [readable(item) for item in value]
        case str() if len(value) <= LONGEST_VALUE:
            return _scrubbed(value)
        case str():
            return f"{len(value)} characters"
        case _:
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
