"""The search for a cause, on a real server and on one that speaks the protocol by script."""

from __future__ import annotations

import struct
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from components.connection import Connection
from components.connectivity.report import Layer
from components.connectivity.wire import explain

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from components.connectivity.verdicts import Verdict

    Listen = Callable[[Callable[[socket.socket], None]], int]

READY = b"R" + struct.pack("!ii", 8, 0) + b"S" + struct.pack("!i", 8) + b"a\0b\0" + b"Z" + struct.pack("!i", 5) + b"I"


def _explained(connection: Connection) -> Verdict | None:
    return explain(connection, "127.0.0.1", seconds=10, clock=time.monotonic)


def _at(port: int) -> Connection:
    return Connection(host="127.0.0.1", port=port, database="app", user="me", password="secret", sslmode="disable")


def _message(client: socket.socket) -> bytes:
    (length,) = struct.unpack("!i", client.recv(4))
    return client.recv(length - 4)


@pytest.mark.parametrize("sslmode", ["disable", "allow", "prefer"])
def test_nothing_is_wrong_with_the_right_credentials(postgres: Connection, sslmode: str) -> None:
    """The hand-spoken protocol gets as far as a session, with and without an offer of TLS."""
    assert _explained(replace(postgres, sslmode=sslmode)) is None


def test_a_password_in_clear_text_leads_to_a_session(listen: Listen) -> None:
    """A server that asks for the password itself gets it."""
    seen: list[bytes] = []

    def handler(client: socket.socket) -> None:
        _message(client)
        client.sendall(b"R" + struct.pack("!ii", 8, 3))
        assert client.recv(1) == b"p"
        seen.append(_message(client))
        client.sendall(READY)
        client.recv(100)

    assert _explained(_at(listen(handler))) is None
    assert seen == [b"secret\0"]


@pytest.mark.parametrize(
    ("answer", "layer", "cause"),
    [
        (b"R" + struct.pack("!ii", 8, 7), Layer.AUTHENTICATION, "something other than a password"),
        (b"R" + struct.pack("!i", 2), Layer.AUTHENTICATION, "does not speak"),
        (b"S" + struct.pack("!i", 2**30), Layer.AUTHENTICATION, "does not speak"),
        (b"\x15" + struct.pack("!i", 4), Layer.AUTHENTICATION, "does not speak"),
        (b"R", Layer.AUTHENTICATION, "half-way"),
        (READY[:9], Layer.DATABASE, "half-way"),
    ],
)
def test_a_conversation_that_goes_wrong_is_blamed_on_its_step(
    listen: Listen, answer: bytes, layer: Layer, cause: str
) -> None:
    """What is not the protocol, and what ends in its middle, is told as that."""

    def handler(client: socket.socket) -> None:
        _message(client)
        client.sendall(answer)

    verdict = _explained(_at(listen(handler)))
    assert verdict is not None
    assert verdict.layer is layer
    assert cause in verdict.cause


def test_an_error_in_answer_to_the_tls_request_is_read(listen: Listen) -> None:
    """A server too full to start a session answers even the request for TLS with an error."""

    def handler(client: socket.socket) -> None:
        _message(client)
        body = b"SFATAL\0C53300\0Mfull\0\0"
        client.sendall(b"E" + struct.pack("!i", len(body) + 4) + body)

    verdict = _explained(replace(_at(listen(handler)), sslmode="require"))
    assert verdict is not None
    assert (verdict.layer, verdict.retryable) == (Layer.DATABASE, True)


def test_silence_after_the_log_in_is_the_databases(listen: Listen) -> None:
    """A server that lets us in and then says nothing is blamed for the database, not the password."""

    def handler(client: socket.socket) -> None:
        _message(client)
        client.sendall(READY[:9])
        client.settimeout(2)
        client.recv(1)

    verdict = explain(_at(listen(handler)), "127.0.0.1", seconds=0.5, clock=time.monotonic)
    assert verdict is not None
    assert verdict.layer is Layer.DATABASE
