"""The room's resources: what a program declares, and which outputs it gets. Inputs stand in `inputs`."""

from __future__ import annotations

import pulumi

from components.resource import Resource
from components.xata.provider import (
    BranchConnectionProvider,
    BranchProvider,
    BranchSettingsProvider,
    ProjectProvider,
)


class Project(Resource, provider=ProjectProvider, module="xata", name="Project"):
    """A Xata project. Its id is the resource's id."""


class Branch(Resource, provider=BranchProvider, module="xata", name="Branch"):
    """A branch's identity. Its id is the resource's id, and known in previews whatever else changes."""

    project_id: pulumi.Output[str]
    region: pulumi.Output[str]


class BranchSettings(Resource, provider=BranchSettingsProvider, module="xata", name="BranchSettings"):
    """What can change on a branch, set and read back."""

    backup_retention_days: pulumi.Output[int]
    backup_time: pulumi.Output[str]
    earliest_restore_point: pulumi.Output[str]
    latest_restore_point: pulumi.Output[str]


class BranchConnection(Resource, provider=BranchConnectionProvider, module="xata", name="BranchConnection"):
    """A healthy branch and how to log in to it: directly, through the pooler, and to read only."""

    url: pulumi.Output[str]
    pooler_url: pulumi.Output[str]
    read_only_url: pulumi.Output[str]
    host: pulumi.Output[str]
    port: pulumi.Output[int]
    database: pulumi.Output[str]
    user: pulumi.Output[str]
