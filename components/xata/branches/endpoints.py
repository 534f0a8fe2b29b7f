"""Where a branch is and how to log in to it: only what the service tells, in one of two places. Pure.

The credentials name host, port and database; servers up to June 2026 do so only in the
branch's `connectionString`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from components.connection import DEFAULT_PORT, Connection
from components.errors import LifecycleError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.xata.api.models import Branch, Credentials

ALLOW_HOST = "INFRA_ALLOW_HOST"
"""The environment variable that names the domain to which a branch's host may have moved."""

LITE = ".xata.sh"
LAST_PORT = 65535
SHOWN = 100

_SUFFIXES = re.compile(r"(-(?:rw|ro|r|pooler|deprecated))+$")
_HOST = re.compile(
    r"(?P<host>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)\.?(?::(?P<port>[0-9]{1,5}))?(?:/(?P<database>[^/?#\s]*))?"
)
_NUMBERS = re.compile(r"[0-9.]+")


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """The three ways to reach a branch; user, password and database are the same.

    Attributes:
        direct: The primary.
        pooler: PgBouncer in transaction mode before the primary.
        read_only: The replicas.
    """

    direct: Connection
    pooler: Connection
    read_only: Connection

    @property
    def password(self) -> str:
        """The password, the same for all three."""
        return self.direct.password


def endpoints_of(credentials: Credentials, branch: Branch) -> Endpoints | None:
    """Where and how to connect, TLS always; None while neither the credentials nor the branch tell a host.

    Where only the port or the database is not told they are what libpq takes then: 5432, and the user's name.

    Raises:
        LifecycleError: What is told is no host that a branch can be reached by.
        RefusedError: It is a host of Xata Lite.
    """
    named = _address("credentials name the host", credentials.hostname) if credentials.hostname else None
    complete = credentials.hostname and credentials.port and credentials.dbname
    string = "" if complete else credentials.address or branch.address
    told = _address("connectionString names the host", string) if string else None
    if named is None and told is None:
        return None
    parts = [part for part in (named, told) if part]
    port = credentials.port or next((part.port for part in parts if part.port), DEFAULT_PORT)
    database = credentials.dbname or next((part.database for part in parts if part.database), credentials.username)

    def at(suffix: str) -> Connection:
        return Connection(
            host=variant(parts[0].host, suffix),
            port=port,
            database=database,
            user=credentials.username,
            password=credentials.password,
            sslmode="require",
        )

    return Endpoints(direct=at(""), pooler=at("-pooler"), read_only=at("-ro"))


def require_same_domain(
    recorded: str, found: Endpoints, branch: Branch, environment: Mapping[str, str] = os.environ
) -> None:
    """Refuse an address outside of the domain where an earlier run found the branch; `recorded` is empty on the first.

    Raises:
        RefusedError: The host left its region's domain, and `INFRA_ALLOW_HOST` does not name the new one.
    """
    host = found.direct.host
    before, now = (_domain(one, branch.region) for one in (recorded, host))
    if not recorded or before == now or environment.get(ALLOW_HOST, "").strip().lower() == now:
        return
    raise RefusedError(
        f"the branch {branch.name!r} ({branch.id}) was at {recorded}, and the service now names {host}: that is "
        f"outside of {before}, so no password was sent there and nothing was recorded",
        next_step=f"ask Xata whether it moved; if it did, name the new domain: {ALLOW_HOST}={now}",
    )


def _domain(host: str, region: str) -> str:
    """What the hosts of a region share: labels between the branch's and the region's name a cell, and may change."""
    labels = host.lower().split(".")[1:]
    return ".".join(labels[labels.index(region) if region in labels else 0 :])


def variant(host: str, suffix: str) -> str:
    """A host with this suffix on its first label, in place of any known one: `id-ro.region.xata.tech`."""
    label, dot, rest = host.partition(".")
    return f"{_SUFFIXES.sub('', label)}{suffix}{dot}{rest}"


@dataclass(frozen=True, kw_only=True)
class _Address:
    host: str
    port: int | None
    database: str


def _address(who: str, text: str) -> _Address:
    found = _HOST.fullmatch(text)
    port = int(found["port"]) if found and found["port"] else None
    if not found or (port is not None and not 0 < port <= LAST_PORT) or _NUMBERS.fullmatch(found["host"]):
        raise LifecycleError(
            f"the branch's {who} {text[:SHOWN]!r}, by which no branch can be reached: "
            "branches are told apart by the name of their host",
            next_step="run it again; if it stays so, report it to Xata's support",
        )
    if found["host"].lower().endswith(LITE):
        raise RefusedError(
            f"the host {found['host']} is one of Xata Lite, which ended on 28 February 2026",
            next_step="use a branch of the current platform, whose hosts end in .xata.tech",
        )
    return _Address(host=found["host"], port=port, database=unquote(found["database"] or ""))
