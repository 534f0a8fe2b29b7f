"""The providers of an embedded server and of a dev database's password, and their resources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pulumi
from typing_extensions import override

from components.declared import About, Declared
from components.errors import LocalError
from components.postgres.password import new_password
from components.postgres.server import lifecycle
from components.postgres.server.binaries import installed
from components.postgres.server.ports import HOST
from components.postgres.server.settings import ServerSettings
from components.resource import Properties, Provider, Resource, state

if TYPE_CHECKING:
    from collections.abc import Mapping


class PasswordInputs(Declared):
    """When there is to be another password."""

    keeper: Annotated[str, About("Changing it makes a new password.")] = ""


class PasswordState(PasswordInputs):
    """The password."""

    value: Annotated[str, About("Letters, digits, `-` and `_`.", secret=True)] = ""


class PasswordProvider(Provider[PasswordInputs, PasswordState]):
    """Makes a password once; a changed keeper makes a new one."""

    @override
    def create_resource(self, new: PasswordInputs) -> tuple[str, PasswordState]:
        return "password", state(PasswordState, new, value=new_password())

    @override
    def update_resource(self, resource_id: str, old: PasswordState, new: PasswordInputs) -> PasswordState:
        return state(PasswordState, new, value=new_password())


class EmbeddedServerState(ServerSettings):
    """A server as it was left, or found."""

    folder: Annotated[str, About("Where the data are.")] = ""
    host: str = ""
    port: int = 0
    running: bool = False
    version: Annotated[str, About("Postgres's version, such as `18.6`.")] = ""
    system_identifier: Annotated[str, About("That of the data.")] = ""
    runs_as: Annotated[str, About("The account that runs it.")] = ""


class EmbeddedServerProvider(Provider[ServerSettings, EmbeddedServerState]):
    """Runs a Postgres server on this machine."""

    delete_before_replace = True

    @override
    def needs_update(self, old: EmbeddedServerState, news: Properties) -> bool:
        return not old.running or old.version != _installed_version(old)

    @override
    def create_resource(self, new: ServerSettings) -> tuple[str, EmbeddedServerState]:
        made = _reported(new, lifecycle.ensure(new))
        return made.folder, made

    @override
    def update_resource(self, resource_id: str, old: EmbeddedServerState, new: ServerSettings) -> EmbeddedServerState:
        # Data stay where they are, also when the clone has moved and the default folder would now be another.
        return _reported(new, lifecycle.ensure(replace(new, data_folder=old.folder)))

    @override
    def read_resource(self, resource_id: str, old: EmbeddedServerState) -> EmbeddedServerState | None:
        found = lifecycle.read(old, Path(old.folder), old.port)
        if found is None:
            return None
        seen = _reported(old, found)
        return replace(seen, version=seen.version or old.version)

    @override
    def delete_resource(self, resource_id: str, old: EmbeddedServerState) -> None:
        lifecycle.take_down(old, Path(old.folder), system_identifier=old.system_identifier, retain=old.retain_data)


def _installed_version(old: EmbeddedServerState) -> str:
    """What a restart would run; without the package nothing would, which is for the restart to say."""
    try:
        return installed().server_version
    except LocalError:
        return old.version


def _reported(settings: ServerSettings, report: lifecycle.Report) -> EmbeddedServerState:
    return state(
        EmbeddedServerState,
        settings,
        folder=str(report.folder),
        host=HOST,
        port=report.port,
        running=report.running,
        version=report.version,
        system_identifier=report.system_identifier,
        runs_as=report.account,
    )


class Password(Resource, provider=PasswordProvider, module="postgres", name="Password"):
    """A password that is made once."""

    value: pulumi.Output[str]


class EmbeddedServer(Resource, provider=EmbeddedServerProvider, module="postgres", name="EmbeddedServer"):
    """A Postgres server on this machine."""

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    database: pulumi.Output[str]
    user: pulumi.Output[str]
    password: pulumi.Output[str]
    version: pulumi.Output[str]
    system_identifier: pulumi.Output[str]


def require_removable(things: Mapping[str, Mapping[str, Any]]) -> None:
    """Ask whether a stack's server may be deleted, for the guard of its deletion.

    Raises:
        InfraError: It may not.
    """
    server = things["server"]
    if not server["retainData"]:
        lifecycle.require_removable(
            server["stack"],
            Path(server["projectFolder"]),
            Path(server["folder"]),
            system_identifier=server["systemIdentifier"],
        )
