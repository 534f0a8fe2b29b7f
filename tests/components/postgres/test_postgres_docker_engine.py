from __future__ import annotations

import json
import struct
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import TYPE_CHECKING, Any

import pytest

from components.errors import LocalError
from components.postgres import docker_claim, docker_daemon
from components.postgres.docker_engine import ContainerFacts, VolumeFacts, open_engine
from components.postgres.docker_settings import DockerSettings, Done

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTAINER = {
    "Id": "c1",
    "Name": "/db",
    "Config": {"Labels": {"infra.stack": "dev"}, "Env": ["PG_MAJOR=18", "POSTGRES_USER=infra_admin"]},
    "State": {"Status": "running"},
    "HostConfig": {"PortBindings": {"5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": "15432"}]}},
}
BARE = {"Id": "c2", "Config": {"Labels": None, "Env": None}, "State": {"Status": "created"}, "HostConfig": {}}
ANSWERS: dict[str, Any] = {
    "/version": {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24"},
    "/containers/db/json": CONTAINER,
    "/containers/bare/json": BARE,
    "/volumes/db-data": {"Name": "db-data", "Labels": {"infra.stack": "dev"}},
    "/volumes/bare-data": {"Name": "bare-data", "Labels": None},
    "/containers/json": [],
    "/exec/e1/json": {"ExitCode": 3, "Running": False},
}


class Handler(BaseHTTPRequestHandler):
    """Answers as Docker does, and runs one pretended program: it repeats its first line and complains."""

    protocol_version = "HTTP/1.1"
    server: Daemon

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        """A unix socket has no address."""
        return "unix"

    def do_GET(self) -> None:
        """Look something up."""
        path = "/" + self.path.removeprefix("/v1.41").lstrip("/").partition("?")[0]
        if path == "/_ping":
            self._send(200, b"OK")
        elif path in ANSWERS:
            self._send(200, json.dumps(ANSWERS[path]).encode())
        elif path == "/containers/broken/json":
            self._send(500, b'{"message": "disk on fire"}')
        else:
            self._send(404, b'{"message": "no such thing"}')

    def do_POST(self) -> None:
        """Make or start a program."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        if self.path.endswith("/containers/c1/exec"):
            self._send(201, b'{"Id": "e1"}')
            return
        self.wfile.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        line = self.rfile.readline()
        self.server.typed.append(line)
        self.server.goes_on.wait(60)
        for stream, data in ((1, line), (2, b"ERROR: no\n")):
            self.wfile.write(struct.pack(">BxxxL", stream, len(data)) + data)
        self.close_connection = True

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Daemon(ThreadingMixIn, UnixStreamServer):
    """Docker's daemon, as far as we talk to it."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.typed: list[bytes] = []
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.url = f"unix://{path}"
        super().__init__(str(path), Handler)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A daemon that answers on a socket with a short path."""
    with tempfile.TemporaryDirectory(prefix="infra-") as folder, Daemon(Path(folder) / "docker.sock") as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_daemon_that_answers_is_found(daemon: Daemon) -> None:
    """A ping over the SDK finds the daemon that DOCKER_HOST names."""
    assert docker_daemon.find({"DOCKER_HOST": daemon.url}).address == daemon.url


def test_container_s_facts_are_read(daemon: Daemon) -> None:
    """Label, state, port and major version come from one inspection."""
    with open_engine(daemon.url, {}) as engine:
        found = engine.container("db")
    assert found == ContainerFacts(
        id="c1", labels={"infra.stack": "dev"}, state="running", port=15432, major="18", name="db"
    )


def test_bare_things_have_no_facts(daemon: Daemon) -> None:
    """A container or volume of somebody else, without labels, port and version, is read all the same."""
    with open_engine(daemon.url, {}) as engine:
        assert engine.container("bare") == ContainerFacts(id="c2", labels={}, state="created", port=0, major="")
        assert engine.volume("bare-data") == VolumeFacts(name="bare-data", labels={})


def test_what_is_not_there_is_none(daemon: Daemon) -> None:
    """A missing container or volume is an answer, not an error."""
    with open_engine(daemon.url, {}) as engine:
        assert engine.container("other") is None
        assert engine.volume("other") is None


def test_program_gets_its_input_and_gives_both_streams(daemon: Daemon) -> None:
    """Text goes to standard input and nowhere else; output, errors and the exit code come back apart."""
    with open_engine(daemon.url, {}) as engine:
        done = engine.execute(
            "c1", ["psql", "-f-"], text="secret words\n", environment={"PGOPTIONS": "-c x=y"}, seconds=9
        )
    assert done == Done(exit_code=3, output="secret words\n", errors="ERROR: no\n")
    assert daemon.typed == [b"secret words\n"]
    asked = daemon.bodies[0]
    assert (asked["Cmd"], asked["User"], asked["Env"]) == (["psql", "-f-"], "postgres", ["PGOPTIONS=-c x=y"])
    assert "secret" not in json.dumps(daemon.bodies)


def test_program_that_hangs_is_left_in_time(daemon: Daemon) -> None:
    """A program that does not end keeps nobody waiting."""
    daemon.goes_on.clear()
    with open_engine(daemon.url, {}) as engine, pytest.raises(TimeoutError):
        engine.execute("c1", ["psql"], text="never\n", environment={}, seconds=0.3)
    daemon.goes_on.set()


def test_daemon_s_refusal_becomes_ours(daemon: Daemon) -> None:
    """Whatever the SDK raises crosses as one of our errors, with the daemon's words."""
    with pytest.raises(LocalError, match="disk on fire"), open_engine(daemon.url, {}) as engine:
        engine.container("broken")


def test_claim_is_checked_on_the_daemon_that_is_used(daemon: Daemon) -> None:
    """What is asked before any resource is made goes to the daemon that the plugin will use."""
    settings = DockerSettings(stack="dev", clone="here", container_name="db", port=15432, database="shop", user="clerk")
    docker_claim.claimed_on_this_machine(settings, {"DOCKER_HOST": daemon.url}, docker_claim.Known(recorded=True))
