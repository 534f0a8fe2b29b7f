"""The room's resources that every dev database is made of; the container's own are in `docker_postgres`."""

from __future__ import annotations

import pulumi

from components.postgres.provider import BaselineProvider, EmbeddedServerProvider, PasswordProvider
from components.resource import Resource


class Password(Resource, provider=PasswordProvider, module="postgres", name="Password"):
    """A password, made once and kept in the state as a secret."""

    value: pulumi.Output[str]


class EmbeddedServer(Resource, provider=EmbeddedServerProvider, module="postgres", name="EmbeddedServer"):
    """A Postgres server on this machine."""

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    version: pulumi.Output[str]
    database: pulumi.Output[str]
    user: pulumi.Output[str]
    password: pulumi.Output[str]


class Baseline(Resource, provider=BaselineProvider, module="postgres", name="Baseline"):
    """What a database carries from the first moment: the identity stamp, and SQL files applied once each."""
