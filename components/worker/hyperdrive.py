"""A Hyperdrive configuration for a database: a pool of connections at Cloudflare, without its cache.

Loads pulumi_cloudflare: only stacks that use it import this module. The provider is a plugin of the Pulumi CLI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_cloudflare

from components.connection import Connection

if TYPE_CHECKING:
    from components.postgres.database import DatabaseConnection


def hyperdrive(
    name: str,
    *,
    account: str,
    called: str,
    connection: DatabaseConnection,
    opts: pulumi.ResourceOptions,
) -> pulumi_cloudflare.HyperdriveConfig:
    """Declare it. Cloudflare tries to connect when it is made, and takes only hosts of the public network.

    Caching is off, and said so: Hyperdrive would answer queries from up to a minute ago, also those of a health check,
    and a declaration that is silent about it differs from what Cloudflare answers at every update. The origin is the
    database itself, not its pooler: Hyperdrive pools by transactions, and two such pools do not add up.

    Args:
        name: Of the resource.
        account: The account's id.
        called: What Cloudflare calls it; unique in the account.
        connection: The database.
        opts: Provider and dependencies.
    """
    url: pulumi.Output[str] = pulumi.Output.secret(connection.url)
    origin = pulumi_cloudflare.HyperdriveConfigOriginArgs(
        scheme="postgres",
        host=connection.host,
        port=connection.port,
        database=connection.database,
        user=connection.user,
        password=url.apply(_password),  # the SDK marks nothing below origin as secret
    )
    caching = pulumi_cloudflare.HyperdriveConfigCachingArgs(disabled=True)
    return pulumi_cloudflare.HyperdriveConfig(
        name, account_id=account, name=called, origin=origin, caching=caching, opts=opts
    )


def _password(url: str) -> str:
    return Connection.parse(url).password
