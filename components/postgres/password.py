"""Passwords that nobody chooses, and as Postgres stores them: the SCRAM-SHA-256 verifier of RFC 5802 and 7677. Pure.

A statement that carries the verifier instead of the password leaves nothing worth reading in a server's log.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from components.errors import ConfigurationError

RANDOM_BYTES = 32
"""256 bits: 43 characters, all of them unreserved in URLs, in shells and in .env files."""
ITERATIONS = 4096
"""What Postgres 18 itself uses (`scram_iterations`)."""
SALT_BYTES = 16


def new_password() -> str:
    """A password from the system's source of randomness: letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def verifier(password: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """The text for `ALTER ROLE … PASSWORD '…'` that lets `password` in.

    Only printable ASCII is taken: RFC 4013 leaves such passwords as they are, so client and server cannot disagree on
    the bytes.

    Raises:
        ConfigurationError: The password is empty or holds another character. The password is not quoted.
    """
    if not password or not (password.isascii() and password.isprintable()):
        raise ConfigurationError(
            "the database password must be one or more printable ASCII characters",
            next_step="let the program make the password, or choose one without accents and control characters",
        )
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    server_key = _hmac(salted, b"Server Key")
    return f"SCRAM-SHA-256${iterations}:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}"


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
