"""Trying to log in as the app: the only proof that a server is ready, and ours."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from components import libpq
from components.connection import Connection
from components.postgres.server.ports import HOST

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT_SECONDS = 5

_REFUSALS = re.compile(
    r"password authentication failed|database \".*\" does not exist|role \".*\" (does not exist|is not permitted)"
    r"|no pg_hba\.conf entry|permission denied for database",
)
_STARTING = re.compile(r"the database system is |not yet accepting connections")
_SPOKEN = "FATAL:"


class LoginResult(Enum):
    """What a server says to a login."""

    LET_IN = auto()
    REFUSED = auto()  # wrong password, role or database
    NOT_READY = auto()  # no Postgres speaks, or it starts, recovers or stops
    OTHER = auto()  # it runs and said no for another reason, such as too many connections


@dataclass(frozen=True, kw_only=True)
class Login:
    """Whom to log in as, at which port of this machine."""

    port: int
    database: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The outcome of one login.

    Attributes:
        version: The server's version, such as `18.6`, after a success.
        text: The server's words, after a failure.
    """

    answer: LoginResult
    version: str = ""
    text: str = ""


def connect(login: Login) -> psycopg.Connection[Any]:
    """Open a session.

    Raises:
        psycopg.Error: The server did not let us in; its text may name host, role and database, never the password.
    """
    where = Connection(
        host=HOST,
        port=login.port,
        database=login.database,
        user=login.user,
        password=login.password,
        sslmode="disable",
    )
    return libpq.connect(where, seconds=CONNECT_TIMEOUT_SECONDS)


def attempt(login: Login) -> Attempt:
    """Log in once."""
    import psycopg  # noqa: PLC0415 - half of this room's start-up time, and most runs of the program never log in

    try:
        with connect(login) as connection:
            return Attempt(answer=LoginResult.LET_IN, version=_dotted(connection.info.server_version))
    except psycopg.Error as error:
        lines = str(error).strip().splitlines() or ["no answer"]
    return Attempt(answer=_judged(lines[0]), text=lines[0].rpartition(_SPOKEN)[2].strip())


def _judged(text: str) -> LoginResult:
    if _SPOKEN not in text or _STARTING.search(text):
        return LoginResult.NOT_READY
    return LoginResult.REFUSED if _REFUSALS.search(text) else LoginResult.OTHER


def _dotted(number: int) -> str:
    return f"{number // 10000}.{number % 10000}"
