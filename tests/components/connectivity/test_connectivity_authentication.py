"""Answers to authentication requests, held to the standard's own examples."""

from __future__ import annotations

import hashlib
import struct

import pytest

from components.connectivity.authentication import Authentication


def _request(method: int, content: bytes = b"") -> bytes:
    return struct.pack("!i", method) + content


def test_scram_gives_the_proof_of_rfc_7677() -> None:
    """The exchange of RFC 7677, section 3, with the user name that Postgres leaves out put back in."""
    login = Authentication("user", "pencil", nonce="rOprNGfwEbeRWgbNEkqO")
    login._first = "n=user,r=rOprNGfwEbeRWgbNEkqO"
    first = login.answer(_request(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"))
    assert first == b"SCRAM-SHA-256\0" + struct.pack("!i", 32) + b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert login.answer(_request(11, challenge)) == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert login.answer(_request(12, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")) is None
    assert not login.done
    assert login.answer(_request(0)) is None
    assert login.done


def test_older_methods_are_answered() -> None:
    """Clear text is the password itself; MD5 hides what the server keeps, md5(password user), behind its salt."""
    login = Authentication("me", "secret")
    kept = hashlib.md5(b"secretme", usedforsecurity=False).hexdigest()
    answer = hashlib.md5(kept.encode() + b"salt", usedforsecurity=False).hexdigest()
    assert login.answer(_request(3)) == b"secret\0"
    assert login.answer(_request(5, b"salt")) == f"md5{answer}\0".encode()


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\0\0",
        _request(7),
        _request(10, b"OAUTHBEARER\0\0"),
        _request(11, b"nonsense"),
        _request(11, b"r=x,s=W22Z,i=0"),
        _request(11, b"r=x,s=W22Z,i=99999999"),
        _request(11, b"r=x,s=!,i=many"),
    ],
)
def test_what_cannot_be_answered_is_refused(request_: bytes) -> None:
    """Unknown methods, malformed challenges and absurd iteration counts are errors, not work."""
    with pytest.raises(ValueError, match=r".+"):
        Authentication("me", "secret").answer(request_)
