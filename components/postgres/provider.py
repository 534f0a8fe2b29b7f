"""The providers of what a dev database is made of. Module path and class names are a contract with recorded state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from typing_extensions import override

from components.connection import connection_reason
from components.declared import Declared, Rule, Words, about
from components.errors import ConfigurationError, LocalError
from components.identity import stamp
from components.postgres import baseline
from components.postgres.baseline import BaselineTask
from components.postgres.password import new_password
from components.postgres.server import lifecycle
from components.postgres.server.account import account_reason
from components.postgres.server.binaries import installed
from components.postgres.server.ports import HOST
from components.postgres.server.settings import ServerSettings
from components.postgres.sqlfiles import SqlFile, history_reason
from components.resource import Properties, Provider, state


class PasswordInputs(Declared):
    """When there is to be another password."""

    keeper: Annotated[str, about("Changing it makes a new password.")] = ""


class PasswordState(PasswordInputs):
    """The password."""

    value: Annotated[str, about("Letters, digits, `-` and `_`.", secret=True)] = ""


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

    folder: Annotated[str, about("Where the data are.")] = ""
    host: str = ""
    port: int = 0
    running: bool = False
    version: Annotated[str, about("Postgres's version, such as `18.6`.")] = ""
    system_identifier: Annotated[str, about("That of the data.")] = ""
    runs_as: Annotated[str, about("The account that runs it.")] = ""


class EmbeddedServerProvider(Provider[ServerSettings, EmbeddedServerState]):
    """Runs a Postgres server on this machine."""

    delete_before_replace = True

    @override
    def validate(self, known: Properties) -> Mapping[str, str]:
        problem = account_reason(known.get("account") or "")
        return {"account": problem} if problem else {}

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


def _branch_reason(branch: str) -> str:
    try:
        stamp(None, branch)
    except ConfigurationError as error:
        return error.message
    return ""


class BaselineInputs(Declared):
    """What a database must carry before anyone is told about it."""

    url: Annotated[str, Rule(connection_reason), about("The database's connection string, as its owner.", secret=True)]
    branch: Annotated[str, Rule(_branch_reason), Words("a branch's name"), about("The identity to stamp.")]
    sql_files: Annotated[
        Sequence[Mapping[str, str]] | None,
        about(
            "Name, path and sha256 of each, in the order in which they are applied. Applied ones may neither change "
            "nor leave the list. None leaves them, and what is recorded of them, as they are."
        ),
    ] = None
    may_wake: Annotated[
        bool | None,
        about(
            "Whether a refresh may connect; None: it may. It would wake a database that sleeps when idle, so there it "
            "must not, and what was recorded stands until the next change."
        ),
    ] = None
    branch_id: Annotated[
        str | None, about("The id of the branch whose database it is: another one has files of its own.")
    ] = None


class BaselineState(BaselineInputs):
    """A baseline that was applied."""

    verified: Annotated[bool, about("Whether the database carries it.")] = False


class BaselineProvider(Provider[BaselineInputs, BaselineState]):
    """Stamps a database and applies SQL files to it. What it did stays when the resource goes: it is data."""

    @override
    def validate(self, known: Properties) -> Mapping[str, str]:
        problem = history_reason([], _files(known.get("sqlFiles")) or ())
        return {"sqlFiles": problem} if problem else {}

    @override
    def validate_change(self, old: BaselineState, known: Properties) -> Mapping[str, str]:
        """Refuse another past of the same database: of a fresh copy only the run can tell what it has."""
        is_other = old.branch_id is not None and known.get("branchId") != old.branch_id
        wanted = _files(known.get("sqlFiles"))
        if is_other or wanted is None:
            return {}
        problem = history_reason(_files(old.sql_files) or (), wanted, branch=str(known.get("branch")))
        return {"sqlFiles": problem} if problem else {}

    @override
    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        return name == "branchId" or super().is_same(name, olds, news)

    @override
    def needs_update(self, old: BaselineState, news: Properties) -> bool:
        return not old.verified

    @override
    def create_resource(self, new: BaselineInputs) -> tuple[str, BaselineState]:
        baseline.apply(_task(new))
        return f"baseline-{new.branch}", state(BaselineState, new, verified=True)

    @override
    def update_resource(self, resource_id: str, old: BaselineState, new: BaselineInputs) -> BaselineState:
        baseline.apply(_task(new))
        return state(BaselineState, new, verified=True)

    @override
    def read_resource(self, resource_id: str, old: BaselineState) -> BaselineState | None:
        if old.may_wake is False:
            return old
        return BaselineState.of({**old.properties(), **baseline.read(_task(old))})


def _files(entries: Sequence[Mapping[str, str]] | None) -> tuple[SqlFile, ...] | None:
    return None if entries is None else tuple(map(SqlFile.from_properties, entries))


def _task(inputs: BaselineInputs) -> BaselineTask:
    return BaselineTask(url=inputs.url, branch=inputs.branch, sql_files=_files(inputs.sql_files))
