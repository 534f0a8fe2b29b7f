"""What a server is asked to be, and what is refused before anything is touched. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.errors import ConfigurationError
from components.postgres.password import verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SUPERUSER = "infra_admin"
"""The bootstrap superuser. It has no password and no way in but single-user mode."""

MAX_NAME_BYTES = 63
MAX_PATH_BYTES = 900
"""Postgres keeps paths in 1024 bytes; its own file names need the rest."""
FIRST_PORT, LAST_PORT = 1024, 65535
MAX_TIMEOUT_SECONDS = 3600

_RESERVED_DATABASES = frozenset({"postgres", "template0", "template1"})
_RESERVED_ROLES = frozenset({"public", "none", SUPERUSER})


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """One server on this machine. `data_folder` is as configured: empty, from the project folder, or absolute."""

    stack: str
    project_folder: Path
    data_folder: str = ""
    preferred_port: int = 0
    database: str
    user: str
    password: str = field(repr=False)
    account: str = ""
    start_timeout_seconds: int = 60

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> ServerSettings:
        """Read a resource's properties.

        Raises:
            ConfigurationError: One of them is wrong; every wrong one is named.
        """
        wrong = problems(properties)
        if wrong:
            raise ConfigurationError("\n".join(f"{name}: {reason}" for name, reason in wrong.items()))
        return cls(
            stack=properties["stack"],
            project_folder=Path(properties["projectFolder"]),
            data_folder=properties["dataFolder"],
            preferred_port=properties["preferredPort"],
            database=properties["database"],
            user=properties["user"],
            password=properties["password"],
            account=properties["account"],
            start_timeout_seconds=properties["startTimeoutSeconds"],
        )


def problems(properties: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with those properties that are known: name to reason."""
    rules: dict[str, Callable[[Any], str]] = {
        "dataFolder": folder_problem,
        "preferredPort": port_problem,
        "database": database_problem,
        "user": user_problem,
        "password": password_problem,
        "startTimeoutSeconds": timeout_problem,
    }
    reasons = {name: rule(properties[name]) for name, rule in rules.items() if properties.get(name) is not None}
    return {name: reason for name, reason in reasons.items() if reason}


def port_problem(port: Any) -> str:
    """Why Postgres cannot listen on this port; empty when it can."""
    if isinstance(port, int) and not isinstance(port, bool) and (port == 0 or FIRST_PORT <= port <= LAST_PORT):
        return ""
    return f"{port!r} is no port for Postgres; allowed: {FIRST_PORT} to {LAST_PORT}, or 0 for any free one"


def database_problem(name: Any) -> str:
    """Why a database cannot have this name; empty when it can."""
    if isinstance(name, str) and name in _RESERVED_DATABASES:
        return f"{name!r} is one of Postgres's own databases; choose another name, such as app"
    return _name_problem(name)


def user_problem(name: Any) -> str:
    """Why a role cannot have this name; empty when it can."""
    if isinstance(name, str) and (name in _RESERVED_ROLES or name.startswith("pg_")):
        return (
            f"{name!r} is reserved: public, none, {SUPERUSER} and names starting with pg_; choose another, such as app"
        )
    return _name_problem(name)


def _name_problem(name: Any) -> str:
    if not isinstance(name, str) or not name:
        return f"{name!r} is no name; allowed: 1 to {MAX_NAME_BYTES} bytes of text"
    if not name.isprintable():
        return f"{name!r} holds a control character or one that cannot be written"
    size = len(name.encode())
    if size > MAX_NAME_BYTES:
        return f"{name!r} is {size} bytes long; Postgres keeps {MAX_NAME_BYTES}"
    return ""


def password_problem(password: Any) -> str:
    """Why a role cannot have this password, without quoting it; empty when it can."""
    try:
        verifier(str(password), iterations=1)
    except ConfigurationError as error:
        return error.message
    return ""


def folder_problem(folder: Any) -> str:
    """Why a server cannot live there; empty when it can, as far as the text alone says."""
    if not isinstance(folder, str):
        return f"{folder!r} is no path"
    if not folder.isprintable():
        return f"{folder!r} holds a control character or one that cannot be written"
    size = len(folder.encode())
    if size > MAX_PATH_BYTES:
        return f"the path is {size} bytes long; allowed: {MAX_PATH_BYTES}. Choose a folder nearer to the root"
    return ""


def timeout_problem(seconds: Any) -> str:
    """Why a start cannot have this limit; empty when it can."""
    if isinstance(seconds, int) and not isinstance(seconds, bool) and 1 <= seconds <= MAX_TIMEOUT_SECONDS:
        return ""
    return f"{seconds!r} is no limit for a start; allowed: 1 to {MAX_TIMEOUT_SECONDS} seconds"
