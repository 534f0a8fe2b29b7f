"""Branches as databases of one real Postgres 18.

A branch is a database named like the branch, and a role `branch_<id>` that may log in to it and to no other. The role
`xata` owns every database and all that is in it; it cannot log in, and each branch's role turns into it at log-in. So
`current_user` is `xata` as on the service, and a child, which is a copy of its parent's database, belongs to the right
role without touching a single object.

Where this differs from the service, which runs a Postgres of its own per branch:

- `current_database()` is the branch's id and `session_user` its role. The gateway lets clients say `xata` for both.
- Making a child ends the sessions of its parent, because Postgres copies no database that is in use. New ones wait
  meanwhile, and running transactions are given `grace_seconds` to end.
- Roles that a program makes are seen by all branches; one that may enter a branch by its own right goes with it. A
  child has its parent's rights on objects, and nobody of its parent may enter it.
- Branches are kept apart against mistakes, not against attacks: whoever acts as `xata` in one branch owns the others'
  databases too, though no log-in of one branch is let into another.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg import errors, sql

from cloud_sandbox.errors import DatabaseError
from cloud_sandbox.xata.databases import OWNER, role_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud_sandbox.xata.databases import Holds

OLDEST_VERSION = 160000
CONNECT_SECONDS = 10
GRACE_SECONDS = 2.0
"""How long the parent's running transactions get to end before a copy."""
PATIENCE_SECONDS = 30.0
"""How long a copy is tried while sessions of the parent get in between."""
PAUSE_SECONDS = 0.05
DROPS = 3
"""How often dropping is tried while an autovacuum worker is in the database, or comes again."""

_BUSY: LiteralString = """
    SELECT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = %s AND backend_type = 'client backend' AND state IS DISTINCT FROM 'idle'
    )
"""
_END: LiteralString = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = %s AND backend_type = 'client backend' AND pg_has_role(usesysid, 'USAGE')
"""
_RIGHTS: LiteralString = "SELECT rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
_COMMENT: LiteralString = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
_SETTINGS: LiteralString = """
    SELECT split_part(entry, '=', 1), substr(entry, strpos(entry, '=') + 1)
    FROM pg_db_role_setting, unnest(setconfig) AS entry
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = %s) AND setrole = 0
"""
_GUESTS: LiteralString = """
    SELECT DISTINCT rolname FROM pg_database, aclexplode(datacl) JOIN pg_roles ON pg_roles.oid = grantee
    WHERE datname = %s AND privilege_type = 'CONNECT' AND rolname NOT IN (%s, %s) AND NOT rolsuper
"""
"""The roles that may enter a branch besides its own: a program has made them there."""
_NO_CLONE = (errors.InternalError_, errors.FeatureNotSupported, errors.InvalidParameterValue, errors.UndefinedObject)
"""What Postgres answers where it was built without file cloning, or the file system refuses it."""


@dataclass(frozen=True, kw_only=True)
class Manager:
    """The account that makes databases and roles: CREATEDB and CREATEROLE, and no superuser."""

    host: str
    port: int
    user: str
    database: str
    password: str = field(repr=False)

    @contextlib.contextmanager
    def connected(self) -> Iterator[psycopg.Connection]:
        """A session of its own, so that a restart of Postgres is over when it is over.

        Raises:
            DatabaseError: Postgres is not there, or refused something.
        """
        try:
            with psycopg.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password,
                dbname=self.database,
                sslmode="disable",
                connect_timeout=CONNECT_SECONDS,
                application_name="sandbox",
                options="-c createrole_self_grant=set,inherit",  # or it could not hand over what it makes
                autocommit=True,
            ) as connection:
                yield connection
                return
        except psycopg.Error as error:
            reason = error.diag.message_primary or "it does not answer"
        raise DatabaseError(f"Postgres at {self.host}:{self.port}: {reason}")


class BranchDatabases:
    """Makes and removes what a branch consists of. Every call may be repeated after it was cut off half-way."""

    def __init__(self, manager: Manager, *, holds: Holds, grace_seconds: float = GRACE_SECONDS) -> None:
        self._manager = manager
        self._holds = holds
        self._grace_seconds = grace_seconds
        self._clones = True

    def check(self) -> None:
        """See that the manager's account can do what is needed.

        Raises:
            DatabaseError: Postgres does not answer, is too old, or the account may not make databases and roles.
        """
        with self._manager.connected() as connection:
            version = connection.info.server_version
            row = connection.execute(_RIGHTS).fetchone()
        if version < OLDEST_VERSION:
            raise DatabaseError(f"Postgres {version // 10000} is too old: grants without INHERIT came with 16")
        if row != (True, True):
            raise DatabaseError(
                f"the role {self._manager.user} may not make databases and roles",
                next_step=f"as a superuser: ALTER ROLE {self._manager.user} CREATEDB CREATEROLE",
            )

    def end_sessions(self, branch_id: str) -> None:
        """End a branch's sessions as a Postgres does that shuts down: a branch that falls asleep."""
        with self._manager.connected() as connection:
            connection.execute(_END, (_Names.of(branch_id).name,))

    def create(self, branch_id: str, *, parent_id: str | None, password: str) -> None:
        """Make a branch: empty, or with all that its parent has at this moment.

        What an interrupted run left of the same branch is removed first.

        Raises:
            DatabaseError: Postgres is gone, or refused.
        """
        names = _Names.of(branch_id)
        with self._manager.connected() as connection:
            _drop(connection, names)
            _have_owner(connection)
            _make_role(connection, names, password)
            if parent_id is None:
                connection.execute(_creation(names, template=sql.Identifier("template0"), strategy="WAL_LOG"))
            else:
                self._copy(connection, names, _Names.of(parent_id))
            _let_in(connection, names)

    def set_password(self, branch_id: str, password: str) -> None:
        """Let a branch's new sessions in with another password; those that are open stay."""
        names = _Names.of(branch_id)
        with self._manager.connected() as connection:
            _set_password(connection, names, password)

    def drop(self, branch_id: str) -> None:
        """Remove a branch and end its sessions; nothing happens when it is gone."""
        with self._manager.connected() as connection:
            _drop(connection, _Names.of(branch_id))

    def _copy(self, connection: psycopg.Connection, names: _Names, parent: _Names) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._holds.hold(parent.name):
            _wait_until_idle(connection, parent, self._grace_seconds)
            while True:
                connection.execute(_END, (parent.name,))
                try:
                    self._copy_files(connection, names, parent)
                    break
                except errors.ObjectInUse:  # a session that came in before the hold
                    if time.monotonic() > deadline:
                        raise
        _copy_settings(connection, names, parent)
        _copy_comment(connection, names, parent)

    def _copy_files(self, connection: psycopg.Connection, names: _Names, parent: _Names) -> None:
        """Copy on write where Postgres and the file system can, else through the write-ahead log."""
        if self._clones:
            try:
                connection.execute("SET file_copy_method = clone")
                connection.execute(_creation(names, template=parent.database, strategy="FILE_COPY"))
            except _NO_CLONE:
                self._clones = False
            else:
                return
        connection.execute(_creation(names, template=parent.database, strategy="WAL_LOG"))


@dataclass(frozen=True, kw_only=True)
class _Names:
    """A branch's database, which is called like the branch, and its role."""

    name: str
    database: sql.Identifier
    role: sql.Identifier

    @classmethod
    def of(cls, branch_id: str) -> _Names:
        return cls(name=branch_id, database=sql.Identifier(branch_id), role=sql.Identifier(role_of(branch_id)))


def _have_owner(connection: psycopg.Connection) -> None:
    """The role that owns everything, with those of the service's rights that a neighbour survives.

    CREATEDB is not among them: a database belongs to a branch here, and the gateway would not find another.
    """
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (OWNER,)).fetchone():
        return
    query = "SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user"
    row = connection.execute(query).fetchone()
    rights = "NOLOGIN CREATEROLE BYPASSRLS" if row and row[0] else "NOLOGIN CREATEROLE"
    with contextlib.suppress(errors.DuplicateObject, errors.UniqueViolation):  # another thread was faster
        connection.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(OWNER), sql.SQL(rights)))


def _make_role(connection: psycopg.Connection, names: _Names, password: str) -> None:
    owner = sql.Identifier(OWNER)
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(names.role))
    _set_password(connection, names, password)
    # Without INHERIT: it becomes the owner once it is in, and has none of its rights at the door.
    connection.execute(sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE").format(owner, names.role))
    connection.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(names.role, sql.Literal(OWNER)))


def _set_password(connection: psycopg.Connection, names: _Names, password: str) -> None:
    """Only the SCRAM verifier goes to Postgres, so no log of its statements holds the password."""
    role = role_of(names.name).encode()
    verifier = connection.pgconn.encrypt_password(password.encode(), role, b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(names.role, sql.Literal(verifier)))


def _creation(names: _Names, *, template: sql.Identifier, strategy: LiteralString) -> sql.Composed:
    """A database that nobody can enter yet."""
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY {} ALLOW_CONNECTIONS false")
    return statement.format(names.database, sql.Identifier(OWNER), template, sql.SQL(strategy))


def _let_in(connection: psycopg.Connection, names: _Names) -> None:
    """Let the branch's role into its database, and nobody else: neither everybody nor, by inheritance, the owner's."""
    for statement, role in (
        ("REVOKE ALL ON DATABASE {} FROM {}", sql.SQL("PUBLIC")),
        ("REVOKE CONNECT ON DATABASE {} FROM {}", sql.Identifier(OWNER)),
        ("GRANT CONNECT ON DATABASE {} TO {}", names.role),
    ):
        connection.execute(sql.SQL(statement).format(names.database, role))
    connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(names.database))


def _drop(connection: psycopg.Connection, names: _Names) -> None:
    guests = connection.execute(_GUESTS, (names.name, OWNER, role_of(names.name))).fetchall()
    _drop_database(connection, names)
    connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(names.role))
    for (guest,) in guests:
        # Not this branch's alone, if it cannot go.
        with contextlib.suppress(errors.DependentObjectsStillExist, errors.InsufficientPrivilege):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(guest)))


def _drop_database(connection: psycopg.Connection, names: _Names) -> None:
    """End its sessions and drop it. FORCE may not end an autovacuum worker; a drop without it tells that to stop."""
    for _ in range(DROPS):
        with contextlib.suppress(errors.InsufficientPrivilege):
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(names.database))
            return
        with contextlib.suppress(errors.ObjectInUse):
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(names.database))
            return
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(names.database))


def _wait_until_idle(connection: psycopg.Connection, parent: _Names, seconds: float) -> None:
    """Give what runs in the parent a moment to end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        busy = connection.execute(_BUSY, (parent.name,)).fetchone()
        if not (busy and busy[0]):
            return
        time.sleep(PAUSE_SECONDS)


def _copy_comment(connection: psycopg.Connection, names: _Names, parent: _Names) -> None:
    """A template's comment is not copied by Postgres; on the service a child carries its parent's."""
    row = connection.execute(_COMMENT, (parent.name,)).fetchone()
    if row and row[0] is not None:
        statement = sql.SQL("COMMENT ON DATABASE {} IS {}").format(names.database, sql.Literal(row[0]))
        connection.execute(statement)


def _copy_settings(connection: psycopg.Connection, names: _Names, parent: _Names) -> None:
    """The same holds for `ALTER DATABASE … SET`. FROM CURRENT spares us the quoting rules of lists."""
    for setting, value in connection.execute(_SETTINGS, (parent.name,)).fetchall():
        with connection.transaction(force_rollback=False):
            connection.execute("SELECT set_config(%s, %s, true)", (setting, value))
            statement = "ALTER DATABASE {} SET {} FROM CURRENT"
            parts = [sql.Identifier(part) for part in setting.split(".")]
            connection.execute(sql.SQL(statement).format(names.database, sql.SQL(".").join(parts)))
