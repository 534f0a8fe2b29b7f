"""The check as a resource: it gates what depends on it."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.connectivity.provider import DatabaseCheckProvider


class DatabaseCheck(Resource, module="connectivity", name="DatabaseCheck"):
    """Proof that the deploying machine reaches the right database. Its outputs hold no secret, the URL included.

    Args:
        url: The database's connection string.
        branch: The branch that the database must be stamped with.
        mode: `enforce` fails the deployment, `warn` reports and tries again at the next `up`, `off` does not connect.
        budget_seconds: How long to try.
        server_major: The major version that the server must have; None for any.
        trigger: Any value; when it changes, the check runs again.
    """

    ok: pulumi.Output[bool]
    serverVersion: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    foundBranch: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    checkedMode: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    cause: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        url: pulumi.Input[str],
        branch: pulumi.Input[str],
        mode: pulumi.Input[str] = "enforce",
        budget_seconds: pulumi.Input[float] = 60,
        server_major: pulumi.Input[int] | None = None,
        trigger: Any = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "url": pulumi.Output.secret(url),
            "branch": branch,
            "mode": mode,
            "budgetSeconds": budget_seconds,
            "serverMajor": server_major,
            "trigger": trigger,
            **dict.fromkeys(("ok", "serverVersion", "foundBranch", "checkedMode", "cause")),
        }
        super().__init__(DatabaseCheckProvider(), name, props, opts)
