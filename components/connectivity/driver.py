"""One session through libpq, driven step by step: the driver's own answer, with a deadline and a time per layer.

libpq decides what success is, because apps connect through drivers. Its non-blocking interface shows which layer it is
waiting in; about a refusal it has only prose to offer, so `wire` looks for the cause.
"""

from __future__ import annotations

import select
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components import libpq
from components.connectivity.report import Layer
from components.connectivity.verdicts import TIMEOUTS, VerdictError, of_query_error
from components.errors import PostgresError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from psycopg.pq.abc import PGconn

    from components.connection import Connection

QUERY = b"""select current_setting('server_version_num'), current_setting('server_version'),
    pg_catalog.shobj_description(oid, 'pg_database')
from pg_catalog.pg_database where datname = current_database()"""

_PHASES = {
    "STARTED": Layer.TCP,
    "SSL_STARTUP": Layer.TLS,
    "AWAITING_RESPONSE": Layer.AUTHENTICATION,
    "AUTH_OK": Layer.DATABASE,
    "OK": Layer.DATABASE,
}
"""Names of libpq's `ConnStatusType`, and the layer that is waited in."""


@dataclass(frozen=True, kw_only=True)
class ServerIdentity:
    """What a reached database says of itself, and how long each layer took."""

    version_number: int
    version: str
    comment: str | None
    encrypted: bool
    milliseconds: Mapping[Layer, float]


class DriverRefusedError(PostgresError):
    """libpq gave up. Says nothing of its text, which may quote the connection string. Stays inside this room."""

    def __init__(self) -> None:
        super().__init__("the driver could not connect")


def ask(connection: Connection, address: str, *, seconds: float, clock: Callable[[], float]) -> ServerIdentity:
    """Connect to `address`, ask for version and comment, disconnect.

    Raises:
        VerdictError: A layer took too long, or the server refused the query.
        DriverRefusedError: libpq could not connect.
    """
    # Loading the driver takes as long as the rest of a plan, which never connects; and it is no time of the server's.
    from psycopg import Error, pq  # noqa: PLC0415 - the one place that connects

    deadline = clock() + seconds
    try:
        session = _Session(libpq.begin(connection, address), pq, deadline=deadline, clock=clock)
    except Error:
        raise DriverRefusedError from None
    try:
        session.connect()
        number, version, comment = session.query()
        encrypted = bool(session.libpq.ssl_in_use)
    finally:
        session.libpq.finish()
    return ServerIdentity(
        version_number=int(number or 0),
        version=version or "",
        comment=comment,
        encrypted=encrypted,
        milliseconds=session.milliseconds,
    )


class _Session:
    def __init__(self, session: PGconn, pq: ModuleType, *, deadline: float, clock: Callable[[], float]) -> None:
        self.libpq = session
        self.milliseconds: dict[Layer, float] = {}
        self._pq = pq
        self._deadline = deadline
        self._clock = clock

    def connect(self) -> None:
        layer, polling = Layer.TCP, self._pq.PollingStatus
        while True:
            layer = _PHASES.get(self._phase, layer)
            state = polling.FAILED if self._phase == "BAD" else self.libpq.connect_poll()
            if state == polling.OK:
                return
            if state == polling.FAILED:
                raise DriverRefusedError
            layer = _PHASES.get(self._phase, layer)
            self._wait(layer, write=state == polling.WRITING)

    @property
    def _phase(self) -> str:
        return str(self._pq.ConnStatus(self.libpq.status).name)

    def query(self) -> tuple[str | None, ...]:
        self.libpq.send_query(QUERY)
        while self.libpq.flush() or self.libpq.is_busy():
            self._wait(Layer.IDENTITY)
            self.libpq.consume_input()
        result = self.libpq.get_result()
        if result is None or result.status != self._pq.ExecStatus.TUPLES_OK or result.ntuples != 1:
            code = result.error_field(self._pq.DiagnosticField.SQLSTATE) if result else None
            raise VerdictError(of_query_error((code or b"").decode("ascii", "replace")))
        values = [result.get_value(0, column) for column in range(result.nfields)]
        return tuple(value if value is None else value.decode("utf-8", "replace") for value in values)

    def _wait(self, layer: Layer, *, write: bool = False) -> None:
        """Wait for the socket; the time goes to `layer`, and so does the blame when the deadline passes."""
        begun = self._clock()
        sockets = [self.libpq.socket]
        remaining = max(0.0, self._deadline - begun)
        ready = select.select([] if write else sockets, sockets if write else [], [], remaining)
        self.milliseconds[layer] = self.milliseconds.get(layer, 0.0) + (self._clock() - begun) * 1000
        if not any(ready):
            raise VerdictError(TIMEOUTS[layer])
