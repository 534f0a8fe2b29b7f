"""What only Cloudflare's own provider makes. Imported where it is asked for: it loads pulumi_cloudflare."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pulumi
import pulumi_cloudflare

from components.errors import RefusedError
from components.worker.api.client import CLOUDFLARE, connect
from components.worker.hyperdrive import hyperdrive
from components.worker.secrets_store import store_secret
from stacks.settings import DATABASE_URL
from stacks.worker_plan import name_in_account

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from components.postgres.database import DatabaseConnection
    from components.worker.api.models import Named
    from stacks.settings import CloudSettings
    from stacks.worker_plan import Plan


def declare(
    plan: Plan, settings: CloudSettings, connection: DatabaseConnection, checked: pulumi.Resource
) -> tuple[list[pulumi.Resource], pulumi.Input[str]]:
    """Declare the Hyperdrive configuration and the secret in the store, where asked for.

    Returns:
        What was declared, and the Hyperdrive configuration's id; empty without one.
    """
    made: list[pulumi.Resource] = []
    provider, whose = _provider(), name_in_account(plan, settings)

    def options(kind: str, there: Callable[[], Sequence[Named]]) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(provider=provider, depends_on=[checked], hooks=_unless_there(kind, there))

    if plan.store:
        secret = store_secret(
            "store-secret",
            account=plan.account,
            store=plan.store,
            called=_name_in_store(whose, DATABASE_URL),
            value=connection.url,
            opts=options("secret in the Secrets Store", lambda: connect().stored(plan.account, plan.store)),
        )
        made.append(secret)
    if not settings.hyperdrive:
        return made, ""
    opts = options("Hyperdrive configuration", lambda: connect().hyperdrives(plan.account))
    pool = hyperdrive("hyperdrive", account=plan.account, called=whose, connection=connection, opts=opts)
    return [*made, pool], pool.id


def _unless_there(kind: str, there: Callable[[], Sequence[Named]]) -> pulumi.ResourceHookBinding:
    """A look before it is made, in a preview too: a name that is taken keeps the provider trying for minutes.

    The hook runs for what is to be made and not for what the state has, and only with the Pulumi CLI, as the provider.
    """

    def refuse(args: pulumi.ResourceHookArgs) -> None:
        name = (args.new_inputs or {})["name"]
        found = [one.id for one in there() if one.name == name]
        if found:
            message = f"the account has a {kind} named {name} already, which is not this stack's (id {found[0]})"
            raise RefusedError(
                message,
                next_step="delete it in the dashboard if an update of this stack that was cut off has made it; "
                "else give this Worker another name with infra:workerName",
            )

    hook = pulumi.ResourceHook(f"{kind} is new", refuse, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_create=[hook])


def _provider() -> pulumi_cloudflare.Provider:
    """The provider at the server that everything else here talks to; it reads the token from the environment."""
    url = CLOUDFLARE.base_url_in(os.environ)
    return pulumi_cloudflare.Provider("cloudflare", base_url=None if url == CLOUDFLARE.default_url else url)


def _name_in_store(whose: str, secret: str) -> str:
    """What a secret is called in the store that all environments share: `APP_STAGING_DATABASE_URL`."""
    return re.sub(r"[^A-Z0-9]", "_", f"{whose}_{secret}".upper())
