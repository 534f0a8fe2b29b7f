"""Pulumi's side of the room. Module path and class names are a contract with recorded state: never change them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckFailure, CheckResult
from typing_extensions import override

from components.dynamic import DynamicProvider, Properties, is_known, plain
from components.errors import LocalError
from components.postgres import baseline
from components.postgres.password import new_password
from components.postgres.server import lifecycle
from components.postgres.server.account import account_problem
from components.postgres.server.binaries import installed
from components.postgres.server.ports import HOST
from components.postgres.server.settings import ServerSettings, problems
from components.postgres.sqlfiles import SqlFile, history_problem

if TYPE_CHECKING:
    from collections.abc import Mapping


class PasswordProvider(DynamicProvider):
    """Makes a password once; a changed keeper makes a new one."""

    inputs = ("keeper",)

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        return "password", {"value": new_password()}

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        return {"value": new_password()}


class EmbeddedServerProvider(DynamicProvider):
    """Runs a Postgres server on this machine."""

    inputs = (
        "stack",
        "projectFolder",
        "dataFolder",
        "preferredPort",
        "database",
        "user",
        "password",
        "retainData",
        "account",
        "startTimeoutSeconds",
    )
    # Another folder is another database: said as a replacement, and the port must be free before the new one starts.
    replaces = frozenset({"stack", "dataFolder"})
    delete_before_replace = True
    secret_inputs = frozenset({"password"})

    @override
    def judge(self, news: Properties) -> Mapping[str, str]:
        wrong = problems(news)
        account = account_problem(news.get("account") or "")
        return {**wrong, "account": account} if account else wrong

    @override
    def needs_update(self, olds: Properties, news: Properties) -> bool:
        return not olds.get("running") or olds.get("version") != _installed_version(olds)

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        outputs = _outputs(lifecycle.ensure(ServerSettings.from_properties(news)))
        return outputs["folder"], outputs

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        # Data stay where they are, also when the clone has moved and the default folder would now be another.
        return _outputs(lifecycle.ensure(ServerSettings.from_properties({**news, "dataFolder": olds["folder"]})))

    @override
    def look(self, resource_id: str, olds: Properties) -> Properties | None:
        settings = ServerSettings.from_properties(olds)
        found = lifecycle.look(settings, Path(olds["folder"]), olds["port"])
        if found is None:
            return None
        seen = _outputs(found)
        return {**olds, **seen, "version": seen["version"] or olds["version"]}

    @override
    def remove(self, resource_id: str, olds: Properties) -> None:
        lifecycle.take_down(
            ServerSettings.from_properties(olds),
            Path(olds["folder"]),
            system_identifier=olds["systemIdentifier"],
            retain=olds["retainData"],
        )


class BaselineProvider(DynamicProvider):
    """Stamps a database and applies SQL files to it. What it did stays when the resource goes: it is data."""

    inputs = ("url", "branch", "sqlFiles", "mayWake")
    secret_inputs = frozenset({"url"})

    @override
    def check(self, _olds: Any, news: Any) -> CheckResult:
        result = super().check(_olds, news)
        before, after = (plain((side or {}).get("sqlFiles")) for side in (_olds, news))
        if before and after is not None and is_known(before) and is_known(after):
            lists = ([SqlFile.from_properties(entry) for entry in side] for side in (before, after))
            problem = history_problem(*lists, branch=str(news.get("branch")))
            result.failures.extend([CheckFailure("sqlFiles", problem)] if problem else [])
        return result

    @override
    def judge(self, news: Properties) -> Mapping[str, str]:
        return baseline.problems(news)

    @override
    def needs_update(self, olds: Properties, news: Properties) -> bool:
        return not olds.get("verified")

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        baseline.apply(baseline.BaselineTask.from_properties(news))
        return f"baseline-{news['branch']}", {"verified": True}

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        baseline.apply(baseline.BaselineTask.from_properties(news))
        return {"verified": True}

    @override
    def look(self, resource_id: str, olds: Properties) -> Properties | None:
        if olds.get("mayWake") is False:
            return olds
        return {**olds, **baseline.look(baseline.BaselineTask.from_properties(olds))}


def _installed_version(olds: Properties) -> str | None:
    """What a restart would run; without the package nothing would, which is for the restart to say."""
    try:
        return installed().server_version
    except LocalError:
        return olds.get("version")


def _outputs(report: lifecycle.Report) -> dict[str, Any]:
    return {
        "folder": str(report.folder),
        "host": HOST,
        "port": report.port,
        "running": report.running,
        "version": report.version,
        "systemIdentifier": report.system_identifier,
        "runsAs": report.account,
    }
