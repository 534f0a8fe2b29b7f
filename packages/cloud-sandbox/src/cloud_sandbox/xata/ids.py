"""Identifiers and secrets of the shapes the platform gives out."""

from __future__ import annotations

import string
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

ALPHABET = "0123456789abcdefghijklmnopqrstuv"
PASSWORD_LENGTH, PASSWORD_DIGITS = 64, 10


def identifier(source: random.Random) -> str:
    """A random UUID in lower-case base32hex without padding: 26 characters."""
    number = uuid.UUID(int=source.getrandbits(128), version=4).int << 2  # 128 bits fill 25.6 characters
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def prefixed(prefix: str, source: random.Random) -> str:
    """An identifier such as `prj_…` or `req_…`."""
    return f"{prefix}_{identifier(source)}"


def branch_id(source: random.Random) -> str:
    """An identifier that is a valid DNS label: it begins with a letter."""
    while (found := identifier(source))[0].isdigit():
        continue
    return found


def password(source: random.Random) -> str:
    """64 letters and digits, ten of them digits."""
    characters = source.choices(string.ascii_letters, k=PASSWORD_LENGTH - PASSWORD_DIGITS)
    characters += source.choices(string.digits, k=PASSWORD_DIGITS)
    source.shuffle(characters)
    return "".join(characters)
