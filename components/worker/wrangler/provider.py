"""The wrangler file's check as Pulumi meets it.

The class path is a contract with recorded state: never move or rename it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from components.dynamic import DynamicProvider
from components.errors import ConfigurationError
from components.worker.wrangler.expectation import Expectation, Finding, errors
from components.worker.wrangler.file import check, digest, locate, worker_name

if TYPE_CHECKING:
    from collections.abc import Mapping

MODES = ("enforce", "warn", "off")


class WranglerConfigProvider(DynamicProvider):
    """Checks the app's wrangler file, which it never writes; when the file changes, it is checked again.

    A preview tells what it finds. A relative path starts at the project folder, where Pulumi starts providers, so
    recorded state stays true when the clone moves.
    """

    inputs = ("path", "stack", "environment", "branch", "secrets", "expectedName", "accountId", "mode", "digest")

    @override
    def judge(self, news: dict[str, Any]) -> Mapping[str, str]:
        found = faults(news)
        return found or told(news)

    @override
    def make(self, news: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return f"wrangler-{news['stack']}", outputs(news)

    @override
    def change(self, resource_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        return outputs(news)

    @override
    def look(self, resource_id: str, olds: dict[str, Any]) -> dict[str, Any] | None:
        if olds["mode"] == "off":
            return olds
        return {**olds, **outputs({**olds, "mode": "warn"}), "digest": digest(Path(olds["path"]))}


def faults(news: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the known inputs: name to reason."""
    found = {key: f"{key} is empty" for key in ("path", "stack", "environment") if not news.get(key, "?")}
    if news.get("mode", "enforce") not in MODES:
        found["mode"] = f"{news['mode']!r} is not a mode; allowed are {', '.join(MODES)}"
    return found


def told(news: Mapping[str, Any]) -> dict[str, str]:
    """Tell what a check of the file finds, as far as the inputs are known: in mode `enforce` errors are refused."""
    if news.get("mode", "off") == "off" or not {"path", "stack", "environment", "branch"} <= news.keys():
        return {}
    path = locate(Path(news["path"]))
    found = check(path, _expectation(news))
    refused = errors(found) if news["mode"] == "enforce" else []
    for finding in found:
        if finding not in refused:
            sys.stderr.write(f"{finding.told(str(path))}\n")
    return {"path": _listed(refused, path)} if refused else {}


def outputs(news: Mapping[str, Any]) -> dict[str, Any]:
    """Check the file as the inputs ask; the outputs besides the inputs.

    Raises:
        ConfigurationError: The file has errors and the mode is `enforce`.
    """
    path, expectation = locate(Path(news["path"])), _expectation(news)
    if news["mode"] == "off":
        return {"ok": False, "workerName": "", "findings": []}
    found = check(path, expectation)
    refused = errors(found)
    if refused and news["mode"] == "enforce":
        raise ConfigurationError(_listed(refused, path))
    return {
        "ok": not refused,
        "workerName": worker_name(path, expectation.stack),
        "findings": [finding.told(str(path)) for finding in found],
    }


def _expectation(news: Mapping[str, Any]) -> Expectation:
    return Expectation(
        stack=news["stack"],
        environment=news["environment"],
        branch=news["branch"],
        secrets=tuple(news.get("secrets", ())),
        worker_name=news.get("expectedName", ""),
        account_id=news.get("accountId", ""),
    )


def _listed(found: list[Finding], path: Path) -> str:
    return "the app's wrangler file does not fit the stack\n" + "\n".join(finding.told(str(path)) for finding in found)
