"""What the deployed Worker says of itself: the layers of `verify` after the database's own.

They are asked from outside, as the app's users reach it, and tell what no look at the database can: which database the
app really works with.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from components.connectivity.inputs import WAITING
from components.connectivity.report import Finding, Layer, WorkerLayer, WorkerReport
from components.connectivity.worker_address import path_of
from components.connectivity.worker_probe import probe_worker
from components.connectivity.worker_verdicts import Expectation
from components.errors import InfraError
from components.worker import told
from operations import console
from stacks import worker_plan
from stacks.settings import CloudSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.connectivity.report import Report
    from pulumi_embedded.api import Output
    from stacks.settings import Settings


def look(values: Mapping[str, Output], database: Report, *, seconds: float) -> WorkerReport:
    """Ask the Worker that a stack's outputs name.

    Args:
        values: The stack's outputs.
        database: What the database said from here, for the cause of a 503.
        seconds: How long to try.
    """
    report = probe_worker(
        str(values["healthUrl"].value),
        Expectation(
            environment=str(values["environment"].value),
            branch=str(values["branchName"].value),
            path=path_of(str(values["healthUrl"].value)),
        ),
        database=lambda: database,
        budget_seconds=seconds,
        first=True,
        say=console.say,
    )
    return _waiting(report) if report.absent and _never_seen(values) else report


def advised(report: Report, values: Mapping[str, Output], settings: Settings, stack: str) -> Report:
    """The database's report; where `up` is to carry a new password on, and cannot now, what stops it is said first.

    Args:
        report: What the database said.
        values: The stack's outputs.
        settings: The stack's configuration.
        stack: The stack's name.
    """
    failed = report.failed
    if failed is None or failed.layer is not Layer.AUTHENTICATION or not isinstance(settings, CloudSettings):
        return report
    obstacle = _obstacle(values, settings)
    if not obstacle:
        return report
    next_step = f"{obstacle}; then ./infra up {stack} carries the current password on"
    found = (replace(one, next_step=next_step) if one is failed else one for one in report.findings)
    return replace(report, findings=tuple(found))


def _obstacle(values: Mapping[str, Output], settings: CloudSettings) -> str:
    """The next step of what keeps the Worker from being told another password now; empty when nothing does."""
    try:
        account = worker_plan.account(settings, os.environ)
        if account:
            plan = worker_plan.Plan(
                account=account,
                script=str(values["workerName"].value),
                wrangler=Path(),
                preview=worker_plan.preview(settings),
            )
            told.require(worker_plan.told(plan, settings))
    except InfraError as error:
        return error.next_step
    return "" if account else f"export {worker_plan.ACCOUNT_VARIABLE}=… and {worker_plan.TOKEN_VARIABLE}=…"


def not_reached() -> WorkerReport:
    """The verdicts where nobody was asked."""
    return WorkerReport(findings=tuple(Finding(layer=layer, ok=None) for layer in WorkerLayer), attempts=0)


def _never_seen(values: Mapping[str, Output]) -> bool:
    """Whether the last `up` found no app either: then its absence is no fault."""
    checks = values["checks"].value if "checks" in values else {}
    return bool(checks.get("worker", {}).get("state") == WAITING)


def _waiting(report: WorkerReport) -> WorkerReport:
    first, *others = report.findings
    waits = replace(first, ok=None, cause=f"the app is not deployed yet: {first.cause}", milliseconds=None)
    return replace(report, findings=(waits, *others))
