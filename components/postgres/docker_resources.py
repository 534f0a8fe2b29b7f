"""The dynamic resource of the Docker twin."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.options import with_secrets
from components.postgres.docker_provider import DockerRoleProvider


class DockerRole(Resource, module="postgres", name="DockerRole"):
    """The app's role and database in the container: made, and kept in step with the password.

    Args:
        stack: The stack whose label the container carries.
        container: Its name.
        container_id: Changes when it was replaced, so that the role is looked at again.
        port: The port of this machine it is published on.
        database: Made when missing, owned by `user`; a new name renames it.
        user: The app's role; a new name renames it.
        password: The role's password; the role follows it.
        timeout_seconds: How long the server may take to let the role in.
    """

    condition: pulumi.Output[str]
    version: pulumi.Output[str]
    systemIdentifier: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    database: pulumi.Output[str]
    user: pulumi.Output[str]
    password: pulumi.Output[str]
    port: pulumi.Output[int]

    def __init__(
        self,
        name: str,
        *,
        stack: pulumi.Input[str],
        container: pulumi.Input[str],
        container_id: pulumi.Input[str],
        port: pulumi.Input[int],
        database: pulumi.Input[str],
        user: pulumi.Input[str],
        password: pulumi.Input[str],
        timeout_seconds: pulumi.Input[int] = 90,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "stack": stack,
            "container": container,
            "containerId": container_id,
            "port": port,
            "database": database,
            "user": user,
            "password": pulumi.Output.secret(password),
            "timeoutSeconds": timeout_seconds,
            **dict.fromkeys(("condition", "version", "systemIdentifier")),
        }
        super().__init__(DockerRoleProvider(), name, props, with_secrets(opts, "password"))
