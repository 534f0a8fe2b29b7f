"""A Worker preview as a resource. It marks its secret input itself, so that no caller can forget it."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - Pulumi reads the annotations of resources at run time
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.worker.preview.provider import PreviewProvider


class Preview(Resource, module="worker", name="Preview"):
    """One of a Worker's previews, which `wrangler preview` deploys: its secrets, its address, and its end.

    Args:
        account: The account's id.
        script: The Worker that it is a preview of.
        preview_name: What it is called: the stack of a pull request, such as `pr-7`.
        values: Names of secrets to values.
    """

    url: pulumi.Output[str]
    secretNames: pulumi.Output[list[str]]  # noqa: N815 - property names are camel case, as in all of Pulumi
    deployed: pulumi.Output[bool]
    missing: pulumi.Output[list[str]]
    api: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        account: pulumi.Input[str],
        script: pulumi.Input[str],
        preview_name: pulumi.Input[str],
        values: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "account": account,
            "script": script,
            "name": preview_name,
            "values": pulumi.Output.secret(values),
            **dict.fromkeys(("url", "secretNames", "deployed", "missing", "api")),
        }
        super().__init__(PreviewProvider(), name, props, opts)
