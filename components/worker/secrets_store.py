"""A secret in the account's Secrets Store: an account has one store, so no stack makes it.

Loads pulumi_cloudflare: only stacks that use it import this module. The provider is a plugin of the Pulumi CLI.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_cloudflare

SCOPES: Final = ("workers",)
"""Which services may use the secret; Cloudflare wants them in alphabetical order."""
COMMENT: Final = "the URL of a database; kept by Pulumi"
"""Without one the API answers an empty one, which every update would take out again."""


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
        store: The store's id.
        called: The secret's name in the store.
        value: What it says.
        opts: Provider, dependencies and hooks.
    """
    return pulumi_cloudflare.SecretsStoreSecret(
        name,
        account_id=account,
        store_id=store,
        name=called,
        value=pulumi.Output.secret(value),
        scopes=list(SCOPES),
        comment=COMMENT,
        opts=opts,
    )
