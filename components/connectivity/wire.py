"""Why a log-in failed: the first steps of Postgres' protocol, spoken by hand on one socket.

A driver tells a failed log-in in prose, in the server's language and with parts of the connection string. The protocol
itself carries a SQLSTATE, and each layer fails at its own step.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from components.connectivity.authentication import Authentication, MethodError
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
