"""What a database carries from the first moment: the identity stamp, and SQL files applied once each.

Module path and class name of the provider are a contract with recorded state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, LiteralString

from typing_extensions import override

from components.connection import connection_reason
from components.declared import About, Declared, Rule, Words
from components.errors import ConfigurationError, PostgresError, RefusedError
from components.identity import stamp, stamped_branch
from components.postgres import app_role
from components.postgres.session import connected, locked, read_comment, run_file, write_comment
from components.postgres.sqlfiles import SqlFile, history_reason
from components.resource import Properties, Provider, Resource, state

if TYPE_CHECKING:
    import psycopg

_HAS_RECORD: LiteralString = "SELECT to_regclass('infra.applied_sql') IS NOT NULL"
_RECORD: LiteralString = "SELECT name, sha256 FROM infra.applied_sql ORDER BY position"
_MAKE_SCHEMA: LiteralString = "CREATE SCHEMA IF NOT EXISTS infra"
_MAKE_RECORD: LiteralString = """
    CREATE TABLE IF NOT EXISTS infra.applied_sql (
        position integer PRIMARY KEY,
        name text NOT NULL UNIQUE,
        sha256 text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""
_ADD_RECORD: LiteralString = "INSERT INTO infra.applied_sql (position, name, sha256) VALUES (%s, %s, %s)"


@dataclass(frozen=True, kw_only=True)
class BaselineTask:
    """A baseline to apply."""

    url: str = field(repr=False)
    branch: str
    sql_files: tuple[SqlFile, ...] | None = ()
    branch_id: str = ""


def apply(task: BaselineTask) -> None:
    """Stamp the database and apply the files it does not have yet. Can be repeated, and goes on where it failed.

    What a copy has from its parent, and lets the parent's app in, is shut off first.

    Raises:
        RefusedError: A file applied earlier changed, or left the list.
        PostgresError: The server is not there, or refused something.
    """
    with connected(task.url) as connection, locked(connection):
        shut_strangers(connection, task.branch_id)
        if task.sql_files is None:
            write_comment(connection, lambda comment: stamp(comment, task.branch))
            return
        applied = _applied(connection)
        reason = history_reason(applied, task.sql_files, branch=task.branch)
        if reason:
            raise RefusedError(f"the SQL files cannot be applied: {reason}")
        write_comment(connection, lambda comment: stamp(comment, task.branch))
        for position, file in enumerate(task.sql_files[len(applied) :], start=len(applied) + 1):
            _apply_file(connection, file, position)


def read(task: BaselineTask) -> dict[str, Any]:
    """What the database carries, as properties. When it cannot be asked that is no news about it: it says only that."""
    try:
        with connected(task.url, patient=False) as connection:
            _, comment = read_comment(connection)
            applied = _applied(connection)
    except PostgresError:
        return {"verified": False}
    paths = {file.name: file.path for file in task.sql_files or ()}
    files = [{"name": file.name, "path": paths.get(file.name, ""), "sha256": file.sha256} for file in applied]
    return {"branch": stamped_branch(comment) or "", "sqlFiles": files, "verified": True}


def shut_strangers(connection: psycopg.Connection, branch_id: str) -> None:
    """Shut off the logins that a copy has from its parent, first of all: the parent's app has no business here."""
    if branch_id:
        for (name,) in connection.execute(app_role.strangers(branch_id).encode()).fetchall():
            for statement in app_role.shutting(name):
                connection.execute(statement.encode())


def _applied(connection: psycopg.Connection) -> Sequence[SqlFile]:
    found = connection.execute(_HAS_RECORD).fetchone()
    if not (found and found[0]):
        return []
    return [SqlFile(name=name, path="", sha256=sha256) for name, sha256 in connection.execute(_RECORD)]


def _apply_file(connection: psycopg.Connection, file: SqlFile, position: int) -> None:
    """Apply one file, with its record: both are there afterwards, or neither."""

    def record() -> None:
        connection.execute(_MAKE_SCHEMA)
        connection.execute(_MAKE_RECORD)
        connection.execute(_ADD_RECORD, (position, file.name, file.sha256))

    run_file(connection, file, first=record)


def _branch_reason(branch: str) -> str:
    try:
        stamp(None, branch)
    except ConfigurationError as error:
        return error.message
    return ""


class BaselineInputs(Declared):
    """What a database must carry before anyone is told about it."""

    url: Annotated[str, Rule(connection_reason), About("The database's connection string, as its owner.", secret=True)]
    branch: Annotated[str, Rule(_branch_reason), Words("a branch's name"), About("The identity to stamp.")]
    sql_files: Annotated[
        Sequence[Mapping[str, str]] | None,
        About(
            "Name, path and sha256 of each, in the order in which they are applied. Applied ones may neither change "
            "nor leave the list. None leaves them, and what is recorded of them, as they are."
        ),
    ] = None
    may_wake: Annotated[
        bool | None,
        About(
            "Whether a refresh may connect; None: it may. It would wake a database that sleeps when idle, so there it "
            "must not, and what was recorded stands until the next change."
        ),
    ] = None
    branch_id: Annotated[
        str | None, About("The id of the branch whose database it is: another one has files of its own.")
    ] = None


class BaselineState(BaselineInputs):
    """A baseline that was applied."""

    verified: Annotated[bool, About("Whether the database carries it.")] = False


class BaselineProvider(Provider[BaselineInputs, BaselineState]):
    """Stamps a database and applies SQL files to it. What it did stays when the resource goes: it is data."""

    @override
    def validate(self, known: Properties) -> Mapping[str, str]:
        reason = history_reason([], _files(known.get("sqlFiles")) or ())
        return {"sqlFiles": reason} if reason else {}

    @override
    def validate_change(self, old: BaselineState, known: Properties) -> Mapping[str, str]:
        """Refuse another past of the same database: of a fresh copy only the run can tell what it has."""
        is_other = old.branch_id is not None and known.get("branchId") != old.branch_id
        wanted = _files(known.get("sqlFiles"))
        if is_other or wanted is None:
            return {}
        reason = history_reason(_files(old.sql_files) or (), wanted, branch=str(known.get("branch")))
        return {"sqlFiles": reason} if reason else {}

    @override
    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        return name == "branchId" or super().is_same(name, olds, news)

    @override
    def needs_update(self, old: BaselineState, news: Properties) -> bool:
        return not old.verified

    @override
    def create_resource(self, new: BaselineInputs) -> tuple[str, BaselineState]:
        apply(_task(new))
        return f"baseline-{new.branch}", state(BaselineState, new, verified=True)

    @override
    def update_resource(self, resource_id: str, old: BaselineState, new: BaselineInputs) -> BaselineState:
        apply(_task(new))
        return state(BaselineState, new, verified=True)

    @override
    def read_resource(self, resource_id: str, old: BaselineState) -> BaselineState | None:
        if old.may_wake is False:
            return old
        return BaselineState.of({**old.properties(), **read(_task(old))})


def _files(entries: Sequence[Mapping[str, str]] | None) -> tuple[SqlFile, ...] | None:
    return None if entries is None else tuple(map(SqlFile.from_properties, entries))


def _task(inputs: BaselineInputs) -> BaselineTask:
    return BaselineTask(
        url=inputs.url, branch=inputs.branch, sql_files=_files(inputs.sql_files), branch_id=inputs.branch_id or ""
    )


class Baseline(Resource, provider=BaselineProvider, module="postgres", name="Baseline"):
    """What a database carries from the first moment."""
