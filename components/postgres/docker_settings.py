"""What the dev database's container is asked to be, and what is refused before anything is touched. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from components.connection import port_reason
from components.declared import Rule, Words
from components.errors import ConfigurationError
from components.postgres.server.settings import (
    SUPERUSER,
    database_reason,
    user_reason,
)

DATA_MOUNT = "/var/lib/postgresql"
"""Where images of Postgres 18 and later keep their data, each major version in a folder of its own below it."""

OLDEST_MAJOR = 18
SERVER_PORT = 5432
STOP_SECONDS = 60
"""How long a container may take to end: a checkpoint of a busy server takes longer than Docker's ten seconds."""

STACK_LABEL = "infra.stack"
"""Containers and volumes without this label belong to somebody else."""

CLONE_LABEL = "infra.clone"
"""Which clone on this machine made them: the mark that each keeps in its record of where the database lives."""

SMALLEST_MEMORY_MEGABYTES = 128
SHARED_MEMORY_MEGABYTES = 128
"""The size of `/dev/shm`, which parallel queries need."""

_CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
_OFFICIAL_IMAGES = frozenset({"postgres", "library/postgres", "docker.io/postgres", "docker.io/library/postgres"})


@dataclass(frozen=True, kw_only=True)
class DockerSettings:
    """One container, judged when it is made.

    Attributes:
        stack: The stack that owns container and volume.
        clone: The mark of the clone that the container is made by.
        container_name: A new volume is named after it.
        volume: The volume that holds the data already; empty for a new one.
        image: The official image of Postgres 18 or later, or one that behaves like it.
        port: On 127.0.0.1. Never 0: a port that changes with every start is no address.
        database: The app's database.
        user: The app's role.
        mount: Where the volume is mounted.
        memory_megabytes: The limit; there is no swap besides.
        retain_data: Whether the volume outlives `destroy`.
        start_timeout_seconds: How long until the container must be healthy.
    """

    stack: str
    clone: str
    container_name: str
    volume: str = ""
    image: str = "postgres:18-alpine"
    port: int
    database: str
    user: str
    mount: str = DATA_MOUNT
    memory_megabytes: int = 512
    retain_data: bool = True
    start_timeout_seconds: int = 90

    def __post_init__(self) -> None:
        problems = {
            "stack": "" if self.stack else "'' is no stack's name",
            "containerName": container_name_reason(self.container_name),
            "dockerImage": image_reason(self.image),
            "port": docker_port_reason(self.port),
            "databaseName": database_reason(self.database),
            "databaseUser": user_reason(self.user),
            "mount": mount_reason(self.mount),
            "memoryMegabytes": _at_least(self.memory_megabytes, SMALLEST_MEMORY_MEGABYTES),
        }
        wrong = {name: reason for name, reason in problems.items() if reason}
        if wrong:
            raise ConfigurationError(
                "\n".join(f"{name}: {reason}" for name, reason in wrong.items()),
                next_step=f"correct {', '.join(wrong)} in the stack's configuration",
            )

    @property
    def volume_name(self) -> str:
        """The named volume that holds the data. It keeps its name when the container gets another: data follow."""
        return self.volume or f"{self.container_name}-data"

    @property
    def labels(self) -> dict[str, str]:
        """What marks container and volume as this stack's, and this clone's."""
        return {STACK_LABEL: self.stack, CLONE_LABEL: self.clone}

    @property
    def environment(self) -> list[str]:
        """What the image's entrypoint reads when it makes a cluster, and never again. No secret stands here.

        The app's role is not the superuser, as it is not on Xata either: it is made once the server runs.
        """
        return [
            "POSTGRES_DB=postgres",
            "POSTGRES_INITDB_ARGS=--auth-local=trust --auth-host=scram-sha-256",
            f"POSTGRES_PASSWORD_FILE={PASSWORD_FILE}",
            f"POSTGRES_USER={SUPERUSER}",
        ]

    @property
    def health_check(self) -> list[str]:
        """Asks over TCP, because while a cluster is being made a temporary server answers on the socket alone."""
        return ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", self.user, "-d", self.database]


PASSWORD_FILE = "/run/pg-password"  # noqa: S105 - the path of a file, not a password


def container_name_reason(name: str) -> str:
    """Why a container cannot have this name; empty when it can."""
    if _CONTAINER_NAME.fullmatch(name):
        return ""
    return f"{name!r} is no container's name; allowed: a letter or digit, then up to 62 letters, digits, _, . and -"


ContainerName = Annotated[str, Rule(container_name_reason), Words("a container's name", "acme-shop-db-dev")]


def docker_port_reason(port: int) -> str:
    """Why a container cannot be published on this port; empty when it can."""
    return "0 must have become a free port before the container is declared" if port == 0 else port_reason(port)


def image_reason(image: str) -> str:
    """Why an image cannot be taken; empty when it can, as far as its name says."""
    repository, tag, digest = _image_parts(image)
    if not repository or image != image.strip() or not image.isprintable() or " " in image:
        return f"{image!r} is no image reference; allowed: such as postgres:18-alpine"
    major = image_major(image)
    if major is not None and repository.rpartition("/")[2] == "postgres" and major < OLDEST_MAJOR:
        return f"{image!r} is Postgres {major}; allowed: {OLDEST_MAJOR} or later, such as postgres:18-alpine"
    if repository in _OFFICIAL_IMAGES and major is None and not digest:
        named = f"its tag {tag!r} names" if tag else "it names"
        return f"{image!r} may become another major version any day: {named} none; allowed: such as postgres:18-alpine"
    return ""


def image_major(image: str) -> int | None:
    """The major version that an image's tag names, if it names one."""
    found = re.match(r"(\d{1,3})(?=$|[.\-_a-z])", _image_parts(image)[1])
    return int(found.group(1)) if found else None


def mount_reason(mount: str) -> str:
    """Why the volume cannot be mounted there; empty when it can."""
    if mount == DATA_MOUNT:
        return ""
    return (
        f"{mount!r} is not where Postgres {OLDEST_MAJOR} and later keep their data; allowed: {DATA_MOUNT} "
        "(elsewhere the data would lie in an anonymous volume, or the container would not start)"
    )


def _image_parts(image: str) -> tuple[str, str, str]:
    """Repository, tag and digest."""
    rest, _, digest = image.partition("@")
    head, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return head + slash + name, tag, digest


def _at_least(megabytes: int, smallest: int) -> str:
    return "" if megabytes >= smallest else f"{megabytes} MB are too few; allowed: {smallest} or more"


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a program inside a container left behind."""

    exit_code: int
    output: str
    errors: str
