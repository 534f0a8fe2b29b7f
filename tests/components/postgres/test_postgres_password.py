"""Passwords that nobody chooses, and the SCRAM verifier."""

from __future__ import annotations

import base64
import re

import pytest

from components.errors import ConfigurationError
from components.postgres.password import new_password, verifier


def test_verifier_is_the_published_one() -> None:
    """The example of RFC 7677 (user, pencil) gives the keys that follow from it."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    assert verifier("pencil", salt=salt) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_every_verifier_has_a_salt_of_its_own() -> None:
    """Two verifiers of one password differ, so nobody sees that two roles share it."""
    assert verifier("pencil") != verifier("pencil")


@pytest.mark.parametrize("password", ["", "pässword", "line\nbreak", "nul\0", "tab\t"])
def test_a_password_that_could_be_read_in_two_ways_is_refused(password: str) -> None:
    """What RFC 4013 might change is refused, without being quoted."""
    with pytest.raises(ConfigurationError) as caught:
        verifier(password)
    assert "printable ASCII" in str(caught.value)
    assert not password or password not in str(caught.value)


def test_passwords_need_no_quoting_anywhere() -> None:
    """Every password is long enough and made of characters that URLs, shells and .env files leave alone."""
    for _ in range(200):
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", new_password())


def test_passwords_differ() -> None:
    """No two passwords are the same."""
    assert len({new_password() for _ in range(200)}) == 200
