"""The one place that opens this program's sessions with Postgres: whom it trusts, and what it tells them. No Pulumi.

A password leaves this process only as a proof (SCRAM-SHA-256), and only to a server of this machine or one whose name
and chain of certificates were verified, whatever the URL's `sslmode` says: that one is meant for the app's driver.
Nothing comes from the user's shell or home folder, which are about the user's own servers.
"""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import certifi

from components.connection import loopback_address
from components.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg
    from psycopg.pq.abc import PGconn

    from components.connection import Connection

AUTHORITIES = "INFRA_DATABASE_CA"
"""The variable that names a file with the certificates (PEM) to trust instead of the system's."""
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
    import psycopg  # noqa: PLC0415 - loaded only where a database is talked to

    _forget_the_shell()
    return psycopg.connect(
        **_parameters(connection, loopback_address(connection.host)),
        application_name=application,
        connect_timeout=seconds,
        autocommit=True,
    )


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
