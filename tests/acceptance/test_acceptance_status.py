"""`./infra status` as one types it: a fresh clone, and a sandbox with staging and a pull request's environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.clone import PROJECT, SECONDS
from tests.sandboxed import password_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clone import Clone
    from tests.sandboxed import Sandboxed

SCHEMA = json.loads((PROJECT / "docs/schemas/status.schema.json").read_text())


def _verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["verdict"] for one in document["environments"]}


def test_a_fresh_clone_shows_what_is_not_there_yet(untouched: Clone) -> None:
    """Every environment that has a file is a row with the command that makes it, and all is as it should be."""
    answer = untouched.infra("status")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[:2] == [
        "not there  dev         it was never deployed from here",
        "           next: ./infra up dev makes it",
    ]
    assert [line.split()[2] for line in answer.stdout.splitlines() if line.startswith("not there")] == [
        "dev",
        "staging",
        "production",
    ]


@pytest.fixture
def staged(sandboxed: Sandboxed) -> Sandboxed:
    """The shared sandbox with a staging, and a new environment of a pull request below it."""
    if "staging" not in sandboxed.branches():
        sandboxed.begin_anew("staging")
    sandboxed.up("staging")
    sandboxed.begin_anew("pr-61")
    sandboxed.up("pr-61")
    sandboxed.forget_calls()
    return sandboxed


def _status(sandboxed: Sandboxed, *more: str) -> tuple[int, dict[str, Any]]:
    answer = sandboxed.clone.infra("status", "--sandbox", "--json", *more)
    document = json.loads(answer.stdout)
    jsonschema.validate(document, SCHEMA)
    return answer.returncode, document


def test_an_environment_is_seen_as_it_comes_and_goes(staged: Sandboxed, tmp_path: Path) -> None:
    """Deployed, it is told without a secret; silent, asleep or gone, it is said to be, and the others are told."""
    _is_told(staged, tmp_path / "status.html")
    branch = staged.branches()["pr-61"]
    place = f"/organizations/{staged.record['organization']}/projects/{branch['project']}/branches/{branch['id']}"

    staged.fault(path=f"/branches/{branch['id']}$", cut="before", times=0)
    code, silent = _status(staged, "--timeout", "3")
    staged.end_faults()
    assert (code, _verdicts(silent)["pr-61"], _verdicts(silent)["staging"]) == (5, "unknown", "healthy")
    assert "branch" in next(one["unknown"] for one in silent["environments"] if one["name"] == "pr-61")

    staged.control.patch(place, json={"hibernate": True}).raise_for_status()
    assert [_verdicts(_status(staged)[1])["pr-61"] for _ in range(2)] == ["asleep", "asleep"]  # and it sleeps on

    staged.control.delete(place).raise_for_status()
    code, gone = _status(staged)
    assert (code, _verdicts(gone)["pr-61"]) == (5, "failing")


def _is_told(staged: Sandboxed, page: Path) -> None:
    """Branch, size, sleep, last up, password and end of life, by one list; the page is made of the same look."""
    code, document = _status(staged, "--html", str(page))
    calls = [one["path"] for one in staged.calls()]
    assert sum(path.endswith(("/projects", "/branches")) for path in calls) == 1
    assert code == (0 if document["ok"] else 5)  # other tests leave what they leave in the shared sandbox
    found = {one["name"]: one for one in document["environments"]}
    staging, preview = found["staging"], found["pr-61"]
    assert (staging["verdict"], preview["verdict"], preview["unknown"]) == ("healthy", "healthy", {})
    assert (staging["branch"]["parent"], preview["branch"]["parent"]) == ("main", "staging")
    assert (staging["branch"]["sleepsAfterMinutes"], staging["daysLeft"], preview["daysLeft"]) == (30, None, 7)
    assert preview["password"]["days"] == 0
    assert "@" in preview["lastUp"]["by"]
    assert {"main", "staging", "pr-61"} <= {one["name"] for one in document["branches"]}
    secret = password_of(staged.outputs("pr-61")["databaseUrl"])
    assert "pr-61: the newest 1 run" in page.read_text()
    assert secret not in page.read_text() + json.dumps(document)
    live = staged.control.get("/sandbox/pages/status", timeout=SECONDS)
    assert (live.status_code, live.headers["Refresh"], "pr-61" in live.text) == (200, "10", True), live.text
