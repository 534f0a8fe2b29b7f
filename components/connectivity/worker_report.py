"""What a Worker's check says: the two layers after the database's six, and what the Worker said of itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from components.connectivity.report import Finding, Report, failure_text


@dataclass(frozen=True, kw_only=True)
class WorkerReport:
    """The verdicts on the Worker.

    Attributes:
        findings: The layers 7 and 8.
        attempts: How often it was asked.
        status: The last answer's HTTP status; 0 without one.
        environment: What the last answer says; so `branch` and `database_branch`. Empty where it says nothing.
        branch: The branch that the Worker was told.
        database_branch: The branch that the Worker's database is stamped with.
        absent: Whether no app is deployed there, as far as can be seen.
        database: What the probe from here said of the database, where it was asked for the cause of a 503.
    """

    findings: tuple[Finding, ...]
    attempts: int
    status: int = 0
    environment: str = ""
    branch: str = ""
    database_branch: str = ""
    absent: bool = False
    database: Report | None = None

    @property
    def ok(self) -> bool:
        """Whether both layers passed."""
        return all(finding.ok for finding in self.findings)

    @property
    def failed(self) -> Finding | None:
        """The layer at fault, or None."""
        return next((finding for finding in self.findings if finding.ok is False), None)

    def __str__(self) -> str:
        """One line for success, what failed and what to do otherwise."""
        failed = self.failed
        if failed is not None:
            return failure_text(failed, self.attempts)
        return f"Worker reached: environment {self.environment}, branch {self.branch}"


def joined(database: Report, worker: WorkerReport) -> Report:
    """All layers as one report: the database's, then the Worker's. What failed first is what is at fault."""
    attempts = worker.attempts if database.ok and not worker.ok else database.attempts
    return replace(database, findings=(*database.findings, *worker.findings), attempts=attempts)
