"""The dev database as a Docker container: the component, its own resource, and what is done before others are made.

Its twin is the embedded server. Why each argument is written as it is stands beside it: what Docker fills in by
itself, or writes in another form, comes back as a difference on every run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_docker as docker

from components.errors import LocalError
from components.postgres import docker_claim, docker_daemon
from components.postgres.database import LOCAL_HOST, DatabaseConnection, connection_url, declare_baseline
from components.postgres.docker_provider import DockerRole
from components.postgres.docker_role import RoleSettings
from components.postgres.docker_settings import PASSWORD_FILE, SERVER_PORT, SHARED_MEMORY_MEGABYTES, STOP_SECONDS
from components.postgres.server.provider import Password, PasswordInputs
from components.resource import later, own_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.postgres.baseline import Baseline
    from components.postgres.database import BaselineSettings
    from components.postgres.docker_settings import DockerSettings

LOG_OPTIONS = {"max-file": "3", "max-size": "10m"}

CONTAINER_OPTIONS = pulumi.ResourceOptions(
    # Read when the cluster is made and never again: a new password is the role's matter alone.
    ignore_changes=["uploads"],
    # The plugin reports a changed health check as updated and leaves the old one in place.
    replace_on_changes=["healthcheck"],
    delete_before_replace=True,  # the name is taken as long as the old container is there
)


@dataclass(frozen=True, kw_only=True)
class DockerPostgresResources:
    """What the component is made of."""

    password: Password
    image: docker.RemoteImage
    volume: docker.Volume
    container: docker.Container
    role: DockerRole
    baseline: Baseline


class DockerPostgres(pulumi.ComponentResource):
    """A Postgres container on this machine's loopback, its data in a named volume.

    Args:
        name: Of the component; its children are named after it.
        settings: The container to be.
        baseline: What the database carries before anyone is told about it.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: DockerSettings,
        baseline: BaselineSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("infra:postgres:DockerPostgres", name, None, opts)
        self.settings = settings
        password = Password(f"{name}-password", PasswordInputs(), self._child())
        image = docker.RemoteImage(
            f"{name}-image", name=settings.image, keep_locally=True, opts=self._child(_image_hooks())
        )
        volume = self._volume(name)
        container = self._container(name, image=image, volume=volume, password=password)
        role = self._role(name, container=container, password=password)
        url = connection_url(
            host=LOCAL_HOST, port=role.port, database=role.database, user=role.user, password=role.password
        )
        stamped = declare_baseline(name, baseline, url, self._child())
        self.resources = DockerPostgresResources(
            password=password, image=image, volume=volume, container=container, role=role, baseline=stamped
        )
        self.cluster = role.system_identifier
        self._url = url
        self.register_outputs({})

    def connection(self) -> DatabaseConnection:
        """How to reach the database."""
        role = self.resources.role
        return DatabaseConnection(
            host=pulumi.Output.from_input(LOCAL_HOST),
            port=role.port.apply(int),
            database=role.database,
            user=role.user,
            url=self._url,
            version=role.version,
            ready=self.resources.baseline,
        )

    def _child(self, opts: pulumi.ResourceOptions | None = None) -> pulumi.ResourceOptions:
        merged = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(parent=self))
        assert merged is not None  # noqa: S101 - merge answers None only for two Nones
        return merged

    def _volume(self, name: str) -> docker.Volume:
        """The data. Every argument of a volume replaces it, which would remove the data: no change is let through."""
        settings = self.settings
        return docker.Volume(
            f"{name}-volume",
            name=settings.volume_name,
            labels=[{"label": label, "value": value} for label, value in settings.labels.items()],
            opts=self._child(
                pulumi.ResourceOptions(
                    retain_on_delete=settings.retain_data,
                    ignore_changes=["name", "labels", "driver", "driverOpts"],
                )
            ),
        )

    def _container(
        self, name: str, *, image: docker.RemoteImage, volume: docker.Volume, password: Password
    ) -> docker.Container:
        settings = self.settings
        secret: pulumi.Output[str] = pulumi.Output.secret(password.value)
        return docker.Container(
            f"{name}-container",
            name=settings.container_name,
            image=image.image_id,  # pulled before the old container goes; a digest is empty for images never pulled
            envs=settings.environment,
            ports=[{"internal": SERVER_PORT, "external": settings.port, "ip": LOCAL_HOST, "protocol": "tcp"}],
            volumes=[{"volume_name": volume.name, "container_path": settings.mount}],
            labels=[{"label": label, "value": value} for label, value in settings.labels.items()],
            restart="unless-stopped",
            must_run=True,
            healthcheck={  # durations as Go writes them
                "tests": settings.health_check,
                "interval": "5s",
                "timeout": "5s",
                "start_period": "20s",
                "retries": 10,
            },
            wait=False,  # the role waits for the server, and says in words what keeps it from answering
            stop_signal="SIGINT",  # a fast shutdown: sessions end, nothing needs recovery
            stop_timeout=STOP_SECONDS,
            destroy_grace_seconds=STOP_SECONDS,  # without it a replacement kills the server
            memory=settings.memory_megabytes,
            memory_swap=settings.memory_megabytes,  # Docker would fill in twice the memory
            shm_size=SHARED_MEMORY_MEGABYTES,
            log_driver="json-file",
            log_opts=LOG_OPTIONS,
            security_opts=["no-new-privileges:true"],
            # Not in the environment, which `docker inspect` shows.
            uploads=[{"file": PASSWORD_FILE, "content": secret, "permissions": "0400"}],
            opts=self._child(pulumi.ResourceOptions.merge(CONTAINER_OPTIONS, _container_hooks())),
        )

    def _role(self, name: str, *, container: docker.Container, password: Password) -> DockerRole:
        settings = self.settings
        return DockerRole(
            f"{name}-role",
            RoleSettings(
                stack=settings.stack,
                container=settings.container_name,
                container_id=later(container.id),
                port=settings.port,
                database=settings.database,
                user=settings.user,
                password=later(password.value),
                timeout_seconds=settings.start_timeout_seconds,
            ),
            self._child(),
        )


# Hooks: the CLI calls one when a resource is not in the state and is about to be made, which a program cannot know.


def _container_hooks() -> pulumi.ResourceOptions:
    """Options by which what a cut-off run has left of the container goes before it is made."""
    return _before_create("infra-make-room", _make_room)


def _image_hooks() -> pulumi.ResourceOptions:
    """Options by which an image that is missing is downloaded, or named in words."""
    return _before_create("infra-pull", _pull)


def _before_create(name: str, hook: Callable[[Any], None]) -> pulumi.ResourceOptions:
    def call(told: pulumi.ResourceHookArgs) -> None:
        own_text(lambda: hook(told.new_inputs))

    return pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(name, call)]))


def _make_room(inputs: Any) -> None:
    from components.postgres.docker_engine import REMOVE_SECONDS, open_engine  # noqa: PLC0415 - the SDK is slow

    labels = {one["label"]: one["value"] for one in inputs["labels"]}
    daemon = docker_daemon.find(os.environ)
    with open_engine(daemon.address, os.environ, timeout_seconds=REMOVE_SECONDS) as engine:
        docker_claim.make_room(inputs["name"], labels, engine)


def _pull(inputs: Any) -> None:
    from components.postgres.docker_engine import PULL_SECONDS, open_engine  # noqa: PLC0415 - as above

    image = inputs["name"]
    daemon = docker_daemon.find(os.environ)
    with open_engine(daemon.address, os.environ) as engine:
        if engine.has_image(image):
            return
    try:
        with open_engine(daemon.address, os.environ, timeout_seconds=PULL_SECONDS) as engine:
            engine.pull(image)
    except LocalError as error:
        raise LocalError(
            f"the image {image} is not on this machine and could not be downloaded: {error.message}",
            next_step=f"docker pull {image} where its registry can be reached; or set dockerImage to one that is here, "
            "or database: embedded, in the stack's configuration",
        ) from None
