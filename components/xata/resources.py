"""The room's dynamic resources. Each names its secret outputs itself, so that no caller can forget them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi  # noqa: TC002 - the SDK evaluates the annotations of a resource, and they name it
from pulumi.dynamic import Resource

from components.errors import ConfigurationError
from components.options import with_secrets
from components.xata.provider import (
    BranchConnectionProvider,
    BranchProvider,
    BranchSettingsProvider,
    ProjectProvider,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_READY_SECONDS = 600


class Project(Resource, module="xata", name="Project"):
    """A Xata project. Its id is the resource's id.

    Args:
        organization: The organization's id.
        project_name: What it is called; a new name renames it.
        base_enabled: Whether branches without parent sleep when idle, unless they say otherwise. None: as it is.
        base_minutes: After how many minutes, from 1 to 1440.
        child_enabled: The same for branches with a parent.
        child_minutes: The same for branches with a parent.
        adopt: The id of an existing project to take over, whoever made it.
    """

    projectId: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    createdAt: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    adopted: pulumi.Output[bool]
    api: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        organization: pulumi.Input[str],
        project_name: pulumi.Input[str],
        base_enabled: pulumi.Input[bool] | None = None,
        base_minutes: pulumi.Input[int] | None = None,
        child_enabled: pulumi.Input[bool] | None = None,
        child_minutes: pulumi.Input[int] | None = None,
        adopt: pulumi.Input[str] = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "organization": organization,
            "name": project_name,
            "scaleToZeroBaseEnabled": base_enabled,
            "scaleToZeroBaseMinutes": base_minutes,
            "scaleToZeroChildEnabled": child_enabled,
            "scaleToZeroChildMinutes": child_minutes,
            "adopt": adopt,
            **dict.fromkeys(("projectId", "createdAt", "adopted", "api")),
        }
        super().__init__(ProjectProvider(), name, props, opts)


class Branch(Resource, module="xata", name="Branch"):
    """A branch's identity. Its id is the resource's id, and known in previews whatever else changes.

    Args:
        organization: The organization's id.
        project: The project's id or name.
        branch_name: What it is called, for life.
        stack: The stack it belongs to, which its description then says.
        region: Where it lives.
        parent: The branch it is a copy of, by name or id. Exactly one of `parent` and `root` is given.
        root: Of a branch without parent: `image`, `instanceType`, `replicas`. An image without minor version, such as
            `postgres:18`, is the newest one on offer.
        adopt: The id of an existing branch to take over, whoever made it.
        allow_parent: The parent's name, when it is production and that is meant.
        most_previews: How many previews (`pr-<number>`) the project may hold, a new one among them. None: any number.
        instead_of: The id of this very branch, to have a fresh copy of the parent in its place. Another id, or None,
            leaves it as it is: so it may be said once or again and again.
    """

    branchId: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    projectId: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    parentId: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    currentName: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    createdAt: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    region: pulumi.Output[str]
    adopted: pulumi.Output[bool]
    api: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        organization: pulumi.Input[str],
        project: pulumi.Input[str],
        branch_name: pulumi.Input[str],
        stack: pulumi.Input[str],
        region: pulumi.Input[str],
        parent: pulumi.Input[str] | None = None,
        root: pulumi.Input[Mapping[str, Any]] | None = None,
        adopt: pulumi.Input[str] = "",
        allow_parent: pulumi.Input[str] = "",
        most_previews: pulumi.Input[int] | None = None,
        instead_of: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        if (parent is None) == (root is None):
            raise ConfigurationError(
                f"the branch {name!r} needs a parent or a root configuration, and not both",
                next_step="give parent for a copy of another branch, root for one that begins empty",
            )
        outputs = ("branchId", "projectId", "projectName", "parentId", "parentName", "currentName", "createdAt")
        props: dict[str, Any] = {
            "organization": organization,
            "project": project,
            "name": branch_name,
            "stack": stack,
            "region": region,
            "parent": parent,
            "root": root,
            "adopt": adopt,
            "allowParent": allow_parent,
            "mostPreviews": most_previews,
            "insteadOf": instead_of,
            **dict.fromkeys((*outputs, "adopted", "api")),
        }
        super().__init__(BranchProvider(), name, props, opts)


class BranchSettings(Resource, module="xata", name="BranchSettings"):
    """What can change on a branch, set and read back. None leaves a setting as it is.

    After another value, None brings the instance type back to the parent's, and is refused for storage and image.

    Args:
        organization: The organization's id.
        project_id: The project's id.
        branch_id: The branch's id.
        description: 1 to 50 letters, digits, hyphens and spaces, beginning with our mark (`ownership.mark`).
        scale_to_zero_enabled: Whether it sleeps when idle.
        scale_to_zero_minutes: After how many minutes, from 1 to 1440.
        backup_retention_days: From 2 to 35.
        backup_time: `D:HH:MM` in UTC; D is a day of the week (0 is Sunday) or * for every day.
        instance_type: Such as `xata.micro`.
        replicas: Besides the primary, from 0 to 4.
        storage: In gigabytes; it can only grow.
        image: Another minor version, such as `postgres:18.1`; `postgres:18` is any of that major.
    """

    backupRetentionDays: pulumi.Output[int]  # noqa: N815 - property names are camel case, as in all of Pulumi
    backupTime: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    backupsEnabled: pulumi.Output[bool]  # noqa: N815 - property names are camel case, as in all of Pulumi
    earliestRestorePoint: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    latestRestorePoint: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi

    def __init__(
        self,
        name: str,
        *,
        organization: pulumi.Input[str],
        project_id: pulumi.Input[str],
        branch_id: pulumi.Input[str],
        description: pulumi.Input[str] | None = None,
        scale_to_zero_enabled: pulumi.Input[bool] | None = None,
        scale_to_zero_minutes: pulumi.Input[int] | None = None,
        backup_retention_days: pulumi.Input[int] | None = None,
        backup_time: pulumi.Input[str] | None = None,
        instance_type: pulumi.Input[str] | None = None,
        replicas: pulumi.Input[int] | None = None,
        storage: pulumi.Input[int] | None = None,
        image: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        points = ("earliestRestorePoint", "latestRestorePoint")
        props: dict[str, Any] = {
            **dict.fromkeys(("declared", "defaults", "backupsEnabled", *points, "asleep", "api")),
            "organization": organization,
            "projectId": project_id,
            "branchId": branch_id,
            "description": description,
            "scaleToZeroEnabled": scale_to_zero_enabled,
            "scaleToZeroMinutes": scale_to_zero_minutes,
            "backupRetentionDays": backup_retention_days,
            "backupTime": backup_time,
            "instanceType": instance_type,
            "replicas": replicas,
            "storage": storage,
            "image": image,
        }
        super().__init__(BranchSettingsProvider(), name, props, opts)


class BranchConnection(Resource, module="xata", name="BranchConnection"):
    """A healthy branch and how to log in to it: directly, through the pooler, and to read only.

    Args:
        organization: The organization's id.
        project_id: The project's id.
        branch_id: The branch's id.
        rotation: Any text, such as `2026-Q4`; another one gives the branch a new password.
        own_password: Whether the branch is given another password than it was made with, once.
        instead_of_password: The fingerprint of this very password, to have a new one in its place. That of another one,
            or None, leaves it as it is: so it may be said once or again and again.
        told: Whose secret the URL is (`components.worker.told`): no password changes that they cannot be told of.
        ready_timeout_seconds: How long it may take until the branch can be logged in to, from 1 to 3600.
    """

    url: pulumi.Output[str]
    poolerUrl: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    readOnlyUrl: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    password: pulumi.Output[str]
    host: pulumi.Output[str]
    port: pulumi.Output[int]
    database: pulumi.Output[str]
    user: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        organization: pulumi.Input[str],
        project_id: pulumi.Input[str],
        branch_id: pulumi.Input[str],
        rotation: pulumi.Input[str] = "",
        own_password: pulumi.Input[bool] | None = None,
        instead_of_password: pulumi.Input[str] | None = None,
        told: pulumi.Input[Mapping[str, Any]] | None = None,
        ready_timeout_seconds: pulumi.Input[int] = DEFAULT_READY_SECONDS,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        secret = ("url", "poolerUrl", "readOnlyUrl", "password")
        props: dict[str, Any] = {
            "organization": organization,
            "projectId": project_id,
            "branchId": branch_id,
            "rotation": rotation,
            "ownPassword": own_password,
            "insteadOfPassword": instead_of_password,
            "told": told,
            "readyTimeoutSeconds": ready_timeout_seconds,
            **dict.fromkeys((*secret, "host", "port", "database", "user", "current", "api")),
        }
        super().__init__(BranchConnectionProvider(), name, props, with_secrets(opts, *secret))
