"""JSON text exactly as Go's encoder writes it, which is what a program meets in its configuration.

Keys are sorted, nothing is spaced, `<`, `>` and `&` are escaped, and numbers have Go's shape. Secrets are encrypted
in the same text, so that the Pulumi CLI finds its own plain text again and leaves the ciphertext as it is.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any, Final

_ESCAPES: Final = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})
_PLAIN_FROM: Final = 1e-6
_PLAIN_BELOW: Final = 1e21


def dump(value: Any) -> str:
    """Return the text of a JSON value."""
    match value:
        case dict():
            items = sorted((str(key), item) for key, item in value.items())
            return "{" + ",".join(f"{_string(key)}:{dump(item)}" for key, item in items) + "}"
        case list() | tuple():
            return "[" + ",".join(map(dump, value)) + "]"
        case float():
            return number(value)
        case str():
            return _string(value)
        case _:
            return json.dumps(value)


def number(value: float) -> str:
    """Return the text of a number: plain digits from 1e-6 up to 1e21, an exponent outside."""
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_BELOW:
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(_ESCAPES)
