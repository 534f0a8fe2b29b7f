"""The first messages of Postgres' protocol, as far as whoever stands between client and server must know them. Pure.

Source: PostgreSQL 18, chapter "Frontend/Backend Protocol", sections "Message Flow" and "Message Formats".
"""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sandbox.errors import SandboxError

CANCEL_REQUEST, SSL_REQUEST, GSS_REQUEST = 80877102, 80877103, 80877104
"""What stands where a start-up message has its protocol version."""
PROTOCOL_MAJOR = 3
NUMBER_BYTES = 4
HEAD_BYTES = 2 * NUMBER_BYTES
"""A first message begins with its length, which counts itself, and a code."""
LONGEST_START = 10_000
"""Postgres' own limit."""
TLS_HANDSHAKE = b"\x16"
"""The first byte of a client that begins with TLS instead of asking for it (`sslnegotiation=direct`)."""
ALPN = "postgresql"

INVALID_AUTHORIZATION, INVALID_PASSWORD, NO_DATABASE = "28000", "28P01", "3D000"
REJECTED, PROTOCOL_VIOLATION, SHUTDOWN, CANNOT_CONNECT_NOW = "08004", "08P01", "57P01", "57P03"
INTERNAL_ERROR = "XX000"


class RefusalError(SandboxError):
    """The client is told this, in Postgres' words, and the connection ends."""

    def __init__(self, sqlstate: str, message: str) -> None:
        self.sqlstate = sqlstate
        super().__init__(message)


@dataclass(frozen=True, kw_only=True)
class Head:
    """The first eight bytes: how many follow, and what they are."""

    code: int
    rest: int

    @classmethod
    def of(cls, head: bytes) -> Head:
        """Read them.

        Raises:
            RefusalError: No client of Postgres says that.
        """
        length, code = (int.from_bytes(head[start : start + NUMBER_BYTES]) for start in (0, NUMBER_BYTES))
        if not HEAD_BYTES <= length <= LONGEST_START:
            raise RefusalError(PROTOCOL_VIOLATION, "invalid length of startup packet")
        return cls(code=code, rest=length - HEAD_BYTES)


@dataclass(frozen=True, kw_only=True)
class Startup:
    """A start-up message: the protocol's version, and parameters such as `user`; text of any encoding."""

    version: int
    parameters: dict[str, str]

    @classmethod
    def of(cls, code: int, rest: bytes) -> Startup:
        """Read it.

        Raises:
            RefusalError: Another protocol, or parameters without an end.
        """
        if code >> 16 != PROTOCOL_MAJOR:
            text = f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}: server supports 3.0 to 3.2"
            raise RefusalError(PROTOCOL_VIOLATION, text)
        words = rest.decode("utf-8", "surrogateescape").split("\0")
        if len(words) % 2 or words[-2:] != ["", ""]:
            raise RefusalError(PROTOCOL_VIOLATION, "invalid startup packet layout: expected terminator as last byte")
        return cls(version=code, parameters=dict(zip(words[:-2:2], words[1:-2:2], strict=True)))

    def message(self) -> bytes:
        """The bytes to send."""
        words = [word for pair in self.parameters.items() for word in pair]
        rest = "".join(f"{word}\0" for word in [*words, ""]).encode("utf-8", "surrogateescape")
        return first_message(self.version, rest)


def first_message(code: int, rest: bytes) -> bytes:
    """A message of the kind that begins a connection."""
    return (len(rest) + HEAD_BYTES).to_bytes(NUMBER_BYTES) + code.to_bytes(NUMBER_BYTES) + rest


def message(kind: bytes, body: bytes) -> bytes:
    """A message of the kind that follows."""
    return kind + (len(body) + NUMBER_BYTES).to_bytes(NUMBER_BYTES) + body


def fatal(refusal: RefusalError) -> bytes:
    """The error that ends a session."""
    fields = {"S": "FATAL", "V": "FATAL", "C": refusal.sqlstate, "M": refusal.message}
    return message(b"E", "".join(f"{field}{text}\0" for field, text in fields.items()).encode() + b"\0")
