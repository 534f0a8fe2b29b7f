"""Passwords that nobody chooses."""

from __future__ import annotations

import re

from components.postgres.password import new_password


def test_passwords_need_no_quoting_anywhere() -> None:
    """Every password is long enough and made of characters that URLs, shells and .env files leave alone."""
    for _ in range(200):
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", new_password())


def test_passwords_differ() -> None:
    """No two passwords are the same."""
    assert len({new_password() for _ in range(200)}) == 200
