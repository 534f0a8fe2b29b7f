"""What every home of the dev database has in common: the Protocol of its components, and the settings they share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pulumi

from components.connection import Connection
from components.errors import ConfigurationError
from components.postgres.baseline import Baseline, BaselineInputs
from components.postgres.sqlfiles import SqlFile, declare, expanded, history_reason
from components.resource import later

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOCAL_HOST = "127.0.0.1"
LOCAL_SSLMODE = "disable"
"""Local servers listen on the loopback alone, without TLS."""


@dataclass(frozen=True, kw_only=True)
class BaselineSettings:
    """What the database must carry before anyone is told about it.

    Attributes:
        branch: The identity stamped on the database, such as `dev`.
        sql_files: Applied once each, in this order; None leaves those that were applied as they are.
        sanitize: Run on a fresh copy of another branch before anything else; None for none.
    """

    branch: str
    sql_files: tuple[SqlFile, ...] | None = ()
    sanitize: SqlFile | None = None

    @classmethod
    def from_paths(cls, branch: str, paths: Sequence[str] | None, *, project_folder: Path) -> BaselineSettings:
        """Read the configured SQL files; relative paths start at the project folder. None leaves the applied ones.

        Raises:
            ConfigurationError: One cannot be read or applied, or is listed twice.
        """
        if paths is None:
            return cls(branch=branch, sql_files=None)
        files = tuple(declare(name, project_folder) for name in expanded(paths, project_folder))
        problem = history_reason([], files)
        if problem:
            raise ConfigurationError(f"sqlFiles: {problem}", next_step="correct sqlFiles in the stack's configuration")
        return cls(branch=branch, sql_files=files)


def declare_baseline(
    name: str,
    baseline: BaselineSettings,
    url: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
    **more: Any,
) -> Baseline:
    """Declare the baseline of a component's database.

    Args:
        name: The component's.
        baseline: What the database must carry.
        url: Its connection string.
        opts: Of the resource.
        more: Other inputs (`BaselineInputs`).
    """
    files = baseline.sql_files
    listed = None if files is None else [asdict(file) for file in files]
    kept = pulumi.ResourceOptions(ignore_changes=["sqlFiles"] if files is None else None)
    inputs = BaselineInputs(url=later(url), branch=baseline.branch, sql_files=listed, **more)
    return Baseline(f"{name}-baseline", inputs, pulumi.ResourceOptions.merge(opts, kept))


@dataclass(frozen=True, kw_only=True)
class DatabaseConnection:
    """How the rest of a stack meets its database.

    Attributes:
        url: The connection string. A secret.
        version: The server's version, such as `18.6`.
        ready: What depends on a stamped database depends on this resource.
    """

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    database: pulumi.Output[str]
    user: pulumi.Output[str]
    url: pulumi.Output[str]
    version: pulumi.Output[str]
    ready: pulumi.Resource


class Database(Protocol):
    """A home of the dev database. The Docker container and the embedded server are its twins.

    Attributes:
        cluster: The system identifier of its data.
    """

    cluster: pulumi.Output[str]

    def connection(self) -> DatabaseConnection:
        """How to reach the database."""


def connection_url(
    *,
    host: pulumi.Input[str],
    port: pulumi.Input[int],
    database: pulumi.Input[str],
    user: pulumi.Input[str],
    password: pulumi.Input[str],
    sslmode: str = LOCAL_SSLMODE,
) -> pulumi.Output[str]:
    """The connection string of these parts, as a secret whatever its parts are."""
    parts = pulumi.Output.all(host=host, port=port, database=database, user=user, password=password)
    return pulumi.Output.secret(
        parts.apply(
            lambda known: (
                Connection(
                    host=known["host"],
                    port=int(known["port"]),
                    database=known["database"],
                    user=known["user"],
                    password=known["password"],
                    sslmode=sslmode,
                ).url
            )
        )
    )
