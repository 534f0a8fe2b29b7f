"""The checks as resources: each gates what depends on it."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.connectivity.provider import DatabaseCheckProvider
from components.connectivity.worker_address import PATH
from components.connectivity.worker_provider import WorkerCheckProvider


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


class WorkerCheck(Resource, module="connectivity", name="WorkerCheck"):
    """Proof that the deployed Worker is healthy, and on the right branch.

    Before the first deployment of the app it waits for it: `state` and `nextStep` say so, no mode fails, and every `up`
    looks again until the check has passed once. Its outputs hold no secret.

    Args:
        url: The Worker's address, with or without the path.
        path: Where it tells its health.
        environment: The environment that the Worker must say it is.
        branch: The branch that it must say, and that its database must be stamped with.
        database_url: The connection string the Worker has, to look for the cause of a 503 from here.
        mode: `enforce` fails the deployment, `warn` reports and tries again at the next `up`, `off` does not connect.
        budget_seconds: How long to try: the edge may answer from an earlier version for about a minute.
        trigger: Any value; when it changes, the check runs again.
    """

    ok: pulumi.Output[bool]
    state: pulumi.Output[str]
    status: pulumi.Output[int]
    foundEnvironment: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    foundBranch: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    foundDatabaseBranch: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    checkedMode: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    cause: pulumi.Output[str]
    nextStep: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi

    def __init__(
        self,
        name: str,
        *,
        url: pulumi.Input[str],
        environment: pulumi.Input[str],
        branch: pulumi.Input[str],
        database_url: pulumi.Input[str],
        path: str = PATH,
        mode: pulumi.Input[str] = "enforce",
        budget_seconds: pulumi.Input[float] = 90,
        trigger: Any = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        outputs = ("ok", "state", "status", "foundEnvironment", "foundBranch", "foundDatabaseBranch", "checkedMode")
        props: dict[str, Any] = {
            "url": url,
            "environment": environment,
            "branch": branch,
            "databaseUrl": pulumi.Output.secret(database_url),
            "mode": mode,
            "budgetSeconds": budget_seconds,
            "trigger": trigger,
            **({} if path == PATH else {"path": path}),  # state of before this option has no such input
            **dict.fromkeys((*outputs, "cause", "nextStep")),
        }
        super().__init__(WorkerCheckProvider(), name, props, opts)
