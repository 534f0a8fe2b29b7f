"""The dev database as a server of this machine, where there is no Docker. Its twin is the container."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pulumi

from components.errors import ConfigurationError
from components.postgres.database import DatabaseConnection, connection_url, declare_baseline
from components.postgres.server.account import choose_account, running_as_root
from components.postgres.server.binaries import installed
from components.postgres.server.provider import EmbeddedServer, Password, PasswordInputs
from components.postgres.sqlfiles import extensions_of
from components.resource import later

if TYPE_CHECKING:
    from components.postgres.baseline import Baseline
    from components.postgres.database import BaselineSettings
    from components.postgres.server.settings import ServerSettings


@dataclass(frozen=True, kw_only=True)
class EmbeddedPostgresResources:
    """What the component is made of."""

    password: Password
    server: EmbeddedServer
    baseline: Baseline


def require_extensions(baseline: BaselineSettings) -> None:
    """Refuse SQL files that create an extension which the embedded server lacks, before anything is made.

    Raises:
        ConfigurationError: There is such a file, or one cannot be read.
    """
    there = installed().extensions
    missing = {name: place for name, place in extensions_of(baseline.sql_files or ()).items() if name not in there}
    if not missing:
        return
    told = ", ".join(f"{name} ({place})" for name, place in missing.items())
    raise ConfigurationError(
        f"the SQL files create extensions that the embedded server does not have: {told}; it has "
        f"{', '.join(sorted(there))}",
        next_step="set infra:database: docker, or xata for the cloud branch dev, which have them; for random UUIDs "
        "gen_random_uuid() needs no extension",
    )


class EmbeddedPostgres(pulumi.ComponentResource):
    """A Postgres server on this machine's loopback, its data in a folder of the user's.

    Args:
        name: Of the component; its children are named after it.
        settings: The server to be; its password is made here. What is wrong with a value is said at preview.
        baseline: What the database carries before anyone is told about it.

    Raises:
        ConfigurationError: The SQL files create an extension that this server does not have.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: ServerSettings,
        baseline: BaselineSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        require_extensions(baseline)
        super().__init__("infra:postgres:EmbeddedPostgres", name, None, opts)
        self.settings = settings
        self._say_account()
        child = pulumi.ResourceOptions(parent=self)
        password = Password(f"{name}-password", PasswordInputs(), child)
        server = EmbeddedServer(f"{name}-server", replace(settings, password=later(password.value)), child)
        url = connection_url(
            host=server.host, port=server.port, database=server.database, user=server.user, password=server.password
        )
        stamped = declare_baseline(name, baseline, url, child)
        self.resources = EmbeddedPostgresResources(password=password, server=server, baseline=stamped)
        self.cluster = server.system_identifier
        self._url = url
        self.register_outputs({})

    def connection(self) -> DatabaseConnection:
        """How to reach the database."""
        server = self.resources.server
        return DatabaseConnection(
            host=server.host,
            port=server.port.apply(int),
            database=server.database,
            user=server.user,
            url=self._url,
            version=server.version,
            ready=self.resources.baseline,
        )

    def _say_account(self) -> None:
        """Say who runs the server when root does not: it is not what one expects to find in a process list."""
        if running_as_root():
            who = f"{choose_account().name} (or the data's owner)"
            pulumi.log.info(f"this is root, so the embedded Postgres runs as {who}", self)
