"""The search for a cause, on a real server and on one that speaks the protocol by script."""

from __future__ import annotations

import base64
import hashlib
import hmac
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


def _explained(connection: Connection) -> Verdict | None:
    return explain(connection, "127.0.0.1", seconds=10, clock=time.monotonic)


def _at(port: int) -> Connection:
    return Connection(host="127.0.0.1", port=port, database="app", user="me", password="secret", sslmode="disable")


def _message(client: socket.socket) -> bytes:
    (length,) = struct.unpack("!i", client.recv(4))
    return client.recv(length - 4)


def _scram(client: socket.socket, *, password: bytes = b"secret") -> None:
    """Take a proof, whatever it proves, and give that of a server whose password this is."""
    _message(client)
    client.sendall(_request(10, b"SCRAM-SHA-256\0\0"))
    assert client.recv(1) == b"p"
    first = _message(client).rpartition(b"n,,")[2]
    challenge = first.replace(b"n=,", b"") + b"x,s=c2FsdA==,i=4096"
    client.sendall(_request(11, challenge))
    assert client.recv(1) == b"p"
    final = _message(client).partition(b",p=")[0]
    key = hmac.digest(hashlib.pbkdf2_hmac("sha256", password, b"salt", 4096), b"Server Key", "sha256")
    proof = hmac.digest(key, b",".join([first, challenge, final]), "sha256")
    client.sendall(_request(12, b"v=" + base64.b64encode(proof)))


def _request(method: int, content: bytes = b"") -> bytes:
    return b"R" + struct.pack("!ii", 8 + len(content), method) + content


def test_nothing_is_wrong_with_the_right_credentials(postgres: Connection) -> None:
    """The hand-spoken protocol gets as far as a session."""
    assert _explained(postgres) is None


@pytest.mark.parametrize(
    ("answer", "layer", "cause"),
    [
        (b"R" + struct.pack("!ii", 8, 7), Layer.AUTHENTICATION, "something other than a proof of the password"),
        (b"R" + struct.pack("!i", 2), Layer.AUTHENTICATION, "does not speak"),
        (b"S" + struct.pack("!i", 2**30), Layer.AUTHENTICATION, "does not speak"),
        (b"\x15" + struct.pack("!i", 4), Layer.AUTHENTICATION, "does not speak"),
        (b"R", Layer.AUTHENTICATION, "half-way"),
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


def test_a_server_that_does_not_know_the_password_is_told(listen: Listen) -> None:
    """Who takes any proof and gives a wrong one is not the server that the password was made for."""

    def handler(client: socket.socket) -> None:
        _scram(client, password=b"guessed")

    verdict = _explained(_at(listen(handler)))
    assert verdict is not None
    assert verdict.cause == "{host}:{port} cannot prove that it knows the password of {user}"


def test_a_cut_after_the_log_in_is_the_databases(listen: Listen) -> None:
    """A server that lets us in and hangs up has ended in the middle of opening the database."""

    def handler(client: socket.socket) -> None:
        _scram(client)
        client.sendall(_request(0))

    verdict = _explained(_at(listen(handler)))
    assert verdict is not None
    assert verdict.layer is Layer.DATABASE
    assert "half-way" in verdict.cause


def test_silence_after_the_log_in_is_the_databases(listen: Listen) -> None:
    """A server that lets us in and then says nothing is blamed for the database, not the password."""

    def handler(client: socket.socket) -> None:
        _scram(client)
        client.sendall(_request(0))
        client.settimeout(2)
        client.recv(1)

    verdict = explain(_at(listen(handler)), "127.0.0.1", seconds=0.5, clock=time.monotonic)
    assert verdict is not None
    assert verdict.layer is Layer.DATABASE
