"""The Worker of an environment: its file is checked, its secrets are set, and it is asked how it is.

It gets the database's URL only after the database was checked, and is asked only after it got the URL.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from components.connectivity.inputs import OFF, WorkerCheckInputs
from components.connectivity.provider import WorkerCheck
from components.connectivity.worker_address import PATH, health_url
from components.resource import later
from components.worker.address import Address
from components.worker.api.client import connect
from components.worker.names import Target
from components.worker.secrets import Secrets, SecretsInputs
from components.worker.wrangler.check import WranglerConfig, WranglerConfigInputs
from stacks import worker_plan
from stacks.settings import DATABASE_URL, PreviewSettings
from stacks.stack_names import PREVIEW
from stacks.worker_plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from components.postgres.database import DatabaseConnection
    from stacks.settings import CloudSettings

LEFT_OUT = (
    "the Worker is left out: its secrets are not set and it is not checked, because no Cloudflare account is known. "
    f"Set infra:cloudflareAccount or {worker_plan.ACCOUNT_VARIABLE} to have it, or infra:worker to off to do without"
)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What is declared of a Worker.

    Attributes:
        script: Its name.
        secrets: What it is told.
        health_url: Where it tells its health.
        check: How it answers.
        besides: What the check does not wait for: what Cloudflare's own provider makes.
        hyperdrive_id: Of the Hyperdrive configuration; empty without one.
    """

    script: str
    secrets: Secrets
    health_url: pulumi.Output[str]
    check: WorkerCheck
    besides: Sequence[pulumi.Resource]
    hyperdrive_id: pulumi.Input[str]


def plan(settings: CloudSettings, folder: Path) -> Plan | None:
    """What is to be declared; None for no Worker. To be called before anything is declared.

    Raises:
        ConfigurationError: Something is missing.
        ApiError: The account's Secrets Stores cannot be read.
    """
    account = worker_plan.account(settings, os.environ)
    if not account:
        if settings.worker == "auto":
            pulumi.log.info(LEFT_OUT)
        return None
    worker_plan.require_provider(settings, os.environ, may_download=False)
    if not pulumi.runtime.is_dry_run() or worker_plan.of_the_provider(settings):
        worker_plan.require_token(settings, os.environ)
    wrangler = worker_plan.wrangler_file(settings, folder)
    raw = CONFIG.get()
    return Plan(
        account=account,
        script=worker_plan.script(settings, wrangler),
        wrangler=wrangler,
        secrets=worker_plan.further_secrets(
            settings.worker_secrets, raw, is_secret=is_config_secret, stack=pulumi.get_stack()
        ),
        store=worker_plan.store_id(connect().stores(account), settings.secrets_store) if settings.secrets_store else "",
    )


def wrangler_check(plan: Plan, settings: CloudSettings) -> list[WranglerConfig]:
    """The check of the app's file, which comes first: no password changes while the file is at fault.

    Where only a warning is wanted and there is no file, one line says so.
    """
    if settings.wrangler_mode == "off":
        return []
    if settings.wrangler_mode == "warn" and not plan.wrangler.is_file():
        pulumi.log.warn(f"there is no {plan.wrangler}, so it is not checked; infra:appPath names the app's folder")
        return []
    temporary = isinstance(settings, PreviewSettings)
    return [
        WranglerConfig(
            "wrangler-config",
            WranglerConfigInputs(
                path=str(plan.wrangler),
                stack=PREVIEW if temporary else settings.stack,
                environment=settings.environment,
                # The block of previews is that of all: `./infra wrangler deploy` adds the name and the branch of one.
                branch="" if temporary else settings.branch,
                secrets=sorted([DATABASE_URL, *plan.secrets]),
                expected_name="" if temporary else plan.script,
                account_id=plan.account,
                mode=settings.wrangler_mode,
            ),
        )
    ]


def declare(plan: Plan, settings: CloudSettings, connection: DatabaseConnection, checked: pulumi.Resource) -> Worker:
    """Declare the Worker's part of the stack.

    Args:
        plan: Which Worker.
        settings: The stack's configuration.
        connection: The database.
        checked: The proof that it answers and has its migrations; no Worker hears of a database that does not.
    """
    secrets = _secrets(plan, settings, connection, checked)
    url = _address(plan, settings, secrets)
    check = WorkerCheck(
        "worker-check",
        WorkerCheckInputs(
            url=later(url),
            environment=settings.environment,
            branch=settings.branch,
            database_url=later(connection.url),
            path=None if settings.health_path == PATH else settings.health_path,
            mode=settings.worker_check_mode,
            budget_seconds=settings.worker_check_budget_seconds,
            trigger=later(secrets.version),  # secrets set again are checked again
        ),
        pulumi.ResourceOptions(depends_on=[secrets]),
    )
    besides, hyperdrive_id = _from_the_provider(plan, settings, connection, checked)
    return Worker(
        script=plan.script,
        secrets=secrets,
        health_url=url.apply(lambda known: health_url(known, settings.health_path)),
        check=check,
        besides=besides,
        hyperdrive_id=hyperdrive_id,
    )


def _secrets(plan: Plan, settings: CloudSettings, connection: DatabaseConnection, checked: pulumi.Resource) -> Secrets:
    inputs = SecretsInputs(
        account=plan.account,
        script=plan.script,
        values={DATABASE_URL: later(connection.url), **plan.secrets},
        owner=worker_plan.owner(settings) or None,
    )
    opts = pulumi.ResourceOptions(protect=settings.protect, depends_on=[checked])
    return Secrets("worker-secrets", inputs, opts)


def _address(plan: Plan, settings: CloudSettings, secrets: Secrets) -> pulumi.Output[str]:
    if settings.worker_url:
        return pulumi.Output.from_input(settings.worker_url)
    there = pulumi.ResourceOptions(depends_on=[secrets])  # a Worker that is not there yet is made for its secrets
    return Address("worker-address", Target(account=plan.account, script=plan.script), there).url


def _from_the_provider(
    plan: Plan, settings: CloudSettings, connection: DatabaseConnection, checked: pulumi.Resource
) -> tuple[Sequence[pulumi.Resource], pulumi.Input[str]]:
    if not settings.hyperdrive and not settings.secrets_store:
        return (), ""
    from stacks import cloudflare  # noqa: PLC0415 - loads pulumi_cloudflare, for the stacks that use it

    return cloudflare.declare(plan, settings, connection, checked)


def outputs(worker: Worker | None) -> dict[str, Any]:
    """The Worker's part of the stack's outputs, but for its check; empty without one."""
    return {
        "workerName": worker.script if worker else "",
        "healthUrl": worker.health_url if worker else "",
        "secretNames": worker.secrets.secret_names if worker else [],
        "hyperdriveId": worker.hyperdrive_id if worker else "",
    }


def check_output(worker: Worker | None) -> dict[str, Any]:
    """What the Worker's check found; as with the mode `off` when there is none."""
    check = worker.check if worker else None
    return {
        "mode": check.checked_mode if check else "off",
        "ok": check.ok if check else False,
        "state": check.state if check else OFF,
        "environment": check.found_environment if check else "",
        "branch": check.found_branch if check else "",
        "databaseBranch": check.found_database_branch if check else "",
    }
