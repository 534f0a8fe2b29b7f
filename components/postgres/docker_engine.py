"""The few questions we put to a Docker daemon, on Docker's own SDK. Knows no Pulumi."""

from __future__ import annotations

import contextlib
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import docker
from docker.errors import DockerException, NotFound
from docker.utils import kwargs_from_env
from requests import RequestException

from components.errors import LocalError
from components.postgres.docker_settings import DATA_MOUNT, SERVER_PORT, STACK_LABEL, STOP_SECONDS, Done

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STDOUT = 1
HEADER = struct.Struct(">BxxxL")
CALL_SECONDS = 30
REMOVE_SECONDS = STOP_SECONDS + CALL_SECONDS
"""How long the daemon may be silent while it ends a container."""
LEAST_SECONDS = 0.1

PULL_SECONDS = 600
"""How long the daemon may be silent while it downloads an image."""


@dataclass(frozen=True, kw_only=True)
class ContainerFacts:
    """What matters of a container.

    Attributes:
        state: Docker's word, such as `running` or `exited`.
        port: The port of this machine it is configured to publish the server on, 0 for none.
        major: The major version its image says it runs; empty when it does not say.
        name: Its name.
        volume: The volume where Postgres keeps its data; empty for none.
    """

    id: str
    labels: Mapping[str, str]
    state: str
    port: int
    major: str
    name: str = ""
    volume: str = ""


@dataclass(frozen=True, kw_only=True)
class VolumeFacts:
    """What matters of a volume."""

    name: str = ""
    labels: Mapping[str, str]


class Engine(Protocol):
    """A daemon that can be asked."""

    def container(self, name: str) -> ContainerFacts | None:
        """The container of that name, if there is one."""

    def containers(self, stack: str) -> Sequence[ContainerFacts]:
        """The containers that carry the label of this stack, whatever state they are in."""

    def volume(self, name: str) -> VolumeFacts | None:
        """The volume of that name, if there is one."""

    def volumes(self, stack: str) -> Sequence[VolumeFacts]:
        """The volumes that carry the label of this stack."""

    def remove(self, container_id: str) -> None:
        """End a container cleanly, and remove it. Its named volume stays."""

    def remove_volume(self, name: str) -> None:
        """Remove a volume with its data."""


class Runner(Protocol):
    """A daemon that runs programs in containers."""

    def container(self, name: str) -> ContainerFacts | None:
        """The container of that name, if there is one."""

    def resume(self, container_id: str) -> None:
        """Let a paused container run on."""

    def execute(
        self, container_id: str, command: Sequence[str], *, text: str, environment: Mapping[str, str], seconds: float
    ) -> Done:
        """Run a program in a container, with `text` on its standard input.

        Raises:
            TimeoutError: It did not end within so many seconds.
        """


class DockerEngine:
    """A real daemon."""

    def __init__(self, client: docker.APIClient) -> None:
        self._client = client

    def ping(self) -> None:
        """Ask whether it is there."""
        self._client.ping()

    def container(self, name: str) -> ContainerFacts | None:
        """The container of that name, if there is one."""
        try:
            found = self._client.inspect_container(name)
        except NotFound:
            return None
        return container_facts(found)

    def containers(self, stack: str) -> Sequence[ContainerFacts]:
        """The containers that carry the label of this stack, whatever state they are in."""
        found = self._client.containers(all=True, filters={"label": f"{STACK_LABEL}={stack}"})
        return [facts for one in found if (facts := self.container(one["Id"]))]

    def volume(self, name: str) -> VolumeFacts | None:
        """The volume of that name, if there is one."""
        try:
            found = self._client.inspect_volume(name)
        except NotFound:
            return None
        return VolumeFacts(name=name, labels=dict(found.get("Labels") or {}))

    def volumes(self, stack: str) -> Sequence[VolumeFacts]:
        """The volumes that carry the label of this stack."""
        found = self._client.volumes(filters={"label": f"{STACK_LABEL}={stack}"}).get("Volumes") or []
        return [VolumeFacts(name=one["Name"], labels=dict(one.get("Labels") or {})) for one in found]

    def resume(self, container_id: str) -> None:
        """Let a paused container run on."""
        self._client.unpause(container_id)

    def remove(self, container_id: str) -> None:
        """End a container cleanly, and remove it. Its named volume stays."""
        with contextlib.suppress(NotFound):
            self._client.stop(container_id, timeout=STOP_SECONDS)
            self._client.remove_container(container_id, force=True)

    def remove_volume(self, name: str) -> None:
        """Remove a volume with its data."""
        with contextlib.suppress(NotFound):
            self._client.remove_volume(name)

    def has_image(self, image: str) -> bool:
        """Whether the image is on this machine."""
        try:
            self._client.inspect_image(image)  # type: ignore[no-untyped-call] # the SDK is typed from outside
        except NotFound:
            return False
        return True

    def pull(self, image: str) -> None:
        """Download an image."""
        for line in self._client.pull(image, stream=True, decode=True):
            if line.get("error"):
                raise DockerException(line["error"])

    def execute(
        self, container_id: str, command: Sequence[str], *, text: str, environment: Mapping[str, str], seconds: float
    ) -> Done:
        """Run a program in a container as its `postgres` account, with `text` on its standard input.

        The program must know by itself where the text ends: half-closed connections do not exist over every transport.

        Raises:
            TimeoutError: It did not end within so many seconds.
        """
        deadline = time.monotonic() + seconds
        started = self._client.exec_create(
            container_id, list(command), stdin=True, user="postgres", environment=dict(environment)
        )
        stream: Any = self._client.exec_start(started["Id"], socket=True)
        # The SDK gives a reader on top of the connection, and hangs the response that owns both on it.
        connection = getattr(stream, "_sock", stream)
        response = getattr(stream, "_response", stream)
        with contextlib.closing(connection), contextlib.closing(response):
            connection.settimeout(max(seconds, LEAST_SECONDS))
            connection.sendall(text.encode())
            frames = list(_frames(connection, deadline))
        return Done(
            exit_code=int(self._client.exec_inspect(started["Id"])["ExitCode"] or 0),
            output=_joined(frames, of_output=True),
            errors=_joined(frames, of_output=False),
        )


def container_facts(found: Mapping[str, Any]) -> ContainerFacts:
    """Read what `inspect` says of a container."""
    bindings = (found["HostConfig"].get("PortBindings") or {}).get(f"{SERVER_PORT}/tcp") or [{}]
    said = dict(line.partition("=")[::2] for line in found["Config"].get("Env") or [])
    return ContainerFacts(
        id=found["Id"],
        labels=dict(found["Config"].get("Labels") or {}),
        state=found["State"]["Status"],
        port=int(bindings[0].get("HostPort") or 0),
        major=said.get("PG_MAJOR", ""),
        name=str(found.get("Name") or "").removeprefix("/"),
        volume=next(
            (one.get("Name") or "" for one in found.get("Mounts") or () if one["Destination"] == DATA_MOUNT), ""
        ),
    )


def _frames(connection: Any, deadline: float) -> Iterator[tuple[int, bytes]]:
    """What a program prints, stream by stream; the SDK's own reader waits without end.

    Source: https://docs.docker.com/reference/api/engine/ ("Stream format" of ContainerAttach).
    """
    while header := _exactly(connection, HEADER.size, deadline):
        stream, size = HEADER.unpack(header)
        yield stream, _exactly(connection, size, deadline)


def _exactly(connection: Any, size: int, deadline: float) -> bytes:
    """So many bytes, or nothing where the connection has ended before."""
    found = b""
    while len(found) < size:
        connection.settimeout(max(deadline - time.monotonic(), LEAST_SECONDS))
        chunk = connection.recv(size - len(found))
        if not chunk:
            return b""
        found += chunk
    return found


def _joined(frames: Sequence[tuple[int, bytes]], *, of_output: bool) -> str:
    return b"".join(data for stream, data in frames if (stream == STDOUT) is of_output).decode(errors="replace")


@contextlib.contextmanager
def open_engine(
    address: str, environment: Mapping[str, str], *, timeout_seconds: int = CALL_SECONDS
) -> Iterator[DockerEngine]:
    """A connection to the daemon at `address`; TLS for `tcp` comes from the environment, as Docker's tools read it.

    Raises:
        LocalError: The daemon does not answer, or refuses what is asked inside the `with`.
    """
    reason = ""
    with contextlib.ExitStack() as stack:
        try:
            settings = kwargs_from_env(environment={**environment, "DOCKER_HOST": address})
            client = docker.APIClient(**settings, timeout=timeout_seconds)
            stack.callback(client.close)
            yield DockerEngine(client)
        except (DockerException, RequestException) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if reason:
        raise LocalError(
            f"the Docker daemon at {address} did not do what it was asked: {reason}",
            next_step="look at `docker info` and at the daemon's log",
        )
