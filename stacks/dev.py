"""Development: a Postgres 18 on this machine, or the Xata branch `dev`; checked, and told to the app in `.dev.vars`."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from components.connectivity.inputs import DatabaseCheckInputs
from components.connectivity.provider import DatabaseCheck
from components.deletion.provider import DeletionGuard
from components.errors import ConfigurationError, InfraError
from components.local import wrangler_dev
from components.local.files import portable
from components.local.provider import DevVars, DevVarsInputs
from components.postgres import choice, docker_claim
from components.postgres.database import BaselineSettings
from components.postgres.docker_daemon import PACKAGE, availability
from components.postgres.docker_settings import DockerSettings
from components.postgres.embedded import EmbeddedPostgres
from components.postgres.server.ports import free_port
from components.postgres.server.settings import ServerSettings
from components.resource import later
from components.worker.wrangler.findings import TOLD
from stacks import app_role, cloud, migrations, names, worker
from stacks.home import STACK, record_file, require_own_state
from stacks.outputs import export

if TYPE_CHECKING:
    from components.postgres.database import Database, DatabaseConnection
    from stacks.settings import DevSettings

POSTGRES_MAJOR = 18
LOCAL = "local"
"""What the outputs say where a cloud branch has an id and a region."""


def program(settings: DevSettings, folder: Path) -> None:
    """Declare the stack.

    Args:
        settings: The stack's configuration.
        folder: The project's folder, where relative paths start.
    """
    server, branch = None, None
    if settings.database == "xata":
        own = bool(settings.app_role)
        branch = cloud.xata_database(settings, folder, project=cloud.project(settings), app_login=own)
        owner = cloud.owner(branch)
        role = app_role.declare(settings, folder, owner)
        check = cloud.database_check(settings, branch, role.connection() if role else None)
        values = cloud.outputs(settings, branch, check)
        identity: pulumi.Input[str] = owner.identity
    else:
        database = _database(settings, folder)
        server = database.resources.server if isinstance(database, EmbeddedPostgres) else None
        owner = _owner(database)
        role = app_role.declare(settings, folder, owner)
        check = _check(settings, role.connection() if role else owner.connection)
        values = _outputs(settings, owner.connection, check)
        identity = f"embedded {settings.data_folder}" if server else f"docker {settings.container_name}"
    values.update(role.outputs() if role else {})
    ready = migrations.declare(settings, folder, owner.connection.url, database=identity, checked=check)
    if role:
        ready = role.rights(settings, ready)
    told = dict(zip(TOLD, (values["databaseUrl"], settings.branch, settings.environment), strict=True))
    written = DevVars(
        "dev-vars",
        DevVarsInputs(path=_file_for_the_app((folder / settings.app_path).resolve()), values=told),
        pulumi.ResourceOptions(depends_on=[ready]),  # a database that does not answer is never published
    )
    ends = app_role.spared(role, None, [written])
    if branch:
        cloud.guard(settings, branch, after=ends)
    elif server:
        DeletionGuard("deletion-guard", server=server, opts=pulumi.ResourceOptions(depends_on=ends))
    export(values)


def _file_for_the_app(app: Path) -> str:
    """The file that the app's `wrangler dev` reads; what else it does not give to the Worker is said in the plan."""
    file = wrangler_dev.file_to_write(app)
    try:
        losses = [str(loss) for loss in wrangler_dev.variables(app).losses()]
    except InfraError as error:  # such as a wrangler.jsonc in the middle of an edit: the database comes up all the same
        losses = [f"what wrangler dev gives to the app cannot be told: {error.message}"]
    for sentence in losses:
        pulumi.log.warn(sentence)
    return portable(str(file.resolve()), Path.cwd())


def _owner(database: Database) -> app_role.Owner:
    """The owner's way into a database of this machine."""
    connection = database.connection()
    return app_role.Owner(
        connection=connection,
        url=connection.url,
        others=dict.fromkeys(("databasePoolerUrl", "databaseReadOnlyUrl"), connection.url),
        identity=database.cluster,
        opts=pulumi.ResourceOptions(depends_on=[connection.ready], deleted_with=connection.ready),
    )


def _check(settings: DevSettings, connection: DatabaseConnection) -> DatabaseCheck:
    return DatabaseCheck(
        "database-check",
        DatabaseCheckInputs(
            url=later(connection.url),
            branch=settings.branch,
            mode=settings.check_mode,
            budget_seconds=settings.check_budget_seconds,
            server_major=POSTGRES_MAJOR,
        ),
        pulumi.ResourceOptions(depends_on=[connection.ready]),
    )


def _outputs(settings: DevSettings, connection: DatabaseConnection, check: DatabaseCheck) -> dict[str, Any]:
    """What the stack exports for a database of this machine; `stacks/outputs.py` is the contract."""
    return {
        "environment": settings.environment,
        "databaseUrl": connection.url,
        "databasePoolerUrl": connection.url,
        "databaseReadOnlyUrl": connection.url,
        "databaseHost": connection.host,
        "databasePort": connection.port,
        "databaseName": connection.database,
        "databaseUser": connection.user,
        "organizationId": LOCAL,
        "projectId": LOCAL,
        "branchName": settings.branch,
        "branchId": LOCAL,
        "region": LOCAL,
        "backupRetentionDays": 0,
        "backupTime": "",
        "earliestRestorePoint": "",
        "latestRestorePoint": "",
        **worker.outputs(None),
        "checks": cloud.checks(check),
    }


def _database(settings: DevSettings, folder: Path) -> Database:
    """The dev database in the home on this machine that was chosen for it, once."""
    require_own_state(folder, os.environ)
    path = record_file(folder, os.environ)
    record = choice.read_record(path)
    decision = choice.decide(
        settings.database, record=record, docker=lambda: availability(os.environ, may_download=False)
    )
    baseline = BaselineSettings.from_paths(settings.branch, settings.wanted_sql_files, project_folder=folder)
    if decision.home == "embedded":
        _settle(path, decision, record)
        return EmbeddedPostgres("database", settings=_embedded(settings, folder), baseline=baseline)
    _require_one_daemon()
    known = docker_claim.Known(
        recorded=record is not None and record.home == "docker", volume=record.docker_volume if record else ""
    )
    container = _container(
        settings,
        port=choice.docker_port(settings.port, record=record, free=lambda: free_port(folder)),
        clone=(record.clone if record else "") or secrets.token_hex(8),
    )
    container = docker_claim.claimed_on_this_machine(container, os.environ, known)
    for remark in docker_claim.remarks(container, os.environ):
        pulumi.log.warn(remark)
    # Only now: a container that is not ours must not become known. And before one is made, so that it will be.
    _settle(path, decision, record, container)
    from components.postgres.docker_postgres import DockerPostgres  # noqa: PLC0415 - loads pulumi_docker, for its users

    return DockerPostgres("database", settings=container, baseline=baseline)


def _require_one_daemon() -> None:
    """Refuse what names a daemon to the provider plugin alone: this program would work on another one."""
    said = pulumi.Config(PACKAGE)
    for key in ("host", "context"):
        if said.get(key):
            raise ConfigurationError(
                f"{PACKAGE}:{key} in the stack's configuration names a Docker daemon to the provider plugin alone",
                next_step=f"take {PACKAGE}:{key} out of Pulumi.{STACK}.yaml, and set DOCKER_HOST instead",
            )


def _settle(
    path: Path, decision: choice.Decision, record: choice.Record | None, container: DockerSettings | None = None
) -> None:
    """Say what was decided, and keep it for the next time; a preview keeps nothing."""
    if decision.message:
        pulumi.log.info(decision.message)
    chosen = choice.new_record(decision, earlier=record, container=container, today=datetime.now(tz=UTC).date())
    if chosen != record and not pulumi.runtime.is_dry_run():
        choice.write_record(path, chosen)


def _embedded(settings: DevSettings, folder: Path) -> ServerSettings:
    return ServerSettings(
        stack=STACK,
        project_folder=str(folder.resolve()),
        data_folder=settings.data_folder,
        preferred_port=settings.port,
        database=names.database(settings),
        user=names.role(settings),
        password="",  # the component makes it
        retain_data=settings.retain_data,
        start_timeout_seconds=settings.start_timeout_seconds,
    )


def _container(settings: DevSettings, *, port: int, clone: str) -> DockerSettings:
    return DockerSettings(
        stack=STACK,
        clone=clone,
        container_name=names.container(settings),
        image=settings.docker_image,
        port=port,
        database=names.database(settings),
        user=names.role(settings),
        memory_megabytes=settings.memory_megabytes,
        retain_data=settings.retain_data,
        start_timeout_seconds=settings.start_timeout_seconds,
    )
