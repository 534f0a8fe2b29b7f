"""What a probe says: layers, findings, the report. Pure; the JSON form is what `./infra verify --json` prints."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Layer(Enum):
    """Layers between the deploying machine and the right database, in the order they are passed."""

    NAME = "name resolution"
    TCP = "TCP"
    TLS = "TLS"
    AUTHENTICATION = "authentication"
    DATABASE = "database"
    IDENTITY = "query and identity"

    @property
    def number(self) -> int:
        """The layer's place, from 1."""
        return list(Layer).index(self) + 1


class WorkerLayer(Enum):
    """Layers from outside through the deployed Worker to the same database. They come after the database's own."""

    WORKER = "worker"
    IDENTITY = "worker identity"

    @property
    def number(self) -> int:
        """The layer's place, counted on from the database's."""
        return len(Layer) + list(WorkerLayer).index(self) + 1


class AppLayer(Enum):
    """The last layer of dev: what `wrangler dev` gives to the app on this machine."""

    VARIABLES = "wrangler dev"

    @property
    def number(self) -> int:
        """The layer's place, counted on from the database's."""
        return len(Layer) + list(AppLayer).index(self) + 1


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The verdict on one layer.

    `ok` is None when the layer was not reached. `cause` says what was seen (also when ok, where that helps) and
    `next_step` what to do about it. `milliseconds` is None where the time is not known.
    """

    layer: Layer | WorkerLayer | AppLayer
    ok: bool | None
    cause: str = ""
    next_step: str = ""
    milliseconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The finding as one entry of `layers`."""
        rounded = None if self.milliseconds is None else round(self.milliseconds, 1)
        return {
            "layer": self.layer.value,
            "ok": self.ok,
            "cause": self.cause,
            "next": self.next_step,
            "milliseconds": rounded,
        }


@dataclass(frozen=True, kw_only=True)
class _Findings:
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every layer passed."""
        return all(finding.ok for finding in self.findings)

    @property
    def failed(self) -> Finding | None:
        """The layer at fault, or None."""
        return next((finding for finding in self.findings if finding.ok is False), None)


@dataclass(frozen=True, kw_only=True)
class Report(_Findings):
    """The verdicts of one probe, one finding per layer in order, and what the server said of itself.

    `retryable` says whether the failure may pass by itself; `attempts` counts from 1.
    """

    attempts: int = 1
    retryable: bool = False
    server_version: str | None = None
    branch: str | None = None

    def to_json(self) -> dict[str, Any]:
        """`{ok, layers}`; the command that prints it adds the stack."""
        return {"ok": self.ok, "layers": [finding.to_json() for finding in self.findings]}

    def __str__(self) -> str:
        """One line for success, what failed and what to do otherwise."""
        failed = self.failed
        if failed is None:
            return f"database reached: Postgres {self.server_version}, branch {self.branch or '(no stamp)'}"
        return failure_text(failed, self.attempts)


@dataclass(frozen=True, kw_only=True)
class WorkerReport(_Findings):
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

    attempts: int
    status: int = 0
    environment: str = ""
    branch: str = ""
    database_branch: str = ""
    absent: bool = False
    database: Report | None = None

    def __str__(self) -> str:
        """One line for success, what failed and what to do otherwise."""
        failed = self.failed
        if failed is not None:
            return failure_text(failed, self.attempts)
        return f"Worker reached: environment {self.environment}, branch {self.branch}"


def failure_text(failed: Finding, attempts: int) -> str:
    """Which layer is at fault, after how many attempts, why, and what to do."""
    times = "attempt" if attempts == 1 else "attempts"
    head = f"layer {failed.layer.number}, {failed.layer.value}, after {attempts} {times}: {failed.cause}"
    return f"{head}\n  next: {failed.next_step}" if failed.next_step else head
