"""What may be in the way of the container, looked at before any resource is declared. Knows no Pulumi.

The provider plugin finds a taken name or port only after it has begun, and in its own words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from components.errors import RefusedError
from components.postgres import docker_daemon
from components.postgres.docker_settings import CLONE_LABEL, STACK_LABEL, image_major
from components.postgres.server import ports
from components.postgres.server.settings import SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from components.postgres.docker_engine import ContainerFacts, Engine, VolumeFacts
    from components.postgres.docker_settings import DockerSettings

PORTLESS = frozenset({"created", "exited", "dead"})
"""The states in which a container holds no port of this machine."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What this clone's record knows of the container.

    Attributes:
        recorded: Whether it was made already. One of before there were marks is told by that alone.
        volume: The volume that holds the data; empty while none was chosen.
    """

    recorded: bool
    volume: str = ""


def claimed_on_this_machine(settings: DockerSettings, environment: Mapping[str, str], known: Known) -> DockerSettings:
    """As `claimed`, on the daemon that the provider plugin will use.

    Raises:
        LocalError: No daemon answers, or the port is taken.
        RefusedError: The container, the volume or the data's version is not ours to touch.
    """
    from components.postgres.docker_engine import open_engine  # noqa: PLC0415 - the SDK is slow

    daemon = docker_daemon.find(environment)
    with open_engine(daemon.address, environment) as engine:
        return claimed(settings, engine, known)


def claimed(
    settings: DockerSettings, engine: Engine, known: Known, *, is_free: Callable[[int], bool] = ports.is_free
) -> DockerSettings:
    """Refuse to go on where container, volume or port belong to somebody else. Changes nothing.

    Args:
        settings: The container to be.
        engine: The daemon it will run on.
        known: What this clone's record knows.
        is_free: Whether a port of this machine can be listened on.

    Returns:
        The settings with the volume that holds the data.

    Raises:
        RefusedError: The container, the volume or the data's version is not ours to touch.
        LocalError: The port is taken.
    """
    container = engine.container(settings.container_name)
    if container is not None:
        _require_own_container(settings, container, known)
        _require_same_major(settings, container)
    own = [one for one in engine.containers(settings.stack) if _is_own(settings, one, known)]
    settings = replace(settings, volume=_volume(engine, known, own))
    volume = engine.volume(settings.volume_name)
    if volume is not None and volume.labels.get(STACK_LABEL) != settings.stack:
        raise RefusedError(
            f"the Docker volume {settings.volume_name} is not this stack's: it does not carry the label "
            f"{STACK_LABEL}={settings.stack}. Nothing was changed",
            next_step=f"if nobody needs its data: docker volume rm {settings.volume_name}; else set containerName in "
            "the stack's configuration to another name, after which a new volume is named",
        )
    held = any(one.port == settings.port and one.state not in PORTLESS for one in own)
    if not held and not is_free(settings.port):
        raise ports.taken(settings.port)
    return settings


def _volume(engine: Engine, known: Known, own: Sequence[ContainerFacts]) -> str:
    """The volume that holds this clone's data, under whatever name; empty where there is none yet."""
    there = (known.volume, *(one.volume for one in own))
    return next((name for name in there if name and engine.volume(name) is not None), "")


def remarks(settings: DockerSettings, environment: Mapping[str, str]) -> list[str]:
    """What is to be said of the volumes of this stack: of those that are not used, and of one taken over.

    Args:
        settings: As claimed.
        environment: Tells which daemon.
    """
    from components.postgres.docker_engine import open_engine  # noqa: PLC0415 - the SDK is slow

    with open_engine(docker_daemon.find(environment).address, environment) as engine:
        return remarks_on(settings, engine.volumes(settings.stack))


def remarks_on(settings: DockerSettings, volumes: Sequence[VolumeFacts]) -> list[str]:
    """The same of the volumes that carry the stack's label."""
    said = []
    for volume in volumes:
        mark = volume.labels.get(CLONE_LABEL, settings.clone)
        if volume.name == settings.volume_name and mark != settings.clone:
            said.append(
                f"the Docker volume {volume.name} was made by another clone, or by a state of this one that is gone: "
                "its data are taken over"
            )
        if volume.name != settings.volume_name and mark == settings.clone:
            said.append(
                f"the Docker volume {volume.name} is this stack's, too, and is not used: the data are in "
                f"{settings.volume_name}. If nobody needs what is in it: docker volume rm {volume.name}"
            )
    return said


def make_room(name: str, labels: Mapping[str, str], engine: Engine) -> None:
    """Remove what a run that was cut off has left of the container that is made now: it has its name and our mark.

    Args:
        name: The name of the container to be.
        labels: The labels it will carry.
        engine: The daemon it will run on.
    """
    left = engine.container(name)
    if left is not None and all(left.labels.get(label) == value for label, value in labels.items()):
        engine.remove(left.id)


def clear(engine: Engine, *, stack: str, clone: str, recorded: Collection[str], spent: str) -> list[str]:
    """Remove what carries our mark and is in no state, because the run that made it was cut off.

    Args:
        engine: The daemon.
        stack: The stack that is taken down.
        clone: This clone's mark.
        recorded: The ids of containers and volumes in the stack's state, which are its engine's to delete.
        spent: The volume whose data are not to be kept; empty where all are. No other one is ever removed.

    Returns:
        What was found, in words.
    """
    said = []
    for container in engine.containers(stack):
        if container.labels.get(CLONE_LABEL) == clone and container.id not in recorded:
            engine.remove(container.id)
            said.append(f"the Docker container {container.name} of a run that was cut off is removed")
    for volume in engine.volumes(stack):
        if volume.labels.get(CLONE_LABEL) != clone or volume.name in recorded:
            continue
        if volume.name == spent:
            engine.remove_volume(volume.name)
            said.append(f"the Docker volume {volume.name} of a run that was cut off is removed")
        else:
            said.append(f"the Docker volume {volume.name} stays; docker volume rm {volume.name} removes it")
    return said


def _is_own(settings: DockerSettings, container: ContainerFacts, known: Known) -> bool:
    """Whether this clone made the container."""
    if container.labels.get(STACK_LABEL) != settings.stack:
        return False
    mark = container.labels.get(CLONE_LABEL)
    if mark is None:
        return known.recorded and container.name == settings.container_name
    return mark == settings.clone


def _require_own_container(settings: DockerSettings, container: ContainerFacts, known: Known) -> None:
    name = settings.container_name
    if container.labels.get(STACK_LABEL) != settings.stack:
        raise RefusedError(
            f"a Docker container {name} exists and is not this stack's: it does not carry the label "
            f"{STACK_LABEL}={settings.stack}. Nothing was changed",
            next_step=f"remove or rename it (docker rename {name} {name}-old), "
            "or set containerName in the stack's configuration to another name",
        )
    if not _is_own(settings, container, known):
        raise RefusedError(
            f"the Docker container {name} was made by stack {settings.stack} of another clone, or the state of this "
            "one was removed. Nothing was changed",
            next_step=f"docker rm --force {name} (its data stay in the volume "
            f"{container.volume or settings.volume_name} and are taken over where it is this stack's), "
            "or set containerName in the stack's configuration to another name",
        )


def _require_same_major(settings: DockerSettings, container: ContainerFacts) -> None:
    wanted = image_major(settings.image)
    if wanted is None or container.major in {"", str(wanted)}:
        return
    name = settings.container_name
    raise RefusedError(
        f"the data of the container {name} are Postgres {container.major}'s and dockerImage is now {settings.image}, "
        "which cannot read them. Nothing was changed",
        next_step=f"dump (docker exec {name} pg_dumpall -U {SUPERUSER} > dump.sql), set dockerImage back and destroy, "
        "then set it again, bring it up and restore: the new version gets a folder of its own in the volume, and the "
        f"old data stay in theirs; or set dockerImage back to Postgres {container.major} for good",
    )
