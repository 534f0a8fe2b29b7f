"""A secret in the account's Secrets Store, which is looked up: an account has one store, so no stack makes it.

Loads pulumi_cloudflare: only stacks that use it import this module. The provider is a plugin of the Pulumi CLI.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_cloudflare

from components.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

SCOPES: Final = ("workers",)
"""Which services may use the secret; Cloudflare wants them in alphabetical order."""

_ID = re.compile(r"[0-9a-f]{32}")


def store_secret(
    name: str,
    *,
    account: str,
    store: str,
    called: str,
    value: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> pulumi_cloudflare.SecretsStoreSecret:
    """Declare the secret in a store that is there.

    Args:
        name: Of the resource.
        account: The account's id.
        store: The store's name or id.
        called: The secret's name in the store.
        value: What it says.
        opts: Provider and dependencies. The store is looked up with the same provider, in previews too.

    Raises:
        ConfigurationError: When the program runs on: the account has no such store.
    """
    return pulumi_cloudflare.SecretsStoreSecret(
        name,
        account_id=account,
        store_id=store if _ID.fullmatch(store) else _looked_up(account, store, opts),
        name=called,
        value=pulumi.Output.secret(value),
        scopes=list(SCOPES),
        opts=opts,
    )


def secret_name(script: str, secret: str) -> str:
    """What a Worker's secret is called in the store that all environments share: `APP_STAGING_DATABASE_URL`."""
    return re.sub(r"[^A-Z0-9]", "_", f"{script}_{secret}".upper())


def _looked_up(account: str, store: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    provider = opts.provider if isinstance(opts.provider, pulumi.ProviderResource) else None
    found = pulumi_cloudflare.get_secrets_stores_output(
        account_id=account, opts=pulumi.InvokeOutputOptions(provider=provider)
    )
    return found.results.apply(lambda stores: store_id([(one.name, one.id) for one in stores], store))


def store_id(stores: Sequence[tuple[str, str]], wanted: str) -> str:
    """The id of the store of this name.

    Args:
        stores: Name and id of every store of the account.
        wanted: A name.

    Raises:
        ConfigurationError: There is none.
    """
    for name, id_ in stores:
        if name == wanted:
            return id_
    there = ", ".join(name for name, _ in stores) or "none at all"
    raise ConfigurationError(
        f"the account has no Secrets Store named {wanted!r}; there is: {there}",
        next_step="set infra:secretsStore to the name of one that is there; Cloudflare makes the first one when the "
        "dashboard's Secrets Store page is used",
    )
