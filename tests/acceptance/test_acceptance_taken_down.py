"""What is taken down goes as a whole or not at all, and what a cut-off run left goes with it."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

import pulumi_embedded as engine
from tests.engine.stack import Recorder
from tests.killing_infra import killed_when

if TYPE_CHECKING:
    from tests.sandboxed import Sandboxed

PREVIEW = "pr-8"
OPTIONS = ("--config", "parent=main")
LOCKED = 7
CLI = ("--engine", "pulumi")
MOST_CALLS = 60
ALLOWED = {"INFRA_ALLOW_DELETE": "staging"}


def _latest(sandboxed: Sandboxed, stack: str) -> dict[str, Any]:
    """What is recorded; nothing where there is no state."""
    file = sandboxed.state / "stacks/infra" / f"{stack}.json"
    found: dict[str, Any] = json.loads(file.read_text())["checkpoint"]["latest"] if file.exists() else {}
    return found


def _cut_off(sandboxed: Sandboxed, how: signal.Signals, *options: str, **fault: Any) -> bool:
    """Bring the preview up and end the run while a call that matches is unanswered; False when none came."""
    sandboxed.begin_anew(PREVIEW)
    sandboxed.forget_calls()
    sandboxed.fault(**fault, delay=30)
    numbers: int = fault.get("nth", 1)

    def reached() -> bool:
        calls = sandboxed.calls()
        if "method" in fault:
            calls = [one for one in calls if one["method"] == fault["method"] and one["path"].endswith("/branches")]
        return len(calls) >= numbers

    try:
        return killed_when(reached, sandboxed, "up", PREVIEW, *OPTIONS, *options, allowed={}, how=how)
    finally:
        sandboxed.end_faults()


def _taken_down_and_forgotten(sandboxed: Sandboxed, *options: str) -> None:
    sandboxed.must("destroy", PREVIEW, "--yes", *options)
    assert PREVIEW not in sandboxed.branches()
    assert not _latest(sandboxed, PREVIEW)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_preview_cut_off_while_its_branch_is_made_is_taken_down_and_forgotten(
    sandboxed: Sandboxed, how: signal.Signals
) -> None:
    """At once, or after an up, which finds the branch and takes its note out of the state: exit code 0 each time."""
    again = how is signal.SIGKILL
    assert _cut_off(sandboxed, how, method="POST", path="/branches$")
    assert PREVIEW in sandboxed.branches()
    assert [one["type"] for one in _latest(sandboxed, PREVIEW)["pending_operations"]] == ["creating"]
    if again:
        sandboxed.up(PREVIEW, *OPTIONS)
        assert not _latest(sandboxed, PREVIEW).get("pending_operations")
    _taken_down_and_forgotten(sandboxed)


@pytest.mark.cli
@pytest.mark.timeout(600)
@pytest.mark.parametrize("up", [True, False])
def test_the_same_with_the_pulumi_cli(sandboxed: Sandboxed, *, up: bool) -> None:
    """Killed while the branch is made, and its lock removed; after an up in between, or at once, all is forgotten."""
    assert _cut_off(sandboxed, signal.SIGKILL, *CLI, method="POST", path="/branches$")
    assert PREVIEW in sandboxed.branches()
    assert [one["type"] for one in _latest(sandboxed, PREVIEW)["pending_operations"]] == ["creating"]
    assert sandboxed.run("destroy", PREVIEW, "--yes", *CLI).returncode == LOCKED
    assert sandboxed.run("unlock", PREVIEW, "--yes", *CLI).returncode == 0
    if up:
        sandboxed.up(PREVIEW, *OPTIONS, *CLI)
        assert not _latest(sandboxed, PREVIEW).get("pending_operations")
    _taken_down_and_forgotten(sandboxed, *CLI)


@pytest.mark.thorough
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_preview_cut_off_at_any_call_is_taken_down_and_forgotten(
    sandboxed: Sandboxed, how: signal.Signals, *, up: bool
) -> None:
    """[D13] Whichever call was the last, with an up in between or without."""
    for number in range(1, MOST_CALLS):
        cut_off = _cut_off(sandboxed, how, nth=number)
        if up:
            sandboxed.up(PREVIEW, *OPTIONS)
            assert not _latest(sandboxed, PREVIEW).get("pending_operations"), f"after call {number}"
        _taken_down_and_forgotten(sandboxed)
        if not cut_off:
            return
    pytest.fail("the run makes more calls than this test expects")


def _destroy_as_pulumi_does(sandboxed: Sandboxed, stack: str) -> engine.Result:
    """On the engine alone, which asks nobody before it begins."""
    record, folder = sandboxed.record, sandboxed.clone.folder
    request = engine.Request(
        kind="destroy",
        project_folder=folder,
        stack=stack,
        backend_url=f"file://{sandboxed.state.parent}",
        passphrase=(folder / ".infra/passphrase").read_text().strip(),
        environment={
            "PYTHONPATH": str(folder),
            "XATA_API_BASE_URL": record["api"],
            "XATA_API_KEY": record["key"],
            "XATA_ORGANIZATION_ID": record["organization"],
            "INFRA_DATABASE_CA": record["authority"],
            **ALLOWED,
        },
    )
    return engine.run(request, Recorder())


def test_a_staging_with_a_living_child_is_refused_before_anything_goes(sandboxed: Sandboxed) -> None:
    """By ./infra, which says what to do and exits with 3, and by an engine alone; then the child goes, and all does."""
    sandboxed.up("staging", "--config", "protect=false")
    recorded, there = _latest(sandboxed, "staging")["resources"], sandboxed.branches()
    project = f"/organizations/{sandboxed.record['organization']}/projects/{there['staging']['project']}/branches"
    child = {"name": "pr-9", "mode": "inherit", "parentID": there["staging"]["id"]}
    sandboxed.control.post(project, json=child).raise_for_status()
    refused = sandboxed.run("destroy", "staging", "--yes", **ALLOWED)
    assert refused.returncode == 3, refused.stderr
    assert "staging: nothing was changed: the branch 'staging'" in refused.stderr
    assert "has living children: pr-9" in refused.stderr
    result = _destroy_as_pulumi_does(sandboxed, "staging")
    assert not result.succeeded
    assert "has living children: pr-9" in result.errors[0]
    assert result.changes.delete == 0
    kept = _latest(sandboxed, "staging")["resources"]
    assert [one["urn"] for one in kept] == [one["urn"] for one in recorded]
    assert sandboxed.branches().keys() == {*there, "pr-9"}
    sandboxed.control.delete(f"{project}/{sandboxed.branches()['pr-9']['id']}").raise_for_status()
    sandboxed.must("destroy", "staging", "--yes", **ALLOWED)
    assert sandboxed.branches().keys() == there.keys() - {"staging"}
