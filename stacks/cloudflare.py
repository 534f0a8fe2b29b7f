"""What only Cloudflare's own provider makes. Imported where it is asked for: it loads pulumi_cloudflare."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pulumi
import pulumi_cloudflare

from components.worker.api.address import DEFAULT_BASE_URL, base_url_in
from components.worker.hyperdrive import hyperdrive
from components.worker.secrets_store import secret_name, store_secret
from stacks.worker_settings import DATABASE_URL

if TYPE_CHECKING:
    from components.connectivity.resources import DatabaseCheck
    from components.postgres.database import DatabaseConnection
    from stacks.models import CloudSettings
    from stacks.worker_plan import Plan


def declare(
    plan: Plan, settings: CloudSettings, connection: DatabaseConnection, checked: DatabaseCheck
) -> tuple[list[pulumi.Resource], pulumi.Input[str]]:
    """Declare the Hyperdrive configuration and the secret in the store, where asked for.

    Returns:
        What was declared, and the Hyperdrive configuration's id; empty without one.
    """
    made: list[pulumi.Resource] = []
    opts = pulumi.ResourceOptions(provider=_provider(), depends_on=[checked])
    if settings.secrets_store:
        secret = store_secret(
            "store-secret",
            account=plan.account,
            store=settings.secrets_store,
            called=secret_name(plan.script, DATABASE_URL),
            value=connection.url,
            opts=opts,
        )
        made.append(secret)
    if not settings.hyperdrive:
        return made, ""
    pool = hyperdrive("hyperdrive", account=plan.account, called=plan.script, connection=connection, opts=opts)
    return [*made, pool], pool.id


def _provider() -> pulumi_cloudflare.Provider:
    """The provider at the server that everything else here talks to; it reads the token from the environment."""
    url = base_url_in(os.environ)
    return pulumi_cloudflare.Provider("cloudflare", base_url=None if url == DEFAULT_BASE_URL else url)
