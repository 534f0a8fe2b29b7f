"""The checks as resources: each gates what depends on it.

Module path and class names of the providers are a contract with recorded state.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pulumi
from typing_extensions import override

from components.connection import Connection
from components.connectivity.inputs import (
    FAILED,
    OFF,
    PASSED,
    WAITING,
    DatabaseCheckInputs,
    DatabaseCheckState,
    WorkerCheckInputs,
    WorkerCheckState,
)
from components.connectivity.probe import probe
from components.connectivity.worker_address import PATH, url_reason
from components.connectivity.worker_probe import probe_worker
from components.connectivity.worker_verdicts import Expectation
from components.errors import InfraError, PostgresError
from components.resource import Properties, Provider, Resource, state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.connectivity.report import Report, WorkerReport

DATABASE_BUDGET_SECONDS: Final = 5.0
"""How long the database is tried for the cause of a 503. The Worker's own attempts have woken a branch that slept."""

REFRESH_SECONDS: Final = 25.0
"""How long a refresh waits for an answer; what is wrong with one need only be confirmed, because `up` asks again."""


class DatabaseCheckProvider(Provider[DatabaseCheckInputs, DatabaseCheckState]):
    """Runs the probe when the resource is made or an input changes.

    In mode `warn` the recorded failure asks for an update until a check has passed. Refreshing does not connect: a
    check is a fact about a deployment, and the server's own resource sees drift.
    """

    @override
    def needs_update(self, old: DatabaseCheckState, news: Properties) -> bool:
        return news.get("mode") != "off" and not old.ok

    @override
    def create_resource(self, new: DatabaseCheckInputs) -> tuple[str, DatabaseCheckState]:
        return f"database-check-{new.branch}", self._checked(new)

    @override
    def update_resource(
        self, resource_id: str, old: DatabaseCheckState, new: DatabaseCheckInputs
    ) -> DatabaseCheckState:
        return self._checked(new)

    @staticmethod
    def _checked(new: DatabaseCheckInputs) -> DatabaseCheckState:
        if new.mode == "off":
            return state(DatabaseCheckState, new, checked_mode=new.mode, cause=OFF)
        report = probe(
            Connection.parse(new.url),
            expected_branch=new.branch,
            expected_major=new.server_major,
            budget_seconds=new.budget_seconds,
        )
        if not report.ok:
            message = f"the database check of branch {new.branch} failed at {report}"
            if new.mode == "enforce":
                raise PostgresError(message)
            sys.stderr.write(f"warning: {message}\n")
        return state(
            DatabaseCheckState,
            new,
            ok=report.ok,
            server_version=report.server_version or "",
            found_branch=report.branch or "",
            checked_mode=new.mode,
            cause=report.failed.cause if report.failed else "",
        )


class DatabaseCheck(Resource, provider=DatabaseCheckProvider, module="connectivity", name="DatabaseCheck"):
    """Proof that the deploying machine reaches the right database."""

    ok: pulumi.Output[bool]
    server_version: pulumi.Output[str]
    found_branch: pulumi.Output[str]
    checked_mode: pulumi.Output[str]
    cause: pulumi.Output[str]


class WorkerCheckError(InfraError):
    """The deployed Worker is not healthy, or not the right one."""


class WorkerCheckProvider(Provider[WorkerCheckInputs, WorkerCheckState]):
    """Asks the deployed Worker when the resource is made, when an input changes, and at every refresh.

    In mode `warn` a failure asks for an update until a check has passed. So does a refresh that finds the Worker
    otherwise than it was left, or the app where it was waited for. Before the first deployment there is nobody to ask:
    that fails in no mode.
    """

    @override
    def validate(self, known: Properties) -> Mapping[str, str]:
        reason = url_reason(str(known["url"])) if "url" in known else ""
        return {"url": f"the Worker's address {reason}"} if reason else {}

    @override
    def needs_update(self, old: WorkerCheckState, news: Properties) -> bool:
        return news.get("mode") != "off" and not old.ok and old.state != WAITING

    @override
    def create_resource(self, new: WorkerCheckInputs) -> tuple[str, WorkerCheckState]:
        return f"worker-check-{new.branch}", self._checked(new, first=True)

    @override
    def update_resource(self, resource_id: str, old: WorkerCheckState, new: WorkerCheckInputs) -> WorkerCheckState:
        moved = (old.url, old.path) != (new.url, new.path)
        return self._checked(new, first=moved or old.state in {WAITING, OFF})

    @override
    def read_resource(self, resource_id: str, old: WorkerCheckState) -> WorkerCheckState | None:
        """What has changed with the Worker; nothing where it passes as before, or its app is not there yet."""
        if old.mode == "off" or old.state == OFF:
            return old
        report = _probed(old, budget_seconds=REFRESH_SECONDS, first=True, hasty=True)
        if report.ok:
            return _found(PASSED, old, report)
        if old.state == WAITING:
            if not report.absent:
                return state(WorkerCheckState, old, state=OFF)  # it is there by now, and the next update checks it
            _say_waiting(old, report)
            return old
        return _found(FAILED, old, report)

    @staticmethod
    def _checked(new: WorkerCheckInputs, *, first: bool) -> WorkerCheckState:
        """Ask the Worker as the inputs say. `first`: the app may never have been deployed."""
        if new.mode == "off":
            return _found(OFF, new)
        report = _probed(new, budget_seconds=new.budget_seconds, first=first)
        if report.ok:
            return _found(PASSED, new, report)
        if first and report.absent:
            _say_waiting(new, report)
            return _found(WAITING, new, report)
        message = f"the Worker check of branch {new.branch} failed at {report}"
        if new.mode == "enforce":
            raise WorkerCheckError(message)
        sys.stderr.write(f"warning: {message}\n")
        return _found(FAILED, new, report)


class WorkerCheck(Resource, provider=WorkerCheckProvider, module="connectivity", name="WorkerCheck"):
    """Proof that the deployed Worker is healthy, and on the right branch.

    Before the first deployment of the app it waits for it: `state` and `next_step` say so, no mode fails, and every
    `up` asks again until the check has passed once.
    """

    ok: pulumi.Output[bool]
    state: pulumi.Output[str]
    status: pulumi.Output[int]
    found_environment: pulumi.Output[str]
    found_branch: pulumi.Output[str]
    found_database_branch: pulumi.Output[str]
    checked_mode: pulumi.Output[str]
    cause: pulumi.Output[str]
    next_step: pulumi.Output[str]


def _probed(inputs: WorkerCheckInputs, *, budget_seconds: float, first: bool, hasty: bool = False) -> WorkerReport:
    def database() -> Report:
        return probe(
            Connection.parse(inputs.database_url),
            expected_branch=inputs.branch,
            budget_seconds=DATABASE_BUDGET_SECONDS,
        )

    return probe_worker(
        inputs.url,
        Expectation(environment=inputs.environment, branch=inputs.branch, path=inputs.path or PATH),
        database=database if inputs.database_url else None,  # a refresh has none
        budget_seconds=budget_seconds,
        first=first,
        hasty=hasty,
        say=lambda text: sys.stderr.write(f"note: {text}\n"),
    )


def _say_waiting(inputs: WorkerCheckInputs, report: WorkerReport) -> None:
    failed = report.failed
    said = f": {failed.cause}\n  next: {failed.next_step}" if failed else ""
    sys.stderr.write(f"note: the app of branch {inputs.branch} is not deployed yet, so it was not checked{said}\n")


def _found(result: str, inputs: WorkerCheckInputs, report: WorkerReport | None = None) -> WorkerCheckState:
    failed = report.failed if report else None
    return state(
        WorkerCheckState,
        inputs,
        ok=result == PASSED,
        state=result,
        checked_mode=inputs.mode,
        status=report.status if report else 0,
        found_environment=report.environment if report else "",
        found_branch=report.branch if report else "",
        found_database_branch=report.database_branch if report else "",
        cause=failed.cause if failed else "",
        next_step=failed.next_step if failed else "",
    )
