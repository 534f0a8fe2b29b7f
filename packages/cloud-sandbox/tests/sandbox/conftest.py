"""One real Postgres for the tests of this folder, branches on it, and a gateway in front."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from cloud_sandbox import authority
from cloud_sandbox.xata.databases import Holds, role_of
from cloud_sandbox.xata.gateway.hosts import Hosts
from cloud_sandbox.xata.gateway.server import Gateway
from cloud_sandbox.xata.postgres import BranchDatabases, Manager
from tests.sandbox.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud_sandbox.xata.gateway.server import State

MEMORY = Path("/dev/shm")  # noqa: S108 - only a folder made by mkdtemp is used
OPEN_TO_ALL = Path("/tmp")  # noqa: S108 - the same
NEEDED_BYTES = 2 * 2**30
DIGITS = "0123456789abcdefghijklmnopqrstuv"
REGION = "us-east-1"
WAIT_SECONDS = 30


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """A folder that an account without rights may enter, in memory where there is room."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > NEEDED_BYTES
    made = Path(
        tempfile.mkdtemp(prefix=f"{Path(tempfile.gettempdir()).name}-", dir=MEMORY if roomy else OPEN_TO_ALL)
    ).resolve()
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def manager(postgres_folder: Path) -> Iterator[Manager]:
    """The manager's account on a running server."""
    server = Postgres(postgres_folder / "shared")
    yield server.manager
    server.stop()


@dataclass
class Branches:
    """Branches of one test: all of them are dropped after it."""

    manager: Manager
    holds: Holds
    databases: BranchDatabases
    passwords: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def new_id() -> str:
        """An id as the service makes them."""
        return secrets.choice(DIGITS[10:]) + "".join(secrets.choice(DIGITS) for _ in range(25))

    def create(self, parent_id: str | None = None) -> str:
        """Make a branch and answer its id."""
        branch_id = self.new_id()
        self.passwords[branch_id] = secrets.token_hex(16)
        self.databases.create(branch_id, parent_id=parent_id, password=self.passwords[branch_id])
        return branch_id

    def connect(self, branch_id: str, *, database: str = "", password: str = "") -> psycopg.Connection[Any]:
        """Open a session as a branch's role, past the gateway."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.manager.port,
            user=role_of(branch_id),
            password=password or self.passwords[branch_id],
            dbname=database or branch_id,
            sslmode="disable",
            autocommit=True,
        )


@pytest.fixture
def branches(manager: Manager) -> Iterator[Branches]:
    """Branches on the shared server."""
    holds = Holds()
    made = Branches(manager=manager, holds=holds, databases=BranchDatabases(manager, holds=holds, grace_seconds=0.2))
    yield made
    for branch_id in made.passwords:
        made.databases.drop(branch_id)


@dataclass
class FakeRoutes:
    """Branches' states as a test sets them; what is not there is gone. Waking makes a branch ready."""

    states: dict[str, State] = field(default_factory=dict)
    woken: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)

    def route(self, branch_id: str) -> State:
        """As set."""
        return self.states.get(branch_id, "gone")

    def wake(self, branch_id: str) -> None:
        """At once."""
        self.woken.append(branch_id)
        self.states[branch_id] = "ready"

    def touch(self, branch_id: str) -> None:
        """Remember it."""
        self.touched.append(branch_id)


@dataclass
class Entrance:
    """A gateway that runs in a thread of its own."""

    gateway: Gateway
    loop: asyncio.AbstractEventLoop
    routes: FakeRoutes
    branches: Branches
    authority: Path
    port: int

    def host(self, branch_id: str, endpoint: str = "") -> str:
        """A branch's name."""
        return f"{branch_id}{endpoint}.{REGION}.localhost"

    def create(self, parent_id: str | None = None) -> str:
        """Make a branch that is ready."""
        branch_id = self.branches.create(parent_id)
        self.routes.states[branch_id] = "ready"
        return branch_id

    def connect(self, branch_id: str, *, endpoint: str = "", **changes: Any) -> psycopg.Connection[Any]:
        """Open a session as a client of the service does."""
        arguments: dict[str, Any] = {
            "host": self.host(branch_id, endpoint),
            "hostaddr": "127.0.0.1",
            "port": self.port,
            "user": "xata",
            "dbname": "xata",
            "password": self.branches.passwords.get(branch_id, "none"),
            "sslmode": "verify-full",
            "sslrootcert": str(self.authority),
            "connect_timeout": WAIT_SECONDS,
            "autocommit": True,
        }
        return psycopg.connect(**{**arguments, **changes})

    def end(self, branch_id: str) -> None:
        """End a branch's sessions."""
        self.loop.call_soon_threadsafe(self.gateway.end, branch_id)


@pytest.fixture
def entrance(branches: Branches, tmp_path: Path) -> Iterator[Entrance]:
    """A gateway in front of the shared server, that holds connections for five seconds."""
    hosts = Hosts(domain="localhost", regions=[REGION, "eu-central-1"])
    certificates = authority.ensure(tmp_path / "sandbox", hosts.certified)
    routes = FakeRoutes()
    gateway = Gateway(
        routes=routes,
        postgres=("127.0.0.1", branches.manager.port),
        certificate=certificates.gateway,
        hosts=hosts,
        holds=branches.holds,
        hold_seconds=5,
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="gateway-under-test")
    thread.start()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)  # noqa: FBT003 - that is how the standard library has it
    asyncio.run_coroutine_threadsafe(gateway.start(listening), loop).result(WAIT_SECONDS)
    made = Entrance(gateway, loop, routes, branches, certificates.authority, listening.getsockname()[1])
    yield made
    asyncio.run_coroutine_threadsafe(gateway.stop(), loop).result(WAIT_SECONDS)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(WAIT_SECONDS)
    with contextlib.suppress(RuntimeError):
        loop.close()
