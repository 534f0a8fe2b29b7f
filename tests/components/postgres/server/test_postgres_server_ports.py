"""Ports: free ones, taken ones, and by whom."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from components.errors import LocalError
from components.postgres.server import ports

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_listening_program_takes_its_port(taken: int) -> None:
    """A port somebody listens on is not free."""
    assert not ports.is_free(taken)


def test_a_program_on_every_address_takes_the_port_too() -> None:
    """Listening on all addresses includes the loopback."""
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - the case under test
        assert not ports.is_free(server.getsockname()[1])


def test_the_free_port_stays_the_same() -> None:
    """A folder gets the same port again, below those for outgoing connections."""
    folder = Path("/data") / os.urandom(8).hex()
    port = ports.free_port(folder)
    assert ports.FIRST_FREE <= port <= ports.LAST_FREE
    assert ports.free_port(folder) == port


def test_the_next_port_is_taken_when_the_first_is_not_free() -> None:
    """A taken port is passed over."""
    folder = Path("/data") / os.urandom(8).hex()
    port = ports.free_port(folder)
    with socket.create_server(("127.0.0.1", port)):
        assert ports.free_port(folder) != port


def test_no_free_port_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """When all are taken the user is asked to name one."""
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    with pytest.raises(LocalError, match="no port between 20000 and 29999 is free"):
        ports.free_port(Path("/data"))


def test_the_message_names_the_program(taken: int) -> None:
    """Who has the port is said with name and process number, and what can be done."""
    error = ports.taken(taken)
    name = psutil.Process().name()
    assert f"port {taken} of 127.0.0.1 is taken by {name} (pid {os.getpid()})" in str(error)
    assert f"stop {name}, or name another port" in error.next_step


def test_a_program_that_cannot_be_seen_is_said_as_such(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems show other users' programs to root alone."""

    def hidden(**_: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", hidden)
    assert "a program of another user" in str(ports.taken(taken))
