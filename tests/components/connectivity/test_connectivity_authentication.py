"""Answers to authentication requests, held to the standard's own examples."""

from __future__ import annotations

import struct

import pytest

from components.connectivity.wire import Authentication, MethodError


def _request(method: int, content: bytes = b"") -> bytes:
    return struct.pack("!i", method) + content


def test_scram_gives_the_proof_of_rfc_7677() -> None:
    """The exchange of RFC 7677, section 3, plus the user name that Postgres leaves out; each side proves itself."""
    login = Authentication("pencil", nonce="rOprNGfwEbeRWgbNEkqO")
    login._first = "n=user,r=rOprNGfwEbeRWgbNEkqO"
    first = login.answer(_request(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"))
    assert first == b"SCRAM-SHA-256\0" + struct.pack("!i", 32) + b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert login.answer(_request(11, challenge)) == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    with pytest.raises(MethodError):
        login.answer(_request(0))
    with pytest.raises(MethodError):
        login.answer(_request(12, b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="))
    assert login.answer(_request(12, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")) is None
    assert not login.done
    assert login.answer(_request(0)) is None
    assert login.done


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\0\0",
        _request(0),
        _request(3),
        _request(5, b"salt"),
        _request(7),
        _request(12),
        _request(10, b"OAUTHBEARER\0\0"),
        _request(11, b"nonsense"),
        _request(11, b"r=x,s=W22Z,i=0"),
        _request(11, b"r=x,s=W22Z,i=99999999"),
        _request(11, b"r=x,s=!,i=many"),
    ],
)
def test_what_cannot_be_answered_is_refused(request_: bytes) -> None:
    """Whatever is not a proof, malformed challenges and absurd iteration counts are errors, not work."""
    with pytest.raises(MethodError):
        Authentication("secret").answer(request_)
