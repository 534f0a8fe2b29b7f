"""The check of the app's wrangler file as a resource: it gates what depends on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi  # noqa: TC002 - Pulumi reads the annotations of resources at run time
from pulumi.dynamic import Resource

from components.local.provider import portable
from components.worker.wrangler.file import digest
from components.worker.wrangler.provider import WranglerConfigProvider

if TYPE_CHECKING:
    from collections.abc import Sequence


class WranglerConfig(Resource, module="worker", name="WranglerConfig"):
    """That the app's wrangler file deploys what the stack expects. Nothing of it is a secret.

    Args:
        path: The file, or the app's folder. A relative path starts at the project folder; so does, in the state, an
            absolute one inside it.
        stack: The stack's name, which is the name of its block under `env` too.
        environment: The value that the variable `ENVIRONMENT` must have.
        branch: The value that the variable `XATA_BRANCH` must have; empty where each deployment gives its own.
        secrets: Names that the Worker gets as secrets.
        worker_name: The Worker's name in full; empty for whatever the file derives.
        account_id: The Cloudflare account; empty for whatever the file says.
        mode: `enforce` fails the deployment on errors, `warn` only reports, `off` does not look.
    """

    ok: pulumi.Output[bool]
    workerName: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    findings: pulumi.Output[list[str]]
    mode: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        path: str,
        stack: str,
        environment: str,
        branch: str,
        secrets: Sequence[str] = ("DATABASE_URL",),
        worker_name: pulumi.Input[str] = "",
        account_id: pulumi.Input[str] = "",
        mode: str = "enforce",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "path": portable(path, Path.cwd()),
            "stack": stack,
            "environment": environment,
            "branch": branch,
            "secrets": list(secrets),
            "expectedName": worker_name,
            "accountId": account_id,
            "mode": mode,
            "digest": "" if mode == "off" else digest(Path(path)),
            **dict.fromkeys(("ok", "workerName", "findings")),
        }
        super().__init__(WranglerConfigProvider(), name, props, opts)
