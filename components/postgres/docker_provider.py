"""The role in the container, as a resource. The class path of its provider is a contract with recorded state."""

from __future__ import annotations

import os
from typing import Annotated

import pulumi
from typing_extensions import override

from components.declared import About
from components.postgres import docker_daemon, docker_role
from components.postgres.docker_role import DOOR, Before, Condition, RoleFacts, RoleSettings
from components.resource import Properties, Provider, Resource, state


class DockerRoleState(RoleSettings):
    """The role as it was found. Nothing secret but the password."""

    condition: Annotated[str, About("Whether it is in place.")] = ""
    version: Annotated[str, About("The server's version, such as `18.6`.")] = ""
    system_identifier: Annotated[str, About("That of the data.")] = ""


class DockerRoleProvider(Provider[RoleSettings, DockerRoleState]):
    """Everything follows in place. `containerId` is there to read again when the container was replaced."""

    @override
    def needs_update(self, old: DockerRoleState, news: Properties) -> bool:
        return old.condition != Condition.IN_PLACE

    @override
    def create_resource(self, new: RoleSettings) -> tuple[str, DockerRoleState]:
        return f"{new.stack}/{new.container}", _converged(new, Before(), version="")

    @override
    def update_resource(self, resource_id: str, old: DockerRoleState, new: RoleSettings) -> DockerRoleState:
        return _converged(new, _before(old), version=old.version)

    @override
    def read_resource(self, resource_id: str, old: DockerRoleState) -> DockerRoleState | None:
        return _found(old, docker_role.read(old, _before(old), DOOR), version=old.version)


class DockerRole(Resource, provider=DockerRoleProvider, module="postgres", name="DockerRole"):
    """The app's role and database in the container: made, and kept in step with the password."""

    version: pulumi.Output[str]
    database: pulumi.Output[str]
    user: pulumi.Output[str]
    password: pulumi.Output[str]
    port: pulumi.Output[int]
    system_identifier: pulumi.Output[str]


def _converged(new: RoleSettings, before: Before, *, version: str) -> DockerRoleState:
    from components.postgres.docker_engine import open_engine  # noqa: PLC0415 - the SDK is slow, and rarely needed

    daemon = docker_daemon.find(os.environ)
    with open_engine(daemon.address, os.environ) as engine:
        return _found(new, docker_role.converge(new, before, engine=engine, door=DOOR), version=version)


def _before(old: DockerRoleState) -> Before:
    return Before(system_identifier=old.system_identifier, user=old.user, database=old.database)


def _found(settings: RoleSettings, facts: RoleFacts, *, version: str) -> DockerRoleState:
    """Version is left as it was where it could not be read: it is no drift that a server is down."""
    return state(
        DockerRoleState,
        settings,
        condition=str(facts.condition),
        system_identifier=facts.system_identifier,
        version=facts.version or version,
    )
