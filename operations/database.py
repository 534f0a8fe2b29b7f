"""The database of a stack, for the commands that hand it to Postgres' own programs: psql, dump and load."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from components.connection import Connection
from components.postgres.app_role import is_login
from operations.errors import ResourceFailedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.postgres.programs import Ended
    from operations.changes import Target
    from pulumi_embedded.api import Output

ENVIRONMENT = "production"
_RELAY = re.compile(r'server at "127\.0\.0\.1", port [0-9]+')
"""Where a program connects to, behind which is the database's own host: see components.postgres.programs."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """What a stack's outputs say of its database.

    Attributes:
        stack: The stack's name.
        branch: The branch that it is, as the app is told.
        connection: Where it is, and as whom.
        production: Whether it holds production's data, by its name, its branch or what the app is told.
    """

    stack: str
    branch: str
    connection: Connection
    production: bool


def database_of(target: Target, *, as_owner: bool = False) -> Database:
    """Read a stack's database from its outputs.

    Args:
        target: Which stack.
        as_owner: Whether all of it is needed: where the app has a login of its own, Xata or the state tells
            the owner's.

    Raises:
        UsageError: It has none.
        components.errors.InfraError: Xata cannot be asked.
    """
    from operations.commands.outputs import outputs
    from stacks import side_by_side

    values = outputs(target)
    connection = Connection.parse(str(values["databaseUrl"].value))
    told = {str(values[name].value) for name in ("environment", "branchName") if name in values}
    return Database(
        stack=target.stack,
        branch=str(values["branchName"].value),
        connection=_owners(target, values, connection) if as_owner and is_login(connection.user) else connection,
        production=ENVIRONMENT in told or target.stack in side_by_side.productions(target.folder),
    )


def _owners(target: Target, values: Mapping[str, Output], apps: Connection) -> Connection:
    """How the owner logs in where the app does as `apps`."""
    from components.xata.branches import credentials
    from operations.changes import on_this_machine, opened, place_of
    from operations.commands.rotate import connected

    if on_this_machine(values):
        return _owners_here(target)
    client, branch_id = connected(target, opened(target, deploys=False)), str(values["branchId"].value)
    found = credentials.current(client, place_of(values), branch_id)
    if found is None:
        raise UsageError(
            f"{target.stack}: its branch {branch_id} is gone at Xata", next_step=f"./infra verify {target.stack}"
        )
    return replace(found.endpoints.direct, sslmode=apps.sslmode)


def _owners_here(target: Target) -> Connection:
    """How the owner logs in to a database of this machine: nobody but the stack's state knows."""
    from operations.engines import recorded
    from operations.workspace import open_workspace

    workspace = open_workspace(target.folder, target.stack, overrides=target.config, environ=target.environ())
    url = recorded.secret(workspace, "postgres:AppLogin", "ownerUrl")
    if not url:
        raise UsageError(
            f"{target.stack}: the owner's login stands in the stack's state, which only Pulumi can read where it lies",
            next_step="take infra:appRole out of Pulumi.dev.yaml, ./infra up dev, and try again",
        )
    return Connection.parse(url)


def require_reached(ended: Ended, database: Database) -> None:
    """Refuse an end that no session came before.

    Raises:
        ResourceFailedError: The server was not reached, or is not the one that it should be.
    """
    if ended.code and ended.unreached:
        raise ResourceFailedError(
            f"{database.connection.host} was not reached, or not trusted: {ended.unreached}",
            next_step=f"./infra verify {database.stack}",
        )


def require_success(program: str, ended: Ended, database: Database, *, next_step: str = "") -> None:
    """Refuse an end that is none.

    Raises:
        KeyboardInterrupt: It was interrupted.
        ResourceFailedError: It failed, with what it called an error.
    """
    require_reached(ended, database)
    if ended.code < 0:
        raise KeyboardInterrupt
    if ended.code:
        said = [line.strip() for line in ended.errors.splitlines() if " error: " in line]
        told = said[0] if said else f"{program} ended with exit code {ended.code}: {ended.errors.strip()}"
        raise ResourceFailedError(
            f"{database.stack}: {_RELAY.sub(database.connection.host, told)}",
            next_step=next_step or f"./infra verify {database.stack}",
        )
