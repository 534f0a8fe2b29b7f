"""Sessions in which a deployment works on a database: patient with one that wakes, and one at a time."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from components import libpq
from components.connection import Connection
from components.connectivity.probe import distrust
from components.errors import PostgresError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

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
