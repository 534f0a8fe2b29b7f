"""A client's answers to Postgres' authentication requests: SCRAM-SHA-256, and nothing that gives a password away. Pure.

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

OK, SASL, SASL_CONTINUE, SASL_FINAL = 0, 10, 11, 12
MECHANISM = b"SCRAM-SHA-256"
MOST_ITERATIONS = 1_000_000
"""A server that asks for more keeps the client busy instead of letting it in."""


class MethodError(ValueError):
    """The server asks for what is not answered; `asked` is the number of its method, None for a malformed request."""

    def __init__(self, asked: int | None = None) -> None:
        self.asked = asked
        super().__init__("the server asks for something other than a proof by SCRAM-SHA-256")


class Authentication:
    """One log-in. `done` is set when the server said so, after a proof of each side."""

    def __init__(self, password: str, *, nonce: str | None = None) -> None:
        self.done = False
        self._proven = False
        self._expected = b""
        self._password = password
        self._first = f"n=,r={nonce or secrets.token_urlsafe(18)}"

    def answer(self, request: bytes) -> bytes | None:
        """The content of the password message for the body of an authentication request; None when none is due.

        Raises:
            MethodError: The request is malformed, or for anything but a proof; with no proof asked, that is said, too.
        """
        if len(request) < 4:  # noqa: PLR2004 - a method number has four bytes
            raise MethodError
        (method,), rest = struct.unpack("!i", request[:4]), request[4:]
        if method == SASL_FINAL and self._expected and hmac.compare_digest(rest, self._expected):
            self._proven = True
            return None
        if method == OK and self._proven:
            self.done = True
            return None
        if method == SASL and MECHANISM in rest.split(b"\0"):
            message = f"n,,{self._first}".encode()
            return MECHANISM + b"\0" + struct.pack("!i", len(message)) + message
        if method == SASL_CONTINUE:
            try:
                return self._proof(rest)
            except ValueError:
                raise MethodError from None
        raise MethodError(method)

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
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self._expected = b"v=" + base64.b64encode(hmac.digest(server_key, signed, "sha256"))
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(key ^ mask for key, mask in zip(client_key, signature, strict=True))
        return final + b",p=" + base64.b64encode(proof)
