"""Which layer an error belongs to, what caused it, what to do next, and whether it may pass by itself. Pure tables.

Texts name host, port, database and user; they never quote what a server or a library said, since that may hold a
connection string.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass, replace
from ssl import SSLCertVerificationError, SSLEOFError, SSLZeroReturnError
from typing import TYPE_CHECKING

from components.connectivity.report import Layer
from components.errors import PostgresError
from components.libpq import AUTHORITIES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLError

    from components.connection import Connection


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One row: `cause` and `next_step` are templates over host, port, database and user."""

    layer: Layer
    cause: str
    next_step: str
    retryable: bool = False

    def about(self, connection: Connection) -> Verdict:
        """The same with the names of `connection` filled in."""
        names = {
            "host": _printable(connection.host),
            "port": connection.port,
            "database": _printable(connection.database),
            "user": _printable(connection.user),
        }
        return replace(self, cause=self.cause.format(**names), next_step=self.next_step.format(**names))


class VerdictError(PostgresError):
    """A layer failed. Stays inside this room: the probe turns it into a report."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(verdict.cause, next_step=verdict.next_step)


_RESOLVER = "check this machine's network and DNS settings, then try again"
_HOST = "was the branch deleted, or is the region in the host name wrong? compare it with the stack's databaseHost"
_START = "start it: ./infra up STACK heals a stopped local server; wake a hibernated branch by trying again"
_FROZEN = (
    "is it Postgres that listens there? try again; ./infra up STACK lets a local server run on that was paused or "
    "stopped where it is; else look at the server's log"
)
_ROUTE = "check the network, the VPN, firewalls on the way and the server's list of allowed addresses"
_ROTATED = "were the credentials rotated or the data folder replaced? ./infra up STACK writes the current ones"
_CERTIFICATE = (
    "the password was not sent. Is {host} the right host? then name a file with its authority's certificate: "
    f"export {AUTHORITIES}=FILE"
)

NAME_ERRORS: Mapping[int, Verdict] = {
    socket.EAI_NONAME: Verdict(layer=Layer.NAME, cause="there is no host named {host}", next_step=_HOST),
    socket.EAI_NODATA: Verdict(layer=Layer.NAME, cause="the name {host} has no address", next_step=_HOST),
    socket.EAI_FAIL: Verdict(layer=Layer.NAME, cause="the name server refused to resolve {host}", next_step=_RESOLVER),
    socket.EAI_AGAIN: Verdict(
        layer=Layer.NAME,
        cause="the name {host} cannot be resolved at the moment",
        next_step=_RESOLVER,
        retryable=True,
    ),
}
NAME_DEFAULT = Verdict(layer=Layer.NAME, cause="resolving {host} failed", next_step=_RESOLVER, retryable=True)
NAME_INVALID = Verdict(
    layer=Layer.NAME, cause="{host} is not a host name", next_step="correct the host in the database URL"
)

SOCKET_ERRORS: Mapping[int, Verdict] = {
    errno.ECONNREFUSED: Verdict(
        layer=Layer.TCP, cause="nothing listens on {host}:{port}", next_step=_START, retryable=True
    ),
    errno.ECONNRESET: Verdict(
        layer=Layer.TCP,
        cause="{host}:{port} takes connections and drops them at once: a proxy or firewall with no Postgres behind it",
        next_step=_START,
        retryable=True,
    ),
    errno.ETIMEDOUT: Verdict(layer=Layer.TCP, cause="{host}:{port} does not answer", next_step=_ROUTE, retryable=True),
    errno.EHOSTUNREACH: Verdict(layer=Layer.TCP, cause="there is no route to {host}", next_step=_ROUTE, retryable=True),
    errno.ENETUNREACH: Verdict(
        layer=Layer.TCP, cause="this machine has no network that leads to {host}", next_step=_ROUTE, retryable=True
    ),
    errno.EACCES: Verdict(layer=Layer.TCP, cause="this machine forbids connections to {host}:{port}", next_step=_ROUTE),
    errno.EPERM: Verdict(
        layer=Layer.TCP, cause="a firewall on this machine forbids connections to {host}:{port}", next_step=_ROUTE
    ),
    errno.EADDRNOTAVAIL: Verdict(
        layer=Layer.TCP, cause="this machine has no address to reach {host} from", next_step=_ROUTE, retryable=True
    ),
}
SOCKET_ALIASES: Mapping[int, int] = {errno.EPIPE: errno.ECONNRESET, errno.ECONNABORTED: errno.ECONNRESET}
SOCKET_DEFAULT = Verdict(
    layer=Layer.TCP, cause="the connection to {host}:{port} failed", next_step=_ROUTE, retryable=True
)

TIMEOUTS: Mapping[Layer, Verdict] = {
    Layer.NAME: replace(NAME_DEFAULT, cause="resolving {host} took too long"),
    Layer.TCP: SOCKET_ERRORS[errno.ETIMEDOUT],
    Layer.TLS: Verdict(
        layer=Layer.TLS,
        cause="{host}:{port} took the connection and did not finish the TLS handshake",
        next_step=_FROZEN,
        retryable=True,
    ),
    Layer.AUTHENTICATION: Verdict(
        layer=Layer.AUTHENTICATION,
        cause="{host}:{port} took the connection and did not answer the log-in of {user}",
        next_step=_FROZEN,
        retryable=True,
    ),
    Layer.DATABASE: Verdict(
        layer=Layer.DATABASE,
        cause="{host}:{port} let {user} in and did not open the database {database}",
        next_step="look at the server's log; an exclusive lock or a full server holds new sessions back",
        retryable=True,
    ),
    Layer.IDENTITY: Verdict(
        layer=Layer.IDENTITY,
        cause="the database {database} did not answer a one-row query",
        next_step="look at the server's load and log",
        retryable=True,
    ),
}

TLS_REFUSED = Verdict(
    layer=Layer.TLS,
    cause="{host}:{port} refuses TLS, without which no password is sent",
    next_step="is {host} the right host, and is nobody in between? only a server of this machine may do without TLS, "
    "with sslmode=disable in its URL",
)
NOT_POSTGRES = Verdict(
    layer=Layer.TLS,
    cause="what listens on {host}:{port} does not speak Postgres' protocol",
    next_step="another program has the port: choose another one in the stack's configuration, or stop that program",
)
TLS_DEFAULT = Verdict(
    layer=Layer.TLS,
    cause="the TLS handshake with {host}:{port} failed",
    next_step="the two sides share no protocol version or cipher, or a proxy on the way interferes",
)
CERTIFICATE_DEFAULT = Verdict(
    layer=Layer.TLS, cause="the certificate of {host}:{port} cannot be verified", next_step=_CERTIFICATE
)
# The numbers are OpenSSL's X509_V_ERR_… codes.
CERTIFICATES: Mapping[int, Verdict] = {
    9: replace(
        CERTIFICATE_DEFAULT,
        cause="the certificate of {host} is not valid yet",
        next_step="check the clock of this machine and of the server",
    ),
    10: replace(
        CERTIFICATE_DEFAULT,
        cause="the certificate of {host} has expired",
        next_step="renew it on the server; if it is fresh, check the clock of this machine",
    ),
    18: replace(CERTIFICATE_DEFAULT, cause="the certificate of {host} is signed by itself"),
    19: replace(CERTIFICATE_DEFAULT, cause="the certificate of {host} ends in an unknown root"),
    20: replace(CERTIFICATE_DEFAULT, cause="the issuer of the certificate of {host} is not known here"),
    21: replace(CERTIFICATE_DEFAULT, cause="the certificate chain of {host} is incomplete"),
    23: replace(CERTIFICATE_DEFAULT, cause="the certificate of {host} was revoked"),
    62: replace(CERTIFICATE_DEFAULT, cause="the certificate is not for the name {host}"),
    64: replace(CERTIFICATE_DEFAULT, cause="the certificate is not for the address {host}"),
}

CUT = Verdict(
    layer=Layer.AUTHENTICATION,
    cause="{host}:{port} cut the connection half-way",
    next_step="look at the server's log; a proxy or gateway in front of it may be restarting",
    retryable=True,
)
METHOD_UNKNOWN = Verdict(
    layer=Layer.AUTHENTICATION,
    cause="{host}:{port} asks {user} for something other than a proof of the password (SCRAM-SHA-256)",
    next_step="is it the right server? the password was not sent; let the role log in with scram-sha-256 (pg_hba.conf)",
)
METHODS: Mapping[int, Verdict] = {
    0: replace(METHOD_UNKNOWN, cause="{host}:{port} lets {user} in without asking for the password"),
    3: replace(METHOD_UNKNOWN, cause="{host}:{port} asks {user} for the password in clear text"),
    5: replace(METHOD_UNKNOWN, cause="{host}:{port} asks {user} for the password as an MD5 hash"),
    12: replace(METHOD_UNKNOWN, cause="{host}:{port} cannot prove that it knows the password of {user}"),
}
_STARTING = "wait a moment and try again; if it lasts, look at the server's log"
_FULL = "close idle sessions or raise max_connections; find them in pg_stat_activity"
SQLSTATES: Mapping[str, Verdict] = {
    "28P01": Verdict(
        layer=Layer.AUTHENTICATION, cause="{host}:{port} refuses the password of {user}", next_step=_ROTATED
    ),
    "28000": Verdict(
        layer=Layer.AUTHENTICATION,
        cause="{host}:{port} does not let {user} log in from here",
        next_step="does the role exist and may it log in? does pg_hba.conf allow this address and sslmode?",
    ),
    "3D000": Verdict(
        layer=Layer.DATABASE,
        cause="there is no database {database} on {host}:{port}",
        next_step="was it dropped, or is the name in the URL wrong? ./infra up STACK creates the stack's own",
    ),
    "42501": Verdict(
        layer=Layer.DATABASE,
        cause="{user} may not connect to the database {database}",
        next_step="as its owner: GRANT CONNECT ON DATABASE … TO …",
    ),
    "55000": Verdict(
        layer=Layer.DATABASE,
        cause="the database {database} takes no connections (a template, or closed by its owner)",
        next_step="open it with ALTER DATABASE … ALLOW_CONNECTIONS true, or correct the URL",
    ),
    "57P01": Verdict(
        layer=Layer.DATABASE, cause="the server shut the session down", next_step=_STARTING, retryable=True
    ),
    "57P02": Verdict(
        layer=Layer.DATABASE, cause="the server crashed and restarts", next_step=_STARTING, retryable=True
    ),
    "57P03": Verdict(
        layer=Layer.DATABASE, cause="the server is starting or stopping", next_step=_STARTING, retryable=True
    ),
    "53300": Verdict(layer=Layer.DATABASE, cause="the server has no connection left", next_step=_FULL, retryable=True),
    "57014": replace(TIMEOUTS[Layer.IDENTITY], cause="the server cancelled a one-row query"),
    "08P01": replace(NOT_POSTGRES, layer=Layer.AUTHENTICATION),
}
SQLSTATE_CLASSES: Mapping[str, Verdict] = {
    "28": SQLSTATES["28000"],
    "08": Verdict(layer=Layer.DATABASE, cause="the server lost the connection", next_step=_STARTING, retryable=True),
    "53": Verdict(
        layer=Layer.DATABASE,
        cause="the server is out of memory, disk space or connections",
        next_step="free what is short there; its log says which",
        retryable=True,
    ),
    "57": Verdict(
        layer=Layer.DATABASE, cause="an operator or the server itself intervened", next_step=_STARTING, retryable=True
    ),
    "58": Verdict(
        layer=Layer.DATABASE, cause="the server met an error of its disk or system", next_step="look at its log"
    ),
    "XX": Verdict(layer=Layer.DATABASE, cause="the server met an internal error", next_step="look at its log"),
}
SQLSTATE_DEFAULT = Verdict(
    layer=Layer.DATABASE,
    cause="the server refuses the session",
    next_step="look up the SQLSTATE in Postgres' appendix A and at the server's log",
)

LOG_IN_UNKNOWN = Verdict(
    layer=Layer.AUTHENTICATION,
    cause="{host}:{port} did not let {user} in, though every single layer answers",
    next_step="set log_connections on the server, try again and look at its log",
    retryable=True,
)
QUERY_REFUSED = Verdict(
    layer=Layer.IDENTITY,
    cause="the database {database} refuses to say its version and stamp",
    next_step="let {user} read pg_database and call shobj_description, as every role may by default",
)
NO_STAMP = Verdict(
    layer=Layer.IDENTITY,
    cause="the database {database} carries no identity stamp",
    next_step="it was not made by this stack, or its comment was replaced: ./infra up STACK stamps the stack's own",
)


def of_name_error(error: OSError) -> Verdict:
    """The verdict on a failed name resolution."""
    return NAME_ERRORS.get(error.errno or 0, NAME_DEFAULT)


def of_socket_error(error: OSError) -> Verdict:
    """The verdict on a TCP error."""
    if isinstance(error, TimeoutError):
        return TIMEOUTS[Layer.TCP]
    number = error.errno or 0
    return SOCKET_ERRORS.get(SOCKET_ALIASES.get(number, number), SOCKET_DEFAULT)


def of_tls_error(error: SSLError) -> Verdict:
    """The verdict on a failed TLS handshake."""
    if isinstance(error, SSLCertVerificationError):
        return CERTIFICATES.get(error.verify_code, CERTIFICATE_DEFAULT)
    ended = isinstance(error, SSLEOFError | SSLZeroReturnError)  # the second of older Pythons
    return replace(CUT, layer=Layer.TLS) if ended else TLS_DEFAULT


def of_method(number: int | None) -> Verdict:
    """The verdict on an authentication request that is not answered; None for a malformed one."""
    return METHOD_UNKNOWN if number is None else METHODS.get(number, METHOD_UNKNOWN)


def of_sqlstate(code: str) -> Verdict:
    """The verdict on an error that the server answered a log-in with."""
    return _coded(SQLSTATES.get(code) or SQLSTATE_CLASSES.get(code[:2]) or SQLSTATE_DEFAULT, code)


def of_query_error(code: str) -> Verdict:
    """The verdict on an error that the server answered a query with: its own trouble, or the query's."""
    server_trouble = code[:2] in {"08", "53", "57", "58", "XX"}
    return of_sqlstate(code) if server_trouble else _coded(QUERY_REFUSED, code)


def _coded(verdict: Verdict, code: str) -> Verdict:
    safe = code if code.isalnum() and code.isascii() else "?????"
    return replace(verdict, cause=f"{verdict.cause} (SQLSTATE {safe})")


def wrong_branch(*, found: str, expected: str) -> Verdict:
    """The database is another branch's."""
    return Verdict(
        layer=Layer.IDENTITY,
        cause=f"the database {{database}} is branch {_quoted(found)}, not {_quoted(expected)}",
        next_step="the URL points at another environment: correct it before anything is deployed on it",
    )


def wrong_major(*, found: str, expected: int) -> Verdict:
    """The server is of another major version."""
    return Verdict(
        layer=Layer.IDENTITY,
        cause=f"the server is Postgres {_quoted(found)}, and the stack wants {expected}",
        next_step="upgrade the server, or correct the version in the stack's configuration",
    )


def _printable(text: str) -> str:
    """Text from outside, made safe for a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text[:80])


def _quoted(text: str) -> str:
    """The same, made safe for a template too."""
    return _printable(text).replace("{", "{{").replace("}", "}}")
