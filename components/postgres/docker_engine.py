"""The few questions we put to a Docker daemon, on Docker's own SDK. Knows no Pulumi."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import docker
from docker.errors import DockerException, NotFound
from docker.utils import kwargs_from_env
from docker.utils.socket import frames_iter
from requests import RequestException

from components.errors import LocalError
from components.postgres.docker_settings import SERVER_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STDOUT = 1
CALL_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class ContainerFacts:
    """What matters of a container.

    Attributes:
        state: Docker's word, such as `running` or `exited`.
        port: The port of this machine it is configured to publish the server on, 0 for none.
        major: The major version its image says it runs; empty when it does not say.
    """

    id: str
    labels: Mapping[str, str]
    state: str
    port: int
    major: str


@dataclass(frozen=True, kw_only=True)
class VolumeFacts:
    """What matters of a volume."""

    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a program inside a container left behind."""

    exit_code: int
    output: str
    errors: str


class Engine(Protocol):
    """A daemon that can be asked."""

    def container(self, name: str) -> ContainerFacts | None:
        """The container of that name, if there is one."""

    def volume(self, name: str) -> VolumeFacts | None:
        """The volume of that name, if there is one."""

    def execute(self, container_id: str, command: Sequence[str], *, text: str, environment: Mapping[str, str]) -> Done:
        """Run a program in a container, with `text` on its standard input."""


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

    def volume(self, name: str) -> VolumeFacts | None:
        """The volume of that name, if there is one."""
        try:
            found = self._client.inspect_volume(name)
        except NotFound:
            return None
        return VolumeFacts(labels=dict(found.get("Labels") or {}))

    def execute(self, container_id: str, command: Sequence[str], *, text: str, environment: Mapping[str, str]) -> Done:
        """Run a program in a container as its `postgres` account, with `text` on its standard input.

        The program must know by itself where the text ends: half-closed connections do not exist over every transport.
        """
        started = self._client.exec_create(
            container_id, list(command), stdin=True, user="postgres", environment=dict(environment)
        )
        stream: Any = self._client.exec_start(started["Id"], socket=True)
        # The SDK gives a reader on top of the connection, and hangs the response that owns both on it.
        connection = getattr(stream, "_sock", stream)
        response = getattr(stream, "_response", stream)
        with contextlib.closing(connection), contextlib.closing(response):
            connection.sendall(text.encode())
            frames = list(frames_iter(stream, tty=False))  # type: ignore[no-untyped-call] # the SDK is typed from outside
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
    )


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
