"""The room's dynamic resources. Each marks its secret inputs itself, so that no caller can forget them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.errors import ConfigurationError
from components.worker.provider import SecretsProvider
from components.worker.secrets.names import names_faults


class Secrets(Resource, module="worker", name="Secrets"):
    """Secrets of one Worker, set in one call, also before the first deployment of the app. Others are left alone.

    A Worker that is not there is made as a draft; destroying removes it again while nothing else was deployed to it. A
    secret of the same name that is there already is overwritten.

    Args:
        account: The account's id.
        script: The Worker's name, as `wrangler` derives it for the environment.
        values: Names to values.
        on_undeployed_version: What to do while a newer version of the Worker is uploaded and not deployed: `error`
            stops, `deploy` deploys it with the secrets.
        owner: The stack of a pull request whose Worker this is alone: one that is there and was not made for it is
            refused, and destroying deletes the Worker with whatever was deployed to it. None: it stays.
    """

    secretNames: pulumi.Output[list[str]]  # noqa: N815 - property names are camel case, as in all of Pulumi
    missing: pulumi.Output[list[str]]
    state: pulumi.Output[str]
    version: pulumi.Output[str]
    draft: pulumi.Output[bool]
    api: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        account: pulumi.Input[str],
        script: pulumi.Input[str],
        values: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        on_undeployed_version: pulumi.Input[str] = "error",
        owner: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        # Names are known here already where values come from other resources: the check then sees neither.
        if isinstance(values, Mapping) and (faults := names_faults(values)):
            raise ConfigurationError("; ".join(faults), next_step="give each secret a name that Cloudflare takes")
        props: dict[str, Any] = {
            "account": account,
            "script": script,
            "values": pulumi.Output.secret(values),
            "onUndeployedVersion": on_undeployed_version,
            "owner": owner,
            **dict.fromkeys(("secretNames", "missing", "state", "version", "draft", "api")),
        }
        super().__init__(SecretsProvider(), name, props, opts)
