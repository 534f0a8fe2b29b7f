"""The Worker check's adapter to Pulumi. The class path is a contract with recorded state: never move or rename it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import override

from components.connection import Connection
from components.connectivity import provider
from components.connectivity.worker_address import PATH, url_fault
from components.dynamic import DynamicProvider
from components.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.connectivity.report import Report
    from components.connectivity.worker_report import WorkerReport

PASSED: Final = "passed"
FAILED: Final = "failed"
WAITING: Final = "waiting for the app"
OFF: Final = "not checked"
DATABASE_BUDGET_SECONDS: Final = 5.0
"""How long the database is tried for the cause of a 503. The Worker's own attempts have woken a branch that slept."""

LOOK_SECONDS: Final = 25.0
"""How long a refresh waits for an answer; what is wrong with one need only be confirmed, because `up` asks again."""


class WorkerCheckError(InfraError):
    """The deployed Worker is not healthy, or not the right one."""


class WorkerCheckProvider(DynamicProvider):
    """Asks the deployed Worker when the resource is made, when an input changes, and at every refresh.

    As with the database check, a failure in mode `enforce` records nothing, and in mode `warn` it asks for an update
    until a check has passed. So does a refresh that finds the Worker otherwise than it was left, or the app where it
    was waited for. Before the first deployment there is nobody to ask: that fails in no mode.
    """

    inputs = ("url", "path", "environment", "branch", "databaseUrl", "mode", "budgetSeconds", "trigger")
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
        moved = any(olds.get(key) != news.get(key) for key in ("url", "path"))
        return check(news, first=moved or olds.get("state") in {WAITING, OFF})

    @override
    def look(self, resource_id: str, olds: dict[str, Any]) -> dict[str, Any] | None:
        return olds if olds.get("mode") == "off" else {**olds, **look_again(olds)}


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
        _say_waiting(news, report)
        return _outputs(WAITING, news["mode"], report)
    if news["mode"] == "enforce":
        raise WorkerCheckError(message)
    sys.stderr.write(f"warning: {message}\n")
    return _outputs(FAILED, news["mode"], report)


def look_again(olds: Mapping[str, Any]) -> dict[str, Any]:
    """What has changed with the Worker; nothing where it passes as before, or its app is not there yet."""
    if olds.get("state") == OFF:
        return {}
    report = _probed({**olds, "budgetSeconds": LOOK_SECONDS}, first=True, hasty=True)
    if report.ok:
        return _outputs(PASSED, olds["mode"], report)
    if olds.get("state") == WAITING:
        if not report.absent:
            return {"state": OFF}  # the app is there by now, and the next update checks it
        _say_waiting(olds, report)
        return {}
    return _outputs(FAILED, olds["mode"], report)


def _say_waiting(news: Mapping[str, Any], report: WorkerReport) -> None:
    failed = report.failed
    said = f": {failed.cause}\n  next: {failed.next_step}" if failed else ""
    sys.stderr.write(f"note: the app of branch {news['branch']} is not deployed yet, so it was not checked{said}\n")


def _probed(news: Mapping[str, Any], *, first: bool, hasty: bool = False) -> WorkerReport:
    from components.connectivity.worker_probe import probe_worker  # noqa: PLC0415 - previews do without HTTP
    from components.connectivity.worker_verdicts import Expectation  # noqa: PLC0415 - as above

    expected = Expectation(environment=news["environment"], branch=news["branch"], path=news.get("path") or PATH)
    return probe_worker(
        news["url"],
        expected,
        database=(lambda: _database(news)) if "databaseUrl" in news else None,  # a refresh has none
        budget_seconds=news["budgetSeconds"],
        first=first,
        hasty=hasty,
        say=lambda text: sys.stderr.write(f"note: {text}\n"),
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
