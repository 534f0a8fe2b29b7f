"""What may be in the way of the container, looked at before any resource is declared. Knows no Pulumi.

The provider plugin finds a taken name or port only after it has begun, and in its own words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.errors import RefusedError
from components.postgres import docker_daemon
from components.postgres.docker_settings import STACK_LABEL, image_major
from components.postgres.server import ports
from components.postgres.server.settings import SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from components.postgres.docker_engine import ContainerFacts, Engine
    from components.postgres.docker_settings import DockerSettings


def require_on_this_machine(settings: DockerSettings, environment: Mapping[str, str], *, known: bool) -> None:
    """As `require_claimable`, on the daemon that the provider plugin will use.

    Raises:
        LocalError: No daemon answers, or the port is taken.
        RefusedError: The container, the volume or the data's version is not ours to touch.
    """
    from components.postgres.docker_engine import open_engine  # noqa: PLC0415 - the SDK is slow

    daemon = docker_daemon.find(environment)
    with open_engine(daemon.address, environment) as engine:
        require_claimable(settings, engine, known=known)


def require_claimable(
    settings: DockerSettings, engine: Engine, *, known: bool, is_free: Callable[[int], bool] = ports.is_free
) -> None:
    """Refuse to go on where container, volume or port belong to somebody else. Changes nothing.

    Args:
        settings: The container to be.
        engine: The daemon it will run on.
        known: Whether this stack is recorded to have a container already.
        is_free: Whether a port of this machine can be listened on.

    Raises:
        RefusedError: The container, the volume or the data's version is not ours to touch.
        LocalError: The port is taken.
    """
    container = engine.container(settings.container_name)
    if container is not None:
        _require_own_container(settings, container, known=known)
        _require_same_major(settings, container)
    volume = engine.volume(settings.volume_name)
    if volume is not None and volume.labels.get(STACK_LABEL) != settings.stack:
        raise RefusedError(
            f"the Docker volume {settings.volume_name} is not this stack's: it does not carry the label "
            f"{STACK_LABEL}={settings.stack}. Nothing was changed",
            next_step="set containerName in the stack's configuration to another name (the volume is named after it), "
            f"or, if nobody needs its data: docker volume rm {settings.volume_name}",
        )
    ours = container is not None and container.state == "running" and container.port == settings.port
    if not ours and not is_free(settings.port):
        raise ports.taken(settings.port)


def _require_own_container(settings: DockerSettings, container: ContainerFacts, *, known: bool) -> None:
    name = settings.container_name
    if container.labels.get(STACK_LABEL) != settings.stack:
        raise RefusedError(
            f"a Docker container {name} exists and is not this stack's: it does not carry the label "
            f"{STACK_LABEL}={settings.stack}. Nothing was changed",
            next_step=f"remove or rename it (docker rename {name} {name}-old), "
            "or set containerName in the stack's configuration to another name",
        )
    if not known:
        raise RefusedError(
            f"the Docker container {name} was made by stack {settings.stack} of another clone, or the state of this "
            "one was removed. Nothing was changed",
            next_step=f"docker rm --force {name} (its data stay in the volume {settings.volume_name} and are taken "
            "over), or set containerName in the stack's configuration to another name",
        )


def _require_same_major(settings: DockerSettings, container: ContainerFacts) -> None:
    wanted = image_major(settings.image)
    if wanted is None or container.major in {"", str(wanted)}:
        return
    name = settings.container_name
    raise RefusedError(
        f"the data of the container {name} are Postgres {container.major}'s and dockerImage is now {settings.image}, "
        "which cannot read them. Nothing was changed",
        next_step=f"dump (docker exec {name} pg_dumpall -U {SUPERUSER} > dump.sql), destroy, set containerName to "
        "another name so that the new version gets a volume of its own, bring it up and restore; "
        f"or set dockerImage back to Postgres {container.major}",
    )
