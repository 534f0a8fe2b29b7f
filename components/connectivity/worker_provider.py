"""The Worker check's adapter to Pulumi. The class path is a contract with recorded state: never move or rename it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import override

from components.connection import Connection
from components.connectivity import provider
from components.connectivity.worker_address import url_fault
from components.dynamic import DynamicProvider
from components.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from components.connectivity.report import Report
    from components.connectivity.worker_report import WorkerReport

PASSED: Final = "passed"
FAILED: Final = "failed"
WAITING: Final = "waiting for the app"
OFF: Final = "not checked"
DATABASE_BUDGET_SECONDS: Final = 5.0
"""How long the database is tried for the cause of a 503. The Worker's own attempts have woken a branch that slept."""

LOOK_SECONDS: Final = 3.0
"""How long a refresh asks a Worker that has not passed yet."""


class WorkerCheckError(InfraError):
    """The deployed Worker is not healthy, or not the right one."""


class WorkerCheckProvider(DynamicProvider):
    """Asks the deployed Worker when the resource is made or an input changes.

    As with the database check, a failure in mode `enforce` records nothing, and in mode `warn` it asks for an update
    until a check has passed. Before the first deployment of the app there is nobody to ask: that fails in no mode, and
    refreshing, which asks the Worker only when it has not passed yet, takes note when the app is there.
    """

    inputs = ("url", "environment", "branch", "databaseUrl", "mode", "budgetSeconds", "deployCommand", "trigger")
    fingerprinted: ClassVar[frozenset[str]] = frozenset({"databaseUrl"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"databaseUrl"})

    @override
    def judge(self, news: dict[str, Any]) -> Mapping[str, str]:
        return faults(news)

    @override
    def needs_update(self, olds: dict[str, Any], news: dict[str, Any]) -> bool:
        return news.get("mode") != "off" and olds.get("ok") is not True and olds.get("state") != WAITING

    @override
    def make(self, news: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return f"worker-check-{news['branch']}", check(news, first=True)

    @override
    def change(self, resource_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        moved = olds.get("url") != news["url"]
        return check(news, first=moved or olds.get("state") in {WAITING, OFF})

    @override
    def look(self, resource_id: str, olds: dict[str, Any]) -> dict[str, Any] | None:
        return {**olds, **look_again(olds)} if olds.get("state") in {WAITING, FAILED} else olds


def faults(news: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the known inputs: name to reason. No URL is ever quoted."""
    shared = {key: news[key] for key in ("branch", "mode", "budgetSeconds") if key in news}
    found = provider.faults(shared)
    if "databaseUrl" in news and (bad := provider.faults({"url": news["databaseUrl"]})):
        found["databaseUrl"] = bad["url"]
    if "url" in news and (reason := url_fault(str(news["url"]))):
        found["url"] = f"the Worker's address {reason}"
    if "environment" in news and not news["environment"]:
        found["environment"] = "the environment's name is empty"
    return found


def check(news: Mapping[str, Any], *, first: bool) -> dict[str, Any]:
    """Ask the Worker as the inputs say; the outputs besides the inputs.

    Args:
        news: The inputs.
        first: Whether the app may never have been deployed.

    Raises:
        WorkerCheckError: The check failed and the mode is `enforce`.
    """
    if news["mode"] == "off":
        return _outputs(OFF, news["mode"])
    report = _probed(news, first=first)
    if report.ok:
        return _outputs(PASSED, news["mode"], report)
    message = f"the Worker check of branch {news['branch']} failed at {report}"
    if first and report.absent:
        failed = report.failed
        said = f"{failed.cause}\n  next: {failed.next_step}" if failed else ""
        sys.stderr.write(f"note: the Worker check of branch {news['branch']} waits for the app: {said}\n")
        return _outputs(WAITING, news["mode"], report)
    if news["mode"] == "enforce":
        raise WorkerCheckError(message)
    sys.stderr.write(f"warning: {message}\n")
    return _outputs(FAILED, news["mode"], report)


def look_again(olds: Mapping[str, Any]) -> dict[str, Any]:
    """What has changed with the Worker: it passes by now, or the app is there, and the next `up` has to judge it."""
    from components.connectivity.report import Report  # noqa: PLC0415 - previews do without

    # A refresh has no database URL, so a 503 is not explained here.
    report = _probed({**olds, "budgetSeconds": LOOK_SECONDS}, first=True, database=lambda: Report(findings=()))
    if report.ok:
        return _outputs(PASSED, olds["mode"], report)
    return {} if report.absent else {"state": FAILED}


def _probed(news: Mapping[str, Any], *, first: bool, database: Callable[[], Report] | None = None) -> WorkerReport:
    from components.connectivity.worker_probe import probe_worker  # noqa: PLC0415 - previews do without HTTP
    from components.connectivity.worker_verdicts import Expectation  # noqa: PLC0415 - as above

    expected = Expectation(
        environment=news["environment"], branch=news["branch"], deploy_command=news.get("deployCommand") or ""
    )
    return probe_worker(
        news["url"],
        expected,
        database=database or (lambda: _database(news)),
        budget_seconds=news["budgetSeconds"],
        first=first,
    )


def _database(news: Mapping[str, Any]) -> Report:
    from components.connectivity.probe import probe  # noqa: PLC0415 - loads the driver, for the rare case

    return probe(
        Connection.parse(news["databaseUrl"]),
        expected_branch=news["branch"],
        budget_seconds=DATABASE_BUDGET_SECONDS,
    )


def _outputs(state: str, mode: str, report: WorkerReport | None = None) -> dict[str, Any]:
    """The same keys in every state, and no times: they would make a difference each time."""
    failed = report.failed if report else None
    return {
        "ok": state == PASSED,
        "state": state,
        "checkedMode": mode,
        "status": report.status if report else 0,
        "foundEnvironment": report.environment if report else "",
        "foundBranch": report.branch if report else "",
        "foundDatabaseBranch": report.database_branch if report else "",
        "cause": failed.cause if failed else "",
        "nextStep": failed.next_step if failed else "",
    }
