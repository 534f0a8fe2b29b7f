"""A Worker's address as a resource."""

from __future__ import annotations

from typing import Any

import pulumi  # noqa: TC002 - Pulumi reads the annotations of resources at run time
from pulumi.dynamic import Resource

from components.worker.address.provider import AddressProvider


class Address(Resource, module="worker", name="Address"):
    """Where a Worker is reached, as Cloudflare says: `https://WORKER.SUBDOMAIN.workers.dev`. Nothing is made.

    Args:
        account: The account's id.
        script: The Worker's name.
    """

    url: pulumi.Output[str]
    api: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        account: pulumi.Input[str],
        script: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {"account": account, "script": script, **dict.fromkeys(("url", "api"))}
        super().__init__(AddressProvider(), name, props, opts)
