"""The check resource's adapter to Pulumi. The class path is a contract with recorded state: never move or rename it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from components.connection import Connection
from components.dynamic import DynamicProvider
from components.errors import ConfigurationError, PostgresError

if TYPE_CHECKING:
    from collections.abc import Mapping

MODES = ("enforce", "warn", "off")
LONGEST_BUDGET_SECONDS = 600


class DatabaseCheckProvider(DynamicProvider):
    """Runs the probe when the resource is made or an input changes.

    A failed check in mode `enforce` leaves no resource behind, or the old inputs, so the next `up` tries again; in mode
    `warn` the recorded failure asks for an update until a check has passed. Refreshing does not connect: a check is a
    fact about a deployment, and the server's own resource sees drift.
    """

    inputs = ("url", "branch", "mode", "budgetSeconds", "serverMajor", "trigger")
    fingerprinted: ClassVar[frozenset[str]] = frozenset({"url"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"url"})

    @override
    def judge(self, news: dict[str, Any]) -> Mapping[str, str]:
        return faults(news)

    @override
    def needs_update(self, olds: dict[str, Any], news: dict[str, Any]) -> bool:
        return news.get("mode") != "off" and olds.get("ok") is not True

    @override
    def make(self, news: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return f"database-check-{news['branch']}", check(news)

    @override
    def change(self, resource_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        return check(news)


def faults(news: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the known inputs: name to reason. The URL is never quoted."""
    found: dict[str, str] = {}
    if "url" in news:
        try:
            Connection.parse(str(news["url"]))
        except ConfigurationError as error:
            found["url"] = error.message
    if "branch" in news and not news["branch"]:
        found["branch"] = "the branch's name is empty"
    if news.get("mode", "enforce") not in MODES:
        found["mode"] = f"{news['mode']!r} is not a mode; allowed are {', '.join(MODES)}"
    budget = news.get("budgetSeconds", 1)
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 < budget <= LONGEST_BUDGET_SECONDS:
        found["budgetSeconds"] = f"{budget!r} is not a number of seconds from 1 to {LONGEST_BUDGET_SECONDS}"
    major = news.get("serverMajor")
    if major is not None and (isinstance(major, bool) or not isinstance(major, int) or major < 1):
        found["serverMajor"] = f"{major!r} is not a major version of Postgres, such as 18"
    return found


def check(news: Mapping[str, Any]) -> dict[str, Any]:
    """Probe as the inputs ask; the outputs besides the inputs.

    Raises:
        PostgresError: The check failed and the mode is `enforce`.
    """
    mode = news["mode"]
    if mode == "off":
        return {"ok": False, "serverVersion": "", "foundBranch": "", "checkedMode": mode, "cause": "not checked"}
    from components.connectivity.probe import probe  # noqa: PLC0415 - loads the driver, which previews do without

    report = probe(
        Connection.parse(news["url"]),
        expected_branch=news["branch"],
        expected_major=news.get("serverMajor"),
        budget_seconds=news["budgetSeconds"],
    )
    if not report.ok:
        message = f"the database check of branch {news['branch']} failed at {report}"
        if mode == "enforce":
            raise PostgresError(message)
        sys.stderr.write(f"warning: {message}\n")
    return {
        "ok": report.ok,
        "serverVersion": report.server_version or "",
        "foundBranch": report.branch or "",
        "checkedMode": mode,
        "cause": report.failed.cause if report.failed else "",
    }
