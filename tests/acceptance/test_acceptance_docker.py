"""The developer's database in a container of a real Docker engine, as a user sees it.

Needs, and otherwise skips: a daemon that answers, with the image `postgres:18-alpine`. What brings a container up also
needs the Pulumi CLI and the Docker provider plugin.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import secrets
import socket
import threading
from typing import TYPE_CHECKING, Any

import docker
import psycopg
import pytest

from components.errors import LocalError
from components.postgres import docker_daemon
from components.postgres.choice import Record, write_record
from tests.killing_infra import killed

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clone import Clone

IMAGE = "postgres:18-alpine"
LIFE = 3600
"""Seconds for a test with many runs of the CLI; it says that something hangs, not how fast a machine is."""
CHANGES = re.compile(rb"(?:POST|PUT|DELETE) /")


def _missing() -> str:
    """What is not on this machine, with how to get it; empty when everything is there."""
    try:
        with _client() as client:
            return "" if client.images.list(name=IMAGE) else f"no image {IMAGE} on this machine: docker pull {IMAGE}"
    except LocalError as error:
        return f"{error.message}; {error.next_step}"


def _client() -> contextlib.closing[docker.DockerClient]:
    """Docker's own client, for looking from outside."""
    return contextlib.closing(docker.DockerClient(base_url=docker_daemon.find(os.environ).address))


_MISSING = _missing()
pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(LIFE),
    pytest.mark.skipif(bool(_MISSING), reason=_MISSING or "everything is there"),
]


class Developer:
    """A clone whose dev database is put into Docker, under a name of its own."""

    def __init__(self, clone: Clone) -> None:
        self.clone = clone
        self.name = f"infra-test-{secrets.token_hex(4)}"
        self.configure(containerName=self.name)

    def configure(self, **values: str) -> None:
        """Write the stack's file."""
        written = {"database": "docker", "dataFolder": str(self.clone.folder.parent / "data"), **values}
        lines = "".join(f"  infra:{key}: {value}\n" for key, value in written.items())
        (self.clone.folder / "Pulumi.dev.yaml").write_text(f"config:\n{lines}")

    def infra(self, command: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command on dev."""
        return self.clone.infra(command, "dev", *more, timeout=300, **environment)

    def done(self, command: str, *more: str, **environment: str) -> str:
        """The same of one that has to succeed; answers what it said."""
        answer = self.infra(command, *more, **environment)
        assert answer.returncode == 0, answer.stderr
        return answer.stderr

    def query(self, sql: str) -> list[Any]:
        """Ask the database through the URL in .dev.vars."""
        found = re.search(
            r"^DATABASE_URL=['\"]?([^'\"\n]+)", (self.clone.folder / ".dev.vars").read_text(), re.MULTILINE
        )
        assert found
        with psycopg.connect(found[1], autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def there(self) -> list[str]:
        """The names of this developer's containers and volumes."""
        return sorted([*self._containers(), *self._volumes()])

    def clean(self) -> None:
        """Leave nothing behind."""
        with _client() as client:
            for name in self._containers():
                client.api.remove_container(name, force=True)
            for name in self._volumes():
                client.api.remove_volume(name, force=True)

    def _containers(self) -> list[str]:
        with _client() as client:
            found = [one["Names"][0].removeprefix("/") for one in client.api.containers(all=True)]
        return [name for name in found if self.name in name]

    def _volumes(self) -> list[str]:
        with _client() as client:
            found = client.api.volumes()["Volumes"] or ()
        return [one["Name"] for one in found if self.name in one["Name"]]


@pytest.fixture
def developer(clone: Clone) -> Iterator[Developer]:
    """A developer who cleans up."""
    made = Developer(clone)
    yield made
    made.clean()


class Gate:
    """A way to the daemon that holds back the answer to one of the calls that change something."""

    def __init__(self, folder: Path) -> None:
        self.held = threading.Event()
        self._number, self._count = 0, itertools.count(1)
        self._opened = threading.Event()
        self.path = folder / "docker.sock"
        self._daemon = docker_daemon.find(os.environ).address.removeprefix("unix://")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, number: int) -> None:
        """Hold back the answer to that call from now on; 0 for none."""
        self._opened.set()
        self._number, self._count = number, itertools.count(1)
        self.held.clear()
        self._opened = threading.Event()

    def close(self) -> None:
        """Let nobody through any more."""
        self._opened.set()
        self._end(self._listening)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        stop = threading.Event()
        with client, socket.socket(socket.AF_UNIX) as daemon:
            daemon.connect(self._daemon)
            asking = threading.Thread(target=self._ask, args=(client, daemon, stop), daemon=True)
            asking.start()
            self._answer(daemon, client, stop)
            asking.join()

    def _ask(self, client: socket.socket, daemon: socket.socket, stop: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if CHANGES.match(data) and next(self._count) == self._number:
                    stop.set()
                daemon.sendall(data)
        self._end(client, daemon)

    def _answer(self, daemon: socket.socket, client: socket.socket, stop: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := daemon.recv(65536):
                if stop.is_set():
                    self.held.set()
                    self._opened.wait()
                    break
                client.sendall(data)
        self._end(client, daemon)

    def _end(self, *sockets: socket.socket) -> None:
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def gate(clone: Clone) -> Iterator[Gate]:
    """A way to the daemon."""
    made = Gate(clone.folder.parent)
    yield made
    made.close()


def _cut_off(developer: Developer, gate: Gate, number: int) -> bool:
    """Kill an up, with all its processes, after a call that no answer came to; False when it makes fewer calls."""
    gate.hold(number)
    words = ("up", "dev", "--yes")
    environment = developer.clone.environment(DOCKER_HOST=f"unix://{gate.path}")
    was_killed = killed(gate.held.is_set, developer.clone.folder, words, environment)
    gate.hold(0)
    developer.infra("unlock", "--yes")  # a killed CLI leaves its lock
    return was_killed


def test_destroy_removes_what_a_run_that_was_cut_off_has_left(developer: Developer) -> None:
    """A container with this clone's mark that is in no state goes, and its volume where data are not kept."""
    state = developer.clone.folder / ".infra" / "state"
    state.mkdir(parents=True)
    volume = f"{developer.name}-data"
    record = Record(home="docker", because="test", docker_port=15432, clone="mark", docker_volume=volume)
    write_record(state / "infra-infra-dev.json", record)
    with _client() as client:
        for mark in ("mark", "another"):
            labels = {"infra.stack": "dev", "infra.clone": mark}
            name = developer.name if mark == "mark" else f"{developer.name}-{mark}"
            client.volumes.create(f"{name}-data", labels=labels)
            client.containers.create(IMAGE, name=name, labels=labels, volumes=[f"{name}-data:/var/lib/postgresql"])
    others = [f"{developer.name}-another", f"{developer.name}-another-data"]
    said = developer.done("destroy", "--yes", "--engine", "embedded")
    assert f"the Docker container {developer.name} of a run that was cut off is removed" in said
    assert f"docker volume rm {volume}" in said
    assert developer.there() == [*others, volume]
    developer.configure(containerName=developer.name, retainData="false")
    developer.done("destroy", "--yes", "--engine", "embedded")
    assert developer.there() == others


@pytest.mark.cli
@pytest.mark.parametrize("then", ["up", "destroy"])
def test_an_up_killed_at_any_call_of_the_daemon_is_healed(developer: Developer, gate: Gate, then: str) -> None:
    """Whichever call was the last, the next up ends well, and destroy leaves nothing."""
    developer.configure(containerName=developer.name, retainData="false")
    for number in itertools.count(1):
        if not _cut_off(developer, gate, number):
            break
        if then == "up":
            developer.done("up", "--yes")
            assert developer.query("SELECT 1") == [(1,)]
            assert developer.there() == [developer.name, f"{developer.name}-data"]
        developer.done("destroy", "--yes")
        assert developer.there() == [], number
    assert number > 3
    developer.done("destroy", "--yes")
    assert developer.there() == []


@pytest.mark.cli
def test_data_follow_a_rename_and_are_named_when_the_stack_goes(developer: Developer) -> None:
    """A new containerName is a new container on the same volume, also after a destroy."""
    developer.done("up", "--yes")
    developer.query("CREATE TABLE kept AS SELECT 42 AS answer")
    volume = f"{developer.name}-data"
    developer.configure(containerName=f"{developer.name}-new")
    developer.done("up", "--yes")
    assert developer.query("SELECT answer FROM kept") == [(42,)]
    assert developer.there() == [volume, f"{developer.name}-new"]
    assert f"the data are kept in the Docker volume {volume}" in developer.done("destroy", "--yes")
    developer.done("up", "--yes")
    assert developer.query("SELECT answer FROM kept") == [(42,)]


@pytest.mark.cli
def test_without_a_daemon_every_command_says_so_in_our_words(developer: Developer, tmp_path: Path) -> None:
    """What cannot be planned is refused before the plugin is asked; verify advises what is then accepted."""
    developer.done("up", "--yes")
    gone = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    for command in ("preview", "up", "refresh", "drift", "destroy"):
        refused = developer.infra(command, **gone)
        assert refused.returncode != 0
        assert "native provider" not in refused.stderr
        assert "no Docker daemon answers" in refused.stdout + refused.stderr, command  # drift answers with a report
    developer.configure(database="embedded")
    for command in ("preview", "refresh"):
        refused = developer.infra(command, **gone)
        assert refused.returncode == 3, refused.stderr
        assert "native provider" not in refused.stderr
        assert "./infra up dev --yes" in refused.stderr
    developer.done("up", "--yes", **gone)
    assert developer.there() == [developer.name, f"{developer.name}-data"]
    developer.done("destroy", "--yes")
    assert developer.name not in developer.there()


@pytest.mark.cli
def test_verify_of_a_stopped_container_advises_what_heals_it(developer: Developer) -> None:
    """With the daemon it is up; without, it is the daemon first."""
    developer.done("up", "--yes")
    with _client() as client:
        client.containers.get(developer.name).stop()
    found = developer.infra("verify", "--json")
    (failed,) = [layer for layer in json.loads(found.stdout)["layers"] if layer["ok"] is False]
    assert "./infra up dev" in failed["next"]
    found = developer.infra("verify", "--json", DOCKER_HOST="unix:///nowhere/no.sock")
    (failed,) = [layer for layer in json.loads(found.stdout)["layers"] if layer["ok"] is False]
    assert "./infra up dev" not in failed["next"]
    assert "start Docker" in failed["next"]
    developer.done("up", "--yes")
    developer.done("verify")
