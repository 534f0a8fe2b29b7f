"""How a Postgres database is addressed. Pure: no driver, no Pulumi."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlsplit

from components.errors import ConfigurationError

DEFAULT_PORT = 5432
LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 1024, 65535
"""Those that a server of ours may listen on."""


def loopback_address(host: str) -> str | None:
    """The address of `localhost` and of every name below it; None for any other name.

    RFC 6761, section 6.3: such names mean this machine, and no resolver needs to be asked. Many do not know them.
    """
    labels = host.rstrip(".").lower().split(".")
    return LOOPBACK if labels[-1] == "localhost" and all(labels) else None


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return loopback_address(host) is not None


@dataclass(frozen=True, kw_only=True)
class Connection:
    """The parts of a connection string.

    The password is kept out of `repr`, so that a traceback or a log line never shows it.
    `sslmode` is libpq's, for the app's driver; local servers use `disable`, everything else `require` or `verify-full`.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    sslmode: str = "require"

    @property
    def url(self) -> str:
        """The connection string, every part percent-encoded: `postgresql://user:password@host:port/database?sslmode=…`."""
        credentials = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{credentials}@{host}:{self.port}/{quote(self.database, safe='')}?sslmode={self.sslmode}"

    @property
    def verified(self) -> bool:
        """Whether our own sessions verify the server over TLS: every one but a server of this machine without TLS."""
        return self.sslmode != "disable" or not _on_this_machine(self.host)

    @classmethod
    def parse(cls, url: str) -> Connection:
        """Read a connection string back.

        Raises:
            ConfigurationError: It is not a `postgresql://` URL with user, host and database. The text is not quoted,
                because it may hold a password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or DEFAULT_PORT
        except ValueError:
            parts, port = urlsplit(""), 0
        database = unquote(parts.path.removeprefix("/"))
        if parts.scheme not in {"postgresql", "postgres"} or not parts.hostname or not parts.username or not database:
            raise ConfigurationError(
                "the database URL is not of the form postgresql://user:password@host:port/database",
                next_step="check the stack's databaseUrl output (./infra outputs STACK --show-secrets)",
            )
        return cls(
            host=parts.hostname,
            port=port,
            database=database,
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            sslmode=parse_qs(parts.query).get("sslmode", ["prefer"])[-1],
        )


def connection_reason(url: str) -> str:
    """Why this is no connection string; empty when it is one. It is never quoted."""
    try:
        Connection.parse(url)
    except ConfigurationError as error:
        return error.message
    return ""


def port_reason(port: int) -> str:
    """Why Postgres cannot listen on this port; empty when it can."""
    if port == 0 or FIRST_PORT <= port <= LAST_PORT:
        return ""
    return f"{port!r} is no port for Postgres; allowed: {FIRST_PORT} to {LAST_PORT}, or 0 for any free one"
