"""Sessions in which a deployment works on a database: patient with one that wakes, and one at a time."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, LiteralString

from components import libpq
from components.connection import Connection
from components.connectivity.probe import distrust
from components.errors import PostgresError
from components.postgres.sqltext import split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from components.postgres.sqlfiles import SqlFile

APPLICATION = "infra-deployment"
"""What the server's list of sessions calls them."""
CONNECT_TIMEOUT_SECONDS = 10
WAKE_UP_SECONDS = 60
"""A cloud branch that sleeps is woken by the connection, which hangs meanwhile: up to 50 seconds."""
PAUSES_SECONDS = (1.0, 2.0, 4.0)
"""Between attempts to reach a cloud branch: a new one, or a new password, may not have got around yet."""
LOCK_SECONDS = 60

LOCK_KEY = 0x696E667261  # "infra"
"""The advisory lock that makes two runs on one database take turns."""
_LOST = ("08", "53", "57P", "58")
"""The beginnings of SQLSTATEs that are about the server or the way to it, not about the statement."""


class SqlFileError(PostgresError):
    """The server refused a statement of an SQL file."""


_COMMENT: LiteralString = """
    SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()
"""


@contextlib.contextmanager
def connected(url: str, *, patient: bool = True) -> Iterator[psycopg.Connection]:
    """A session, and the one place where the driver's errors become ours: theirs may quote what must stay secret."""
    import psycopg  # noqa: PLC0415 - loaded only where a database is talked to

    where = Connection.parse(url)
    try:
        with _patiently(where) if patient and where.verified else _session(where) as connection:
            yield connection
            return
    except psycopg.Error as error:
        reason = error.diag.message_primary or (str(error).strip().splitlines() or ["no answer"])[0]
    raise PostgresError(
        f"the database {where.database!r} at {where.host}:{where.port} could not be prepared: {reason}",
        next_step="run ./infra verify STACK: it says which layer is at fault",
    )


def _patiently(where: Connection) -> psycopg.Connection:
    """A session with a cloud branch, which may have to wake first.

    Raises:
        PostgresError: It is not the server that it should be, which no waiting heals.
    """
    import psycopg  # noqa: PLC0415 - loaded only where a database is talked to

    deadline = time.monotonic() + WAKE_UP_SECONDS
    for number, pause in enumerate(PAUSES_SECONDS):
        try:
            return _session(where, seconds=max(CONNECT_TIMEOUT_SECONDS, int(deadline - time.monotonic())))
        except psycopg.OperationalError:
            if number == 0:
                _require_trust(where)
            if time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
    return _session(where, seconds=max(CONNECT_TIMEOUT_SECONDS, int(deadline - time.monotonic())))


def _session(where: Connection, *, seconds: int = CONNECT_TIMEOUT_SECONDS) -> psycopg.Connection:
    return libpq.connect(where, seconds=seconds, application=APPLICATION)


def _require_trust(where: Connection) -> None:
    """End the waiting for a server that cannot prove who it is, or asks for more than a proof of the password."""
    verdict = distrust(where)
    if verdict is not None:
        raise PostgresError(
            f"the database {where.database!r} at {where.host}:{where.port} could not be prepared, "
            f"{verdict.layer.value}: {verdict.cause}",
            next_step=verdict.next_step,
        )


@contextlib.contextmanager
def locked(connection: psycopg.Connection, *, key: int = LOCK_KEY, seconds: float | None = None) -> Iterator[None]:
    """Hold an advisory lock of this database; the session's end releases it, whatever happens.

    Args:
        connection: The session.
        key: Which lock.
        seconds: How long it is waited for; None: `LOCK_SECONDS`.

    Raises:
        PostgresError: Another run has it for longer.
    """
    import psycopg  # noqa: PLC0415 - loaded only where a database is talked to

    waited = LOCK_SECONDS if seconds is None else seconds
    connection.execute(f"SET lock_timeout = '{waited}s'")
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", (key,))
        is_ours = True
    except psycopg.errors.LockNotAvailable:
        is_ours = False
    if not is_ours:
        raise PostgresError(
            f"another deployment has been at work on the database {connection.info.dbname!r} for more than "
            f"{waited} seconds (lock timeout)",
            next_step="run the command again when it has ended; pg_stat_activity shows its session, called "
            f"{APPLICATION}",
        )
    connection.execute("RESET lock_timeout")
    yield


def read_comment(connection: psycopg.Connection) -> tuple[str, str | None]:
    """The database's name, and its comment."""
    row = connection.execute(_COMMENT).fetchone()
    if row is None:  # never: every session has a database
        raise PostgresError("the server does not know its own database")
    return row[0], row[1]


def write_comment(connection: psycopg.Connection, change: Callable[[str | None], str]) -> None:
    """Change the database's comment, where that is a change."""
    from psycopg import sql  # noqa: PLC0415 - loaded only where a database is talked to

    database, comment = read_comment(connection)
    wanted = change(comment)
    if wanted != comment:
        statement = sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(database), sql.Literal(wanted))
        connection.execute(statement)


def run_file(connection: psycopg.Connection, file: SqlFile, *, first: Callable[[], None]) -> None:
    """Run an SQL file in one transaction.

    Args:
        connection: The session.
        file: The file.
        first: What goes with it, done before it, because the file may change the role or the search path.

    Raises:
        SqlFileError: The server refused a statement: nothing of the file was done, and nothing that goes with it.
        PostgresError: The session was lost.
        LocalError: The file changed since the run began.
    """
    statements = split(file.name, file.text())
    # Without it a statement whose run was cut off goes on to its end, and keeps the next run waiting.
    connection.execute("SET client_connection_check_interval = '1s'")
    with connection.transaction():
        first()
        for statement in statements:
            with told_by_line(file.name, statement.text, statement.line):
                connection.execute(statement.text.encode())
        with told_by_line(file.name, "", statements[-1].line if statements else 1):
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what was deferred is refused here, not by the commit
    connection.execute("RESET SESSION AUTHORIZATION")
    connection.execute("RESET ALL")


@contextlib.contextmanager
def told_by_line(name: str, text: str, line: int) -> Iterator[None]:
    """Name the file and the line of what the server refused.

    Raises:
        SqlFileError: The server refused it.
        PostgresError: The session was lost.
    """
    import psycopg  # noqa: PLC0415 - loaded only where a database is talked to

    diagnosis, lost = None, "the connection was lost"
    try:
        yield
    except psycopg.errors.ConnectionTimeout as error:
        diagnosis, lost = error.diag, str(error)
    except psycopg.Error as error:
        diagnosis = error.diag
    if diagnosis is None:
        return
    refused = not (diagnosis.sqlstate or "08").startswith(_LOST)
    if diagnosis.message_primary is None:
        what, position = lost, None
    else:
        what, position = f"{diagnosis.message_primary} ({diagnosis.sqlstate})", diagnosis.statement_position
    line += text.count("\n", 0, int(position) - 1) if position else 0
    hint = f" {diagnosis.message_hint}" if diagnosis.message_hint else ""
    raise (SqlFileError if refused else PostgresError)(
        f"the SQL file {name} was refused at line {line}: {what}{hint}",
        next_step="correct the file and run the command again; nothing of this file was applied",
    )
