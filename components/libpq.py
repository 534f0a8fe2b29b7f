"""The one place that opens this program's sessions with Postgres: whom it trusts, and what it tells them. No Pulumi.

A password leaves this process only as a proof (SCRAM-SHA-256), and only to a server of this machine or one whose name
and chain of certificates were verified, whatever the URL's `sslmode` says: that one is meant for the app's driver.
Nothing comes from the user's shell or home folder, which are about the user's own servers.
"""

from __future__ import annotations

import functools
import os
import ssl
import threading
import time
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import certifi
from typing_extensions import override

from components.connection import loopback_address
from components.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import psycopg
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn

    from components.connection import Connection

AUTHORITIES = "INFRA_DATABASE_CA"
"""The variable that names a file with the certificates (PEM) to trust instead of the system's."""
SILENCE_SECONDS = 30.0
"""After how long without a word a server is asked whether it still lets anybody in."""
STATEMENT_SECONDS = 3600.0
"""How long one statement may take, as long as the server lets others in meanwhile."""
_NOWHERE = f"{os.devnull}/none"
_ALWAYS: Mapping[str, str] = MappingProxyType(
    {
        "require_auth": "scram-sha-256",
        "gssencmode": "disable",
        "client_encoding": "UTF8",
        # What libpq would take from ~/.pgpass and ~/.postgresql otherwise.
        "passfile": _NOWHERE,
        "sslcertmode": "disable",
        "sslcrl": _NOWHERE,
    }
)
_LOCK = threading.Lock()


def authorities(environment: Mapping[str, str] = os.environ) -> str:
    """The file with the certificates to trust: the one that the user names, else the system's, else Mozilla's.

    It is always a file by name: the OpenSSL inside of psycopg's wheels looks for the system's where no system has them.
    """
    named = environment.get(AUTHORITIES, "")
    return str(Path(named).absolute()) if named else ssl.get_default_verify_paths().cafile or certifi.where()


def tls_context() -> ssl.SSLContext:
    """The same trust for a socket of our own: name and chain are verified.

    Raises:
        ConfigurationError: There are no certificates to verify by.
    """
    file = authorities()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # no default context: that writes its keys to SSLKEYLOGFILE
    try:
        context.load_verify_locations(cafile=file)
    except OSError:
        raise ConfigurationError(
            f"the database's certificate cannot be verified: {file} is not a file with certificates (PEM)",
            next_step=f"correct {AUTHORITIES}, or unset it to trust the system's authorities (SSL_CERT_FILE)",
        ) from None
    context.set_alpn_protocols(["postgresql"])
    return context


def connect(connection: Connection, *, seconds: int, application: str = "infra") -> psycopg.Connection[Any]:
    """Open a session that commits each statement by itself.

    Args:
        connection: Where, and as whom.
        seconds: How long connecting may take.
        application: What the server's list of sessions calls it.

    Raises:
        psycopg.Error: The server did not let us in; its text may name host, role and database, never the password.
    """
    _forget_the_shell()
    session = _session_class().connect(
        **_parameters(connection, loopback_address(connection.host)),
        application_name=application,
        connect_timeout=seconds,
        autocommit=True,
    )
    session.knock = lambda: connect(connection, seconds=seconds, application=application).close()
    return cast("psycopg.Connection[Any]", session)


@functools.cache
def _session_class() -> Any:
    """The driver's session, but for its waiting without end: a server that has stopped ends no socket."""
    import psycopg  # noqa: PLC0415 - loaded only where a database is talked to

    class Session(psycopg.Connection[Any]):
        knock: Callable[[], None]

        @override
        def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
            deadline = time.monotonic() + STATEMENT_SECONDS
            while time.monotonic() < deadline:
                try:
                    return super().wait(gen, interval, timeout or SILENCE_SECONDS)
                except psycopg.errors._WaitTimeout:  # noqa: SLF001 - the driver has no public name for it
                    if timeout:
                        raise
                try:
                    self.knock()
                except psycopg.errors.ConnectionTimeout:
                    break
                except psycopg.Error:
                    pass  # whoever refuses is there
            self.pgconn.finish()
            raise psycopg.errors.ConnectionTimeout("the server has stopped answering")

    return Session


def begin(connection: Connection, address: str) -> PGconn:
    """Begin a session with the server at `address`, to be driven step by step.

    Raises:
        psycopg.Error: libpq cannot even begin.
    """
    from psycopg import pq  # noqa: PLC0415 - as above
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - as above

    _forget_the_shell()
    text = make_conninfo(**_parameters(connection, address), application_name="infra")
    return pq.PGconn.connect_start(text.encode())


def program_environment(connection: Connection, *, seconds: int) -> dict[str, str]:
    """This process's variables for one of Postgres' own programs (psql, pg_dump), which then opens such a session.

    The password is one of them: unlike an argument nobody else on the machine sees it, and no file of it is left.

    Args:
        connection: Where, and as whom.
        seconds: How long connecting may take.
    """
    from psycopg import pq  # noqa: PLC0415 - loaded only where a database is talked to

    told = _parameters(connection, loopback_address(connection.host))
    told |= {"application_name": "infra", "connect_timeout": seconds}
    variables = {one.keyword.decode(): one.envvar.decode() for one in pq.Conninfo.get_defaults() if one.envvar}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {variables[keyword]: str(value) for keyword, value in told.items() if value is not None}


def _parameters(connection: Connection, address: str | None) -> dict[str, Any]:
    """What libpq is told. With no address, it asks the resolver for the host's."""
    tls = {"sslmode": "verify-full", "sslrootcert": authorities()} if connection.verified else {"sslmode": "disable"}
    return {
        "host": connection.host,
        "hostaddr": address,
        "port": connection.port,
        "dbname": connection.database,
        "user": connection.user,
        "password": connection.password,
        **_ALWAYS,
        **tls,
    }


def _forget_the_shell() -> None:
    """Remove libpq's variables from this process, all of them and for good.

    A parameter overrules most of them, but none does PGSERVICE, PGTZ or PGDATESTYLE, and the next release of libpq may
    read another one. libpq reads them while a session is opened, at several times: they cannot be hidden for a moment
    without being hidden from other threads, too.
    """
    with _LOCK:
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]
