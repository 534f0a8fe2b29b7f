"""The real door to a server in a container: over the published port, as the app goes. Knows no Pulumi."""

from __future__ import annotations

from components.postgres.docker_role import IDENTIFIER_QUERY, Door
from components.postgres.server.login import CONNECT_TIMEOUT_SECONDS, Login, attempt
from components.postgres.server.ports import HOST


def system_identifier(login: Login) -> str:
    """What tells this cluster from every other one; empty when the server went away meanwhile."""
    import psycopg  # noqa: PLC0415 - half of this room's start-up time

    try:
        with psycopg.connect(
            hostaddr=HOST,
            port=login.port,
            dbname=login.database,
            user=login.user,
            password=login.password,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            sslmode="disable",
            gssencmode="disable",
            channel_binding="disable",
            require_auth="scram-sha-256",
            options="",
        ) as connection:
            row = connection.execute(IDENTIFIER_QUERY).fetchone()
    except psycopg.Error:
        return ""
    return str(row[0]) if row else ""


DOOR = Door(attempt=attempt, system_identifier=system_identifier)
