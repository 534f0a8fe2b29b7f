"""Passwords that nobody chooses. Pure."""

from __future__ import annotations

import secrets

RANDOM_BYTES = 32
"""256 bits: 43 characters, all of them unreserved in URLs, in shells and in .env files."""


def new_password() -> str:
    """A password from the system's source of randomness: letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(RANDOM_BYTES)
