"""Why a log-in failed: the first steps of Postgres' protocol, spoken by hand on one socket.

A driver tells a failed log-in in prose, in the server's language and with parts of the connection string. The protocol
itself carries a SQLSTATE, and each layer fails at its own step. Authentication requests are answered with proofs by
SCRAM-SHA-256, and with nothing that gives a password away.

Numbers and layouts are those of the protocol's documentation ("Message Formats", RFC 5802, RFC 7677). Only the search
for a cause uses this; sessions that count go through libpq.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import hmac
import secrets
import socket
import ssl
import struct
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from components.connectivity.report import Layer
from components.connectivity.verdicts import (
    CUT,
    NOT_POSTGRES,
    TIMEOUTS,
    TLS_REFUSED,
    Verdict,
    VerdictError,
    of_method,
    of_socket_error,
    of_sqlstate,
    of_tls_error,
)
from components.libpq import tls_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.connection import Connection

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
PROTOCOL_3 = 196608
LENGTH_BYTES, LONGEST_MESSAGE = 4, 64 * 1024
"""A message's length counts itself; no server says more than this before it is ready, so what does is not Postgres."""
OK, SASL, SASL_CONTINUE, SASL_FINAL = 0, 10, 11, 12
MECHANISM = b"SCRAM-SHA-256"
MOST_ITERATIONS = 1_000_000
"""A server that asks for more keeps the client busy instead of letting it in."""


def explain(connection: Connection, address: str, *, seconds: float, clock: Callable[[], float]) -> Verdict | None:
    """Walk up the layers until one fails; its verdict, or None when all of them let us in.

    Raises:
        ConfigurationError: There are no certificates here to verify the server's by.
    """
    with contextlib.closing(_Walk(connection, deadline=clock() + seconds, clock=clock)) as walk:
        try:
            walk.connect(address)
            walk.encrypt()
            walk.log_in()
        except VerdictError as error:
            return error.verdict
        except TimeoutError:
            return TIMEOUTS[walk.layer]
        except ssl.SSLError as error:
            return of_tls_error(error)
        except OSError as error:
            # Until the other side has said a byte, what is cut is no more than a TCP connection.
            return replace(CUT, layer=walk.layer) if walk.heard else of_socket_error(error)
    return None


class _Walk:
    """One socket on its way up; `layer` is the one it is in, `heard` whether the other side has said anything."""

    def __init__(self, connection: Connection, *, deadline: float, clock: Callable[[], float]) -> None:
        self.layer = Layer.TCP
        self.heard = False
        self._connection = connection
        self._deadline = deadline
        self._clock = clock
        self._socket = socket.socket()

    def close(self) -> None:
        self._socket.close()

    def connect(self, address: str) -> None:
        self._socket.close()
        self._socket = socket.create_connection((address, self._connection.port), timeout=self._remaining())

    def encrypt(self) -> None:
        if not self._connection.verified:
            return
        self.layer = Layer.TLS
        self._send(SSL_REQUEST)
        answer = self._receive(1)
        if answer == b"E":  # What a server says that cannot even start a session process.
            raise VerdictError(of_sqlstate(_sqlstate(self._body())))
        if answer != b"S":
            raise VerdictError(TLS_REFUSED if answer == b"N" else NOT_POSTGRES)
        self._socket.settimeout(self._remaining())
        self._socket = tls_context().wrap_socket(self._socket, server_hostname=self._connection.host)

    def log_in(self) -> None:
        self.layer = Layer.AUTHENTICATION
        user, database = self._connection.user, self._connection.database
        pairs = f"user\0{user}\0database\0{database}\0client_encoding\0UTF8\0\0".encode()
        self._send(struct.pack("!ii", len(pairs) + 8, PROTOCOL_3) + pairs)
        authentication = Authentication(self._connection.password)
        while True:
            kind, body = self._receive(1), self._body()
            if kind == b"E":
                raise VerdictError(of_sqlstate(_sqlstate(body)))
            if kind == b"Z":
                self._send(b"X" + struct.pack("!i", 4))
                return
            if kind == b"R":
                self._authenticate(authentication, body)
            elif not kind.isalpha():
                raise VerdictError(replace(NOT_POSTGRES, layer=self.layer))

    def _authenticate(self, authentication: Authentication, request: bytes) -> None:
        try:
            answer = authentication.answer(request)
        except MethodError as error:
            raise VerdictError(of_method(error.asked)) from None
        if authentication.done:
            self.layer = Layer.DATABASE
        if answer is not None:
            self._send(b"p" + struct.pack("!i", len(answer) + 4) + answer)

    def _send(self, content: bytes) -> None:
        self._socket.settimeout(self._remaining())
        self._socket.sendall(content)

    def _body(self) -> bytes:
        (length,) = struct.unpack("!i", self._receive(LENGTH_BYTES))
        if not LENGTH_BYTES <= length <= LONGEST_MESSAGE:
            raise VerdictError(replace(NOT_POSTGRES, layer=self.layer))
        return self._receive(length - LENGTH_BYTES)

    def _receive(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            self._socket.settimeout(self._remaining())
            piece = self._socket.recv(size - len(content))
            if not piece:
                raise ConnectionResetError(errno.ECONNRESET, "closed by the other side")
            self.heard = True
            content += piece
        return content

    def _remaining(self) -> float:
        return max(0.001, self._deadline - self._clock())


def _sqlstate(error: bytes) -> str:
    """The code in the body of an ErrorResponse: fields of one letter, a text and a zero byte."""
    return next((field[1:].decode("ascii", "replace") for field in error.split(b"\0") if field[:1] == b"C"), "")


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
