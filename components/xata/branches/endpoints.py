"""Connection strings of a branch, from both known shapes of the credentials answer. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.connection import DEFAULT_PORT, Connection
from components.errors import RefusedError
from components.xata.branches.errors import LifecycleError

if TYPE_CHECKING:
    from components.xata.api.models import Branch, BranchSummary, Credentials

DOMAIN = "xata.tech"
DATABASE = "xata"
LITE = ".xata.sh"
LAST_PORT = 65535
SHOWN = 100

_SUFFIXES = re.compile(r"(-(?:rw|ro|r|pooler|deprecated))+$")
_HOST = re.compile(r"(?P<host>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)\.?(?::(?P<port>[0-9]{1,5}))?")
_ADDRESS = re.compile(r"[0-9.]+")


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


def endpoints_of(credentials: Credentials, branch: Branch | BranchSummary) -> Endpoints:
    """Where and how to connect: TLS always, and the host built from the branch's id where the answer names none.

    Raises:
        LifecycleError: The answer's host is none that a branch can be reached by.
        RefusedError: It is a host of Xata Lite.
    """
    host, port = _address(credentials.hostname or f"{branch.id}.{branch.region}.{DOMAIN}")

    def at(suffix: str) -> Connection:
        return Connection(
            host=variant(host, suffix),
            port=credentials.port or port,
            database=credentials.dbname or DATABASE,
            user=credentials.username,
            password=credentials.password,
            sslmode="require",
        )

    return Endpoints(direct=at(""), pooler=at("-pooler"), read_only=at("-ro"))


def variant(host: str, suffix: str) -> str:
    """A host with this suffix on its first label, in place of any known one: `id-ro.region.xata.tech`."""
    label, dot, rest = host.partition(".")
    return f"{_SUFFIXES.sub('', label)}{suffix}{dot}{rest}"


def _address(text: str) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    port = int(found["port"] or DEFAULT_PORT) if found else 0
    if not found or not 0 < port <= LAST_PORT or _ADDRESS.fullmatch(found["host"]):
        raise LifecycleError(
            f"the branch's credentials name the host {text[:SHOWN]!r}, by which no branch can be reached: "
            "branches are told apart by the name of their host",
            next_step="run it again; if it stays so, report it to Xata's support",
        )
    if found["host"].lower().endswith(LITE):
        raise RefusedError(
            f"the host {found['host']} is one of Xata Lite, which ended on 28 February 2026",
            next_step="use a branch of the current platform, whose hosts end in .xata.tech",
        )
    return found["host"], port
