"""What the deployed Worker says of itself: the layers of `verify` after the database's own.

They are asked from outside, as the app's users reach it, and tell what no look at the database can: which database the
app really works with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from components.connectivity.report import Finding, WorkerLayer
from components.connectivity.worker_probe import probe_worker
from components.connectivity.worker_provider import WAITING
from components.connectivity.worker_report import WorkerReport
from components.connectivity.worker_verdicts import Expectation
from stacks.worker_plan import deploy_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.connectivity.report import Report
    from engine.api import Output


def look(values: Mapping[str, Output], stack: str, database: Report, *, seconds: float) -> WorkerReport:
    """Ask the Worker that a stack's outputs name.

    Args:
        values: The stack's outputs.
        stack: The stack's name.
        database: What the database said from here, for the cause of a 503.
        seconds: How long to try.
    """
    report = probe_worker(
        str(values["healthUrl"].value),
        Expectation(
            environment=str(values["environment"].value),
            branch=str(values["branchName"].value),
            deploy_command=deploy_command(stack, str(values["environment"].value)),
        ),
        database=lambda: database,
        budget_seconds=seconds,
        first=True,
    )
    return _waiting(report) if report.absent and _never_seen(values) else report


def not_reached() -> WorkerReport:
    """The verdicts where nobody was asked."""
    return WorkerReport(findings=tuple(Finding(layer=layer, ok=None) for layer in WorkerLayer), attempts=0)


def _never_seen(values: Mapping[str, Output]) -> bool:
    """Whether the last `up` found no app either: then its absence is no fault."""
    checks = values["checks"].value if "checks" in values else {}
    return bool(checks.get("worker", {}).get("state") == WAITING)


def _waiting(report: WorkerReport) -> WorkerReport:
    first, *others = report.findings
    waits = replace(first, ok=None, cause=f"{WAITING}: {first.cause}", milliseconds=None)
    return replace(report, findings=(waits, *others))
