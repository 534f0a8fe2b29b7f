"""A database as a Xata branch: one of the twins behind `components.postgres.database.Database`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pulumi

from components.connection import Connection
from components.postgres.database import DatabaseConnection
from components.postgres.resources import Baseline
from components.xata.branches.ownership import mark
from components.xata.resources import DEFAULT_READY_SECONDS, Branch, BranchConnection, BranchSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.postgres.database import BaselineSettings


@dataclass(frozen=True, kw_only=True)
class XataPostgresSettings:
    """The branch to be. What is wrong with a value is said at preview, by the resource.

    Attributes:
        stack: The stack's name, which the branch's description carries.
        organization: The organization's id.
        project: The project's id or name.
        branch: The branch's name.
        region: Where it lives.
        parent: The branch it is a copy of, by name or id; None for a root branch.
        image: Such as `postgres:18.1`; of a child empty for its parent's.
        instance_type: Such as `xata.micro`; of a child empty for its parent's.
        replicas: Besides the primary.
        storage_gigabytes: 0 leaves it as it is.
        scale_to_zero: Whether it sleeps when idle.
        scale_to_zero_minutes: After how many minutes.
        backup_retention_days: How long backups are kept.
        backup_time: `D:HH:MM` in UTC.
        rotation: Another text gives the branch a new password.
        sslmode: What the URLs say that others get.
        description: What it is for, in a few words.
        own_password: Whether it is given another password than the service made it with.
        instead_of_password: The fingerprint of its password, to have a new one in its place.
        told: Whose secret its URL is; None where it is nobody's.
        stays_below_its_parent: Whether another parent or region leaves a branch that is there as it is, instead of
            replacing it.
        most_previews: How many previews the project may hold, this one among them; 0 for any number.
        instead_of: The id of the branch, to have a fresh copy in its place; empty or another one leaves it.
        protect: Whether the engine refuses to delete it, and keeps it when it leaves the program.
        adopt: The id of an existing branch to take over, whoever made it.
        allow_parent: The parent's name, when it is production and that is meant.
        ready_timeout_seconds: How long it may take to become healthy.
    """

    stack: str
    organization: str
    project: pulumi.Input[str]
    branch: str
    region: str
    parent: str | None
    image: str = ""
    instance_type: str = ""
    replicas: int = 0
    storage_gigabytes: int = 0
    scale_to_zero: bool = False
    scale_to_zero_minutes: int = 30
    backup_retention_days: int = 7
    backup_time: str = "*:02:30"
    rotation: str = ""
    sslmode: str = "require"
    description: str = ""
    own_password: bool = False
    instead_of_password: str = ""
    told: Mapping[str, Any] | None = None
    stays_below_its_parent: bool = False
    most_previews: int = 0
    instead_of: str = ""
    protect: bool = True
    adopt: str = ""
    allow_parent: str = ""
    ready_timeout_seconds: int = DEFAULT_READY_SECONDS


@dataclass(frozen=True, kw_only=True)
class XataPostgresResources:
    """What the component is made of."""

    branch: Branch
    settings: BranchSettings
    connection: BranchConnection
    baseline: Baseline


class XataPostgres(pulumi.ComponentResource):
    """A branch of a Xata project, ready, with its settings confirmed and its database stamped.

    Args:
        name: Of the component; its children are named after it.
        settings: The branch to be.
        baseline: What the database carries before anyone is told about it.
        connected_after: What must be in order before anybody gets its password, or another one.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: XataPostgresSettings,
        baseline: BaselineSettings,
        connected_after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("infra:xata:XataPostgres", name, None, opts)
        self.settings = settings
        branch = self._branch(name)
        # The id, not the output of the same value: previews know it, whatever else changes on the branch.
        place: dict[str, Any] = {
            "organization": settings.organization,
            "project_id": branch.projectId,
            "branch_id": branch.id,
        }
        applied = self._settings(name, place)
        connection = BranchConnection(
            f"{name}-connection",
            **place,
            rotation=settings.rotation,
            own_password=settings.own_password or None,
            instead_of_password=settings.instead_of_password or None,
            told=settings.told,
            ready_timeout_seconds=settings.ready_timeout_seconds,
            opts=pulumi.ResourceOptions(parent=self, depends_on=connected_after),
        )
        stamped = Baseline(
            f"{name}-baseline",
            url=connection.url,
            branch=baseline.branch,
            sql_files=baseline.sql_files,
            may_wake=not settings.scale_to_zero,
            # A branch that was put to sleep is woken with its settings, and one of another size restarts.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[applied]),
        )
        self.resources = XataPostgresResources(branch=branch, settings=applied, connection=connection, baseline=stamped)
        self.register_outputs({})

    def connection(self) -> DatabaseConnection:
        """How to reach the database."""
        connection = self.resources.connection
        return DatabaseConnection(
            host=connection.host,
            port=connection.port.apply(int),
            database=connection.database,
            user=connection.user,
            url=self.told(connection.url),
            version=pulumi.Output.from_input(""),  # the check tells it
            ready=self.resources.baseline,
        )

    def told(self, url: pulumi.Output[str]) -> pulumi.Output[str]:
        """One of the branch's URLs as others get it."""
        sslmode = self.settings.sslmode
        return pulumi.Output.secret(url.apply(lambda known: replace(Connection.parse(known), sslmode=sslmode).url))

    def _branch(self, name: str) -> Branch:
        settings = self.settings
        root = {"image": settings.image, "instanceType": settings.instance_type, "replicas": settings.replicas}
        return Branch(
            f"{name}-branch",
            organization=settings.organization,
            project=settings.project,
            branch_name=settings.branch,
            stack=settings.stack,
            region=settings.region,
            parent=settings.parent,
            root=root if settings.parent is None else None,
            adopt=settings.adopt,
            allow_parent=settings.allow_parent,
            most_previews=settings.most_previews or None,
            instead_of=settings.instead_of or None,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=settings.protect,
                retain_on_delete=settings.protect,
                ignore_changes=["parent", "region"] if settings.stays_below_its_parent else None,
            ),
        )

    def _settings(self, name: str, place: dict[str, Any]) -> BranchSettings:
        settings = self.settings
        return BranchSettings(
            f"{name}-settings",
            **place,
            description=mark(settings.stack, settings.description),
            scale_to_zero_enabled=settings.scale_to_zero,
            scale_to_zero_minutes=settings.scale_to_zero_minutes,
            backup_retention_days=settings.backup_retention_days,
            backup_time=settings.backup_time,
            instance_type=settings.instance_type or None,
            replicas=settings.replicas,
            storage=settings.storage_gigabytes or None,
            image=settings.image or None,
            opts=pulumi.ResourceOptions(parent=self),
        )
