"""A client's answers to Postgres' authentication requests: clear text, MD5 and SCRAM-SHA-256. Pure.

Numbers and layouts are those of the protocol's documentation ("Message Formats", RFC 5802, RFC 7677). Only the probe's
search for a cause uses this; sessions that count go through libpq.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
import unicodedata

OK, CLEAR_TEXT, MD5, SASL, SASL_CONTINUE, SASL_FINAL = 0, 3, 5, 10, 11, 12
MECHANISM = b"SCRAM-SHA-256"
MOST_ITERATIONS = 1_000_000
"""A server that asks for more keeps the client busy instead of letting it in."""


class Authentication:
    """One log-in. `done` is set when the server said so."""

    def __init__(self, user: str, password: str, *, nonce: str | None = None) -> None:
        self.done = False
        self._user = user.encode()
        self._password = password
        self._first = f"n=,r={nonce or secrets.token_urlsafe(18)}"

    def answer(self, request: bytes) -> bytes | None:
        """The content of the password message for the body of an authentication request; None when none is due.

        Raises:
            ValueError: The request is malformed, or asks for a method that is not spoken here.
        """
        if len(request) < 4:  # noqa: PLR2004 - a method number has four bytes
            raise ValueError("the request is too short")
        (method,), rest = struct.unpack("!i", request[:4]), request[4:]
        if method in {OK, SASL_FINAL}:  # The server's own proof is libpq's to check.
            self.done = method == OK
            return None
        if method == CLEAR_TEXT:
            return self._password.encode() + b"\0"
        if method == MD5:
            inner = _md5(self._password.encode() + self._user)
            return b"md5" + _md5(inner + rest[:4]) + b"\0"
        if method == SASL and MECHANISM in rest.split(b"\0"):
            message = f"n,,{self._first}".encode()
            return MECHANISM + b"\0" + struct.pack("!i", len(message)) + message
        if method == SASL_CONTINUE:
            return self._proof(rest)
        raise ValueError(f"the server asks for authentication method {method}")

    def _proof(self, challenge: bytes) -> bytes:
        fields = dict(field.split(b"=", 1) for field in challenge.split(b",") if b"=" in field)
        if not {b"r", b"s", b"i"} <= fields.keys() or not 0 < int(fields[b"i"]) <= MOST_ITERATIONS:
            raise ValueError("the server's SCRAM challenge is malformed")
        # RFC 4013 for what passwords hold in practice; libpq's full tables only differ in characters nobody can type.
        password = unicodedata.normalize("NFKC", self._password).encode()
        salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(fields[b"s"]), int(fields[b"i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        final = b"c=biws,r=" + fields[b"r"]
        signed = b",".join([self._first.encode(), challenge, final])
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(key ^ mask for key, mask in zip(client_key, signature, strict=True))
        return final + b",p=" + base64.b64encode(proof)


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).hexdigest().encode()
