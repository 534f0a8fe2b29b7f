"""A database as a Xata branch: one of the twins behind `components.postgres.database.Database`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pulumi

from components.connection import Connection
from components.postgres.database import DatabaseConnection, declare_baseline
from components.resource import later
from components.xata.inputs import DEFAULT_READY_SECONDS, BranchConnectionInputs, BranchSettingsInputs, Located
from components.xata.provider import Branch, BranchConnection, BranchSettings
from components.xata.sanitize import Sanitized, SanitizedInputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.postgres.baseline import Baseline
    from components.postgres.database import BaselineSettings
    from components.postgres.sqlfiles import SqlFile
    from components.xata.inputs import BranchInputs, Settings


@dataclass(frozen=True, kw_only=True)
class Access:
    """How the database is logged in to, and what others get of it.

    Attributes:
        sslmode: What the URLs say that others get.
        rotation: Another text gives the branch a new password.
        own_password: Whether it is given another password than the service made it with.
        instead_of_password: The fingerprint of its password, to have a new one in its place.
        app_login: Whether the app has logins of its own: `rotation` is then about those.
        told: Whose secret its URL is; None where it is nobody's.
        after: What must be in order before anybody gets its password, or another one.
        ready_timeout_seconds: How long the branch may take to become healthy.
    """

    sslmode: str
    rotation: str = ""
    own_password: bool = False
    instead_of_password: str = ""
    app_login: bool = False
    told: Mapping[str, Any] | None = None
    after: Sequence[pulumi.Resource] = ()
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

    What is wrong with a value is said at preview, by the resource.

    Args:
        name: Of the component; its children are named after it.
        branch: The branch to be.
        settings: What can change on it.
        access: How it is logged in to.
        baseline: What the database carries before anyone is told about it.
        protect: Whether the engine refuses to delete it, and keeps it when it leaves the program.
        stays_below_its_parent: Whether another parent or region leaves a branch that is there as it is, instead of
            replacing it.
    """

    def __init__(
        self,
        name: str,
        *,
        branch: BranchInputs,
        settings: Settings,
        access: Access,
        baseline: BaselineSettings,
        protect: bool,
        stays_below_its_parent: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("infra:xata:XataPostgres", name, None, opts)
        self.branch, self.settings, self._access = branch, settings, access
        kept = pulumi.ResourceOptions(
            parent=self,
            protect=protect,
            retain_on_delete=protect,
            ignore_changes=["parent", "region"] if stays_below_its_parent else None,
        )
        made = Branch(f"{name}-branch", branch, kept)
        # The id, not the output of the same value: previews know it, whatever else changes on the branch.
        place = Located(organization=branch.organization, project_id=later(made.project_id), branch_id=later(made.id))
        applied = BranchSettings(
            f"{name}-settings",
            BranchSettingsInputs(**place.attributes(), **settings.attributes()),
            pulumi.ResourceOptions(parent=self),
        )
        connection = self._connection(name, place)
        clean = self._cleaned(name, place, connection, applied, baseline.sanitize)
        stamped = declare_baseline(
            name,
            baseline,
            connection.url,
            pulumi.ResourceOptions(parent=self, depends_on=[clean]),
            may_wake=False if settings.scale_to_zero_enabled else None,
            branch_id=later(made.id),
        )
        self.resources = XataPostgresResources(branch=made, settings=applied, connection=connection, baseline=stamped)
        self.register_outputs({})

    def _connection(self, name: str, place: Located) -> BranchConnection:
        access = self._access
        return BranchConnection(
            f"{name}-connection",
            BranchConnectionInputs(
                **place.attributes(),
                rotation=access.rotation,
                own_password=access.own_password or None,
                instead_of_password=access.instead_of_password or None,
                app_login=access.app_login or None,
                told=access.told,
                ready_timeout_seconds=access.ready_timeout_seconds,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=access.after),
        )

    def _cleaned(
        self, name: str, place: Located, connection: BranchConnection, applied: BranchSettings, file: SqlFile | None
    ) -> pulumi.Resource:
        """What whoever opens a session waits for: a branch with its settings, and without what must not be on it.

        A branch that was put to sleep is woken with its settings, and one of another size restarts.
        """
        if file is None:
            return applied
        return Sanitized(
            f"{name}-sanitized",
            SanitizedInputs(**place.attributes(), name=self.branch.name, url=later(connection.url), file=asdict(file)),
            pulumi.ResourceOptions(parent=self, depends_on=[applied]),
        )

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
        sslmode = self._access.sslmode
        return pulumi.Output.secret(url.apply(lambda known: replace(Connection.parse(known), sslmode=sslmode).url))
