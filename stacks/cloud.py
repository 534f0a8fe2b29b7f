"""What every environment that is a Xata branch has in common: the branch, its stamp, the check, the outputs.

An environment with an app in the cloud continues with its Worker (`stacks/worker.py`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pulumi

from components.connectivity.inputs import DatabaseCheckInputs
from components.connectivity.provider import DatabaseCheck
from components.deletion.provider import DeletionGuard
from components.errors import ConfigurationError
from components.postgres import sqlfiles
from components.postgres.database import BaselineSettings
from components.resource import later
from components.xata.branches.image import parse_image
from components.xata.branches.ownership import mark
from components.xata.database import Access, XataPostgres
from components.xata.inputs import BranchInputs, RootConfiguration, Settings
from stacks import app_role, migrations, names, side_by_side, worker
from stacks.outputs import export
from stacks.settings import DEFAULT_IMAGE, DEFAULT_INSTANCE_TYPE, CloudSettings
from stacks.worker_plan import told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from components.postgres.database import DatabaseConnection
    from components.resource import Resource
    from stacks.settings import XataSettings


def organization(settings: XataSettings, environment: Mapping[str, str] = os.environ) -> str:
    """The organization's id: the configured one, else the environment's.

    Raises:
        ConfigurationError: There is none.
    """
    found = settings.organization or _variable(environment, "XATA_ORGANIZATION_ID", "XATA_ORGANIZATIONID")
    if not found:
        raise ConfigurationError(
            "no Xata organization is named",
            next_step="set infra:organization, or XATA_ORGANIZATION_ID; the console shows the id, such as o1b2c3",
        )
    return found


def project(settings: XataSettings, environment: Mapping[str, str] = os.environ) -> str:
    """The project's id or name: the configured one, else the environment's, else the app's."""
    return settings.project or _variable(environment, "XATA_PROJECT_ID", "XATA_PROJECTID") or names.project(settings)


def _variable(environment: Mapping[str, str], *names: str) -> str:
    """The first of these variables that says something. ConfigurationError where that is no text, such as odd bytes."""
    name = next((name for name in names if environment.get(name, "").strip()), "")
    said = environment[name].strip() if name else ""
    if not said.isprintable():
        raise ConfigurationError(f"{name} holds what is no text: {said!r}", next_step=f"export {name}=… once more")
    return said


@dataclass(frozen=True, kw_only=True)
class Temporary:
    """What the branch of a preview has besides its configuration, and besides a password of its own.

    Attributes:
        until: What follows our mark in the branch's description: the last day of its life.
        most: How many previews the project may hold.
        instead_of: The id of the branch, to have a fresh copy in its place.
    """

    until: str
    most: int
    instead_of: str = ""


@dataclass(frozen=True, kw_only=True)
class App:
    """Who uses the database's password.

    Attributes:
        told: Whose secret its URL is (`components.worker.told`).
        file: The check of its wrangler file, which must be in order before the password is another one.
    """

    told: Mapping[str, str]
    file: Sequence[pulumi.Resource]


def program(settings: CloudSettings, folder: Path, *, temporary: Temporary | None = None) -> None:
    """Declare an environment with an app in the cloud: a child branch of an existing project, then its Worker."""
    plan = worker.plan(settings, folder)  # first: what is missing is said while nothing is made
    app = App(told=told(plan, settings), file=worker.wrangler_check(plan, settings)) if plan else None
    database = xata_database(
        settings,
        folder,
        project=project(settings),
        temporary=temporary,
        app=app,
        app_login=bool(settings.app_role),
    )
    role = app_role.declare(settings, folder, owner(database))
    owners = database.connection()
    connection = role.connection() if role else owners
    check = database_check(settings, database, connection)
    branch = database.resources.branch.id

    def migrated(after: pulumi.Resource) -> pulumi.Resource:
        return migrations.declare(settings, folder, owners.url, database=branch, checked=after)

    def informed(after: pulumi.Resource) -> worker.Worker | None:
        return worker.declare(plan, settings, connection, after) if plan else None

    if settings.instead_of_password and not role:  # the app's own is taken away: it gets the new one first
        declared = informed(check)
        last = migrated(declared.secrets if declared else check)
    else:
        last = role.rights(settings, migrated(check)) if role else migrated(check)
        declared = informed(last)
    ends: list[pulumi.Resource] = [declared.check, *declared.besides, last] if declared else [last]
    guard(settings, database, after=app_role.spared(role, declared.health_url if declared else None, ends))
    export({**outputs(settings, database, check, declared), **(role.outputs() if role else {})})


def xata_database(
    settings: XataSettings,
    folder: Path,
    *,
    project: pulumi.Input[str],
    root: bool = False,
    temporary: Temporary | None = None,
    app: App | None = None,
    app_login: bool = False,
) -> XataPostgres:
    """The environment's branch.

    Args:
        settings: The stack's configuration.
        folder: The project's folder, where relative paths start.
        project: The Xata project's id or name.
        root: Whether the branch begins empty instead of as a copy of its parent.
        temporary: What the branch of a preview has besides; None for one that stays.
        app: Who gets its URL; None for nobody.
        app_login: Whether the app has logins of its own instead of its owner's.
    """
    configuration = root_configuration(settings) if root else None
    return XataPostgres(
        "database",
        branch=_branch(settings, project, temporary, configuration, folder),
        settings=_branch_settings(settings, temporary, configuration),
        access=Access(
            sslmode=settings.database_sslmode,
            rotation=settings.rotation,
            own_password=temporary is not None,
            instead_of_password=settings.instead_of_password,
            app_login=app_login,
            told=app.told if app and not app_login else None,
            after=app.file if app else (),
            ready_timeout_seconds=settings.ready_timeout_seconds,
        ),
        baseline=_baseline(settings, folder),
        protect=settings.protect,
        stays_below_its_parent=temporary is not None,
    )


def owner(database: XataPostgres) -> app_role.Owner:
    """The owner's way into a branch."""
    made = database.resources
    return app_role.Owner(
        connection=database.connection(),
        url=made.connection.url,
        others={
            "databasePoolerUrl": made.connection.pooler_url,
            "databaseReadOnlyUrl": made.connection.read_only_url,
        },
        identity=made.branch.id,
        told=database.told,
        opts=pulumi.ResourceOptions(depends_on=[made.baseline], deleted_with=made.branch),
    )


def _baseline(settings: XataSettings, folder: Path) -> BaselineSettings:
    baseline = BaselineSettings.from_paths(settings.branch, settings.wanted_sql_files, project_folder=folder)
    if not isinstance(settings, CloudSettings) or not settings.wanted_sanitize:
        return baseline
    return replace(baseline, sanitize=sqlfiles.declare(settings.wanted_sanitize, folder))


def root_configuration(settings: XataSettings) -> RootConfiguration:
    """What a branch without parent begins with."""
    return RootConfiguration(
        image=settings.postgres_image or DEFAULT_IMAGE,
        instance_type=settings.instance_type or DEFAULT_INSTANCE_TYPE,
        replicas=settings.replicas,
    )


def _branch(
    settings: XataSettings,
    project: pulumi.Input[str],
    temporary: Temporary | None,
    root: RootConfiguration | None,
    folder: Path,
) -> BranchInputs:
    return BranchInputs(
        organization=organization(settings),
        project=later(pulumi.Output.from_input(project)),
        name=settings.branch,
        stack=pulumi.get_stack(),
        parent=None if root else settings.parent,
        region=settings.region,
        root=root.properties() if root else None,
        adopt=settings.adopt_branch,
        allow_parent=settings.allow_parent,
        production=side_by_side.production_branches(folder) or None,
        most_previews=temporary.most if temporary else None,
        instead_of=(temporary.instead_of or None) if temporary else None,
    )


def _branch_settings(settings: XataSettings, temporary: Temporary | None, root: RootConfiguration | None) -> Settings:
    """What can change on the branch: the settings of the same name, and those that are said otherwise here."""
    same = {
        name: getattr(settings, name)
        for name in {field.attribute for field in Settings.fields()}
        if hasattr(settings, name)
    }
    said = {
        "description": mark(pulumi.get_stack(), temporary.until if temporary else ""),
        "scale_to_zero_enabled": settings.sleeps_when_idle,
        "instance_type": root.instance_type if root else settings.instance_type or None,
        "storage": settings.storage_gigabytes or None,
        "image": root.image if root else settings.postgres_image or None,
    }
    return Settings(**{**same, **said})


def database_check(
    settings: XataSettings, database: XataPostgres, connection: DatabaseConnection | None = None
) -> DatabaseCheck:
    """The proof that the deploying machine reaches this environment's branch; whatever publishes it comes after.

    Args:
        settings: The stack's configuration.
        database: The branch.
        connection: How the app reaches it; None: as its owner.
    """
    connection = connection or database.connection()
    image = parse_image(database.settings.image)
    return DatabaseCheck(
        "database-check",
        DatabaseCheckInputs(
            url=later(connection.url),
            branch=settings.branch,
            mode=settings.check_mode,
            budget_seconds=settings.check_budget_seconds,
            server_major=image.major if image else None,
        ),
        pulumi.ResourceOptions(depends_on=[connection.ready]),
    )


def guard(
    settings: XataSettings, database: XataPostgres, *, after: Sequence[pulumi.Resource], project: Resource | None = None
) -> None:
    """What refuses the deletion of the stack before anything of it goes.

    Args:
        settings: The stack's configuration.
        database: The branch. While it is protected it is kept, so the guard is protected, too, and asks for nothing.
        after: Everything else of the stack, as far as nothing of it waits for the rest.
        project: The project that goes with the stack.
    """
    goes = not settings.protect
    DeletionGuard(
        "deletion-guard",
        branch=database.resources.branch if goes else None,
        project=project if goes else None,
        opts=pulumi.ResourceOptions(protect=settings.protect, depends_on=list(after)),
    )


def outputs(
    settings: XataSettings, database: XataPostgres, check: DatabaseCheck, declared: worker.Worker | None = None
) -> dict[str, Any]:
    """What the stack exports; `stacks/outputs.py` is the contract."""
    made, connection = database.resources, database.connection()
    return {
        "environment": settings.environment,
        "databaseUrl": connection.url,
        "databasePoolerUrl": database.told(made.connection.pooler_url),
        "databaseReadOnlyUrl": database.told(made.connection.read_only_url),
        "databaseHost": connection.host,
        "databasePort": connection.port,
        "databaseName": connection.database,
        "databaseUser": connection.user,
        "organizationId": database.branch.organization,
        "projectId": made.branch.project_id,
        "branchName": settings.branch,
        "branchId": made.branch.id,
        "region": made.branch.region,
        "backupRetentionDays": made.settings.backup_retention_days.apply(int),
        "backupTime": made.settings.backup_time,
        "earliestRestorePoint": made.settings.earliest_restore_point,
        "latestRestorePoint": made.settings.latest_restore_point,
        **worker.outputs(declared),
        "checks": checks(check, declared),
    }


def checks(check: DatabaseCheck, declared: worker.Worker | None = None) -> dict[str, Any]:
    """The checks' part of the outputs."""
    found = {
        "mode": check.checked_mode,
        "ok": check.ok,
        "serverVersion": check.server_version,
        "branch": check.found_branch,
    }
    return {"database": found, "worker": worker.check_output(declared)}
