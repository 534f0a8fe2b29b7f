"""Real servers for the tests of this room: each in a folder of its own, stopped and removed afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from components.postgres.server import folder, lifecycle, process
from components.postgres.server.folder import Layout
from components.postgres.server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from components.postgres.server.lifecycle import Report

PASSWORD = "correct-horse-battery"

MEMORY = Path("/dev/shm")  # noqa: S108 - only a folder made by mkdtemp is used
NEEDED_BYTES = 4 * 2**30
CLOSING_SECONDS = 120


@pytest.fixture(scope="session")
def enterable() -> Iterator[Path]:
    """A folder that an account without rights may enter, also when root runs the tests."""
    made = Path(tempfile.mkdtemp(prefix=f"{Path(tempfile.gettempdir()).name}-", dir="/tmp")).resolve()
    made.chmod(0o755)
    yield made
    clean(made)


@pytest.fixture(scope="session")
def servers(enterable: Path) -> Iterator[Path]:
    """Where servers live: in memory where there is room, because their many small syncs are most of the tests' time."""
    if not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > NEEDED_BYTES):
        yield enterable
        return
    made = Path(tempfile.mkdtemp(prefix=f"{Path(tempfile.gettempdir()).name}-", dir=MEMORY))
    made.chmod(0o755)
    yield made
    clean(made)


@pytest.fixture
def place(servers: Path) -> Iterator[Path]:
    """A folder for one test's servers."""
    made = Path(tempfile.mkdtemp(dir=servers))
    made.chmod(0o755)
    yield made
    clean(made)


@pytest.fixture
def settings(place: Path) -> ServerSettings:
    """A server to be in the test's folder."""
    (place / "clone").mkdir()
    return make_settings(place)


def make_settings(place: Path) -> ServerSettings:
    """The declaration of a server in `place`."""
    return ServerSettings(
        stack="dev",
        project_folder=str(place / "clone"),
        data_folder=str(place / "server"),
        database="app",
        user="app",
        password=PASSWORD,
    )


@pytest.fixture(scope="session")
def template(servers: Path) -> Path:
    """A server's folder, made once and stopped: a copy of it starts much faster than a new one."""
    base = servers / "template"
    (base / "clone").mkdir(parents=True)
    report = lifecycle.ensure(make_settings(base))
    halt(report.folder)
    return report.folder


@pytest.fixture
def stopped(template: Path, settings: ServerSettings) -> ServerSettings:
    """The declaration of a server that exists and is stopped, with a port of its own to come."""
    copy_server(template, settings)
    return settings


@pytest.fixture
def running(stopped: ServerSettings) -> tuple[ServerSettings, Report]:
    """A server that runs."""
    return stopped, lifecycle.ensure(stopped)


@pytest.fixture(scope="session")
def shared(template: Path, servers: Path) -> tuple[ServerSettings, Report]:
    """A server for tests that only talk to it."""
    base = servers / "shared"
    (base / "clone").mkdir(parents=True)
    settings = make_settings(base)
    copy_server(template, settings)
    return settings, lifecycle.ensure(settings)


@pytest.fixture
def connect(running: tuple[ServerSettings, Report]) -> Callable[[], psycopg.Connection]:
    """Open sessions on the test's own server, as the app."""
    settings, report = running
    return lambda: psycopg.connect(url(settings, report.port), autocommit=True)


@pytest.fixture
def database(shared: tuple[ServerSettings, Report]) -> Iterator[str]:
    """The connection string of a new database on the shared server."""
    settings, report = shared
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(url(settings, report.port), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield url(dataclasses.replace(settings, database=name), report.port)
        _drop(connection, name)


def _drop(connection: psycopg.Connection, name: str) -> None:
    """Drop a database with its sessions; those of other roles, which its owner may not end, are waited for."""
    end = time.monotonic() + CLOSING_SECONDS
    while True:
        try:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


def freeze(root: Path) -> None:
    """Stop every process of a server where it is (SIGSTOP): it keeps its port and its sessions, and answers nothing."""
    server = process.find(Layout(root=root))
    assert server
    for one in (server.process, *server.process.children(recursive=True)):
        one.suspend()


def url(settings: ServerSettings, port: int) -> str:
    """The connection string of a test's server."""
    return f"postgresql://{settings.user}:{settings.password}@127.0.0.1:{port}/{settings.database}?sslmode=disable"


def copy_server(source: Path, settings: ServerSettings) -> None:
    """Copy a stopped server's folder, with owners and modes, and make it the one of `settings`."""
    layout = Layout(root=Path(settings.data_folder))
    subprocess.run(["cp", "-a", source, layout.root], check=True)
    mark = folder.read_mark(layout)
    assert mark
    folder.write_mark(layout, dataclasses.replace(mark, project=str(settings.project_folder), port=0))


def clean(made: Path) -> None:
    """Stop every server below a folder and remove it."""
    for notes in made.glob("**/postmaster.pid"):
        halt(notes.parent.parent)
    shutil.rmtree(made, ignore_errors=True)


def halt(root: Path) -> None:
    """Stop the server of a folder, however it is."""
    layout = Layout(root=root)
    server = process.find(layout)
    if server is not None:
        with contextlib.suppress(Exception):
            process.stop(layout, server)
