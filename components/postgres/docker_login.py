"""The real door to a server in a container: over the published port, as the app goes. Knows no Pulumi."""

from __future__ import annotations

from components.postgres.docker_role import IDENTIFIER_QUERY, Door
from components.postgres.server.login import Login, attempt, connect


def system_identifier(login: Login) -> str:
    """What tells this cluster from every other one; empty when the server went away meanwhile."""
    import psycopg  # noqa: PLC0415 - half of this room's start-up time

    try:
        with connect(login) as connection:
            row = connection.execute(IDENTIFIER_QUERY).fetchone()
    except psycopg.Error:
        return ""
    return str(row[0]) if row else ""


DOOR = Door(attempt=attempt, system_identifier=system_identifier)
