"""What a server's answer to a login means."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from components.postgres.server import login
from components.postgres.server.login import Login, LoginResult, attempt

if TYPE_CHECKING:
    from components.postgres.server.lifecycle import Report
    from components.postgres.server.settings import ServerSettings

WRONG = Login(port=1, database="app", user="app", password="wrong-password-here")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('password authentication failed for user "app"', LoginResult.REFUSED),
        ('database "app" does not exist', LoginResult.REFUSED),
        ('role "app" is not permitted to log in', LoginResult.REFUSED),
        ('permission denied for database "app"', LoginResult.REFUSED),
        ("the database system is starting up", LoginResult.NOT_READY),
        ("the database system is shutting down", LoginResult.NOT_READY),
        ("the database system is in recovery mode", LoginResult.NOT_READY),
        ("the database system is not yet accepting connections", LoginResult.NOT_READY),
        ("sorry, too many clients already", LoginResult.OTHER),
        ('too many connections for role "app"', LoginResult.OTHER),
    ],
)
def test_answers_are_told_apart(text: str, answer: LoginResult) -> None:
    """Only a refused login may lead to a restart: a busy server is left alone."""
    assert login._judged(f"connection to server failed: FATAL:  {text}") is answer


@pytest.mark.parametrize("text", ["Connection refused", "server closed the connection unexpectedly", "timeout expired"])
def test_silence_is_no_answer(text: str) -> None:
    """What does not come from a Postgres says only that none is there (yet)."""
    assert login._judged(text) is LoginResult.NOT_READY


def test_a_server_lets_the_app_in(shared: tuple[ServerSettings, Report]) -> None:
    """The right password gets the server's version."""
    settings, report = shared
    right = Login(port=report.port, database="app", user="app", password=settings.password)
    found = attempt(right)
    assert found.answer is LoginResult.LET_IN
    assert found.version.startswith("18.")


@pytest.mark.parametrize(
    ("name", "value"), [("password", "wrong-password-here"), ("user", "stranger"), ("database", "elsewhere")]
)
def test_a_server_refuses_what_it_does_not_know(shared: tuple[ServerSettings, Report], name: str, value: str) -> None:
    """A wrong password, role or database is told as a refusal, without the password."""
    settings, report = shared
    parts = {"database": "app", "user": "app", "password": settings.password, name: value}
    found = attempt(Login(port=report.port, **parts))
    assert found.answer is LoginResult.REFUSED
    assert "wrong-password-here" not in found.text


def test_settings_of_the_environment_do_not_reach_the_server(
    shared: tuple[ServerSettings, Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A developer's PG variables for other servers change nothing."""
    settings, report = shared
    for name, value in {"PGSSLMODE": "verify-full", "PGOPTIONS": "-c nonsense=1", "PGHOSTADDR": "192.0.2.1"}.items():
        monkeypatch.setenv(name, value)
    found = attempt(Login(port=report.port, database="app", user="app", password=settings.password))
    assert found.answer is LoginResult.LET_IN


def test_nobody_listening_is_not_ready() -> None:
    """A closed port is a server that may still come."""
    assert attempt(WRONG).answer is LoginResult.NOT_READY


def test_a_program_that_is_no_postgres_gets_no_password() -> None:
    """Who cannot prove that it knows the password learns nothing about it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        port = server.getsockname()[1]
        heard = b""

        def answer() -> None:
            nonlocal heard
            session, _ = server.accept()
            with session:
                session.recv(1000)
                session.sendall(b"R\0\0\0\x08\0\0\0\x03")  # asks for the password in the clear
                heard = session.recv(1000)

        thread = threading.Thread(target=answer)
        thread.start()
        found = attempt(Login(port=port, database="app", user="app", password="wrong-password-here"))
        thread.join()
    assert found.answer is LoginResult.NOT_READY
    assert heard == b""
