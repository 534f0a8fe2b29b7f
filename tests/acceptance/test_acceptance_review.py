"""A plan of a real stack becomes a comment below a pull request of the sandbox, and a loss closes the gate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cloud_sandbox.github import shapes
from cloud_sandbox.github.world import Pull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sandboxed import Sandboxed

NUMBER = 7


@pytest.fixture
def github(sandboxed: Sandboxed) -> Iterator[httpx.Client]:
    """The sandbox's own switches for GitHub, with one pull request."""
    with httpx.Client(base_url=f"{sandboxed.record['githubApi']}/sandbox", trust_env=False) as control:
        control.post("/reset").raise_for_status()
        control.post("/pulls", json={"number": NUMBER, "title": "`$(id)` <b>"}).raise_for_status()
        yield control


def _comments(github: httpx.Client) -> list[str]:
    return [comment["body"] for comment in github.get("/state").json()["comments"]]


def _event(github: httpx.Client, file: Path) -> str:
    """The event file that a workflow's run would get now."""
    (pull,) = github.get("/state").json()["pulls"]
    told = shapes.pull(Pull(**pull), "sandbox/app", "https://api.github.com")
    event = {
        "action": "synchronize",
        "number": NUMBER,
        "pull_request": told,
        "repository": {"full_name": "sandbox/app"},
    }
    file.write_text(json.dumps(event), encoding="utf-8")
    return str(file)


@pytest.mark.thorough
def test_a_reviewer_reads_the_plan(sandboxed: Sandboxed, github: httpx.Client, tmp_path: Path) -> None:
    """From a real preview to the comment, which there is once only; the gate closes on the broken rule alone."""
    sandboxed.up("staging")
    weaker = ("--config", "protect=false", "--config", "backupRetentionDays=3")
    plan = tmp_path / "staging.json"
    plan.write_text(sandboxed.must("preview", "staging", "--json", *weaker).stdout, encoding="utf-8")
    event = _event(github, tmp_path / "event.json")
    for _ in range(2):
        done = sandboxed.clone.infra("comment", str(plan), "--event", event, "--sandbox", GITHUB_TOKEN="ghp_real")
        assert done.returncode == 0, done.stderr
    (body,) = _comments(github)
    assert "backups are kept for less: 7 days before, 3 days after" in body
    assert "protection lifted from `staging`" in body
    refused = sandboxed.clone.infra("gate", str(plan))
    assert (refused.returncode, refused.stderr.count("error: ")) == (3, 1), refused.stderr
    assert "error: staging: backups are kept 3 days ('database-settings'); allowed: 7 days or more" in refused.stderr


@pytest.mark.thorough
def test_the_gate_keeps_the_branch(sandboxed: Sandboxed, github: httpx.Client, tmp_path: Path) -> None:
    """A replacement that the embedded engine plans is named, refused, and allowed by its label."""
    sandboxed.up("staging")
    loss, event = tmp_path / "loss.json", _event(github, tmp_path / "event.json")
    moved = ("--config", "protect=false", "--config", "region=us-west-2")
    document = sandboxed.must("preview", "staging", "--json", *moved, INFRA_ALLOW_DELETE="staging").stdout
    loss.write_text(document, encoding="utf-8")
    refused = sandboxed.clone.infra("gate", str(loss), "--event", event)
    assert refused.returncode == 3, refused.stderr
    label = refused.stderr.rpartition("set the label ")[2].strip()
    github.post(f"/pulls/{NUMBER}", json={"labels": [label]}).raise_for_status()
    assert sandboxed.clone.infra("gate", str(loss), "--event", _event(github, tmp_path / "event.json")).returncode == 0


@pytest.mark.thorough
def test_a_failing_preview_says_why(sandboxed: Sandboxed, tmp_path: Path) -> None:
    """The comment has the cause, and the gate stays closed because nobody knows the plan."""
    failed: Any = sandboxed.run("preview", "staging", "--json", "--config", "region=nowhere")
    assert failed.returncode != 0
    (tmp_path / "staging.json").write_text(failed.stdout, encoding="utf-8")
    shown = sandboxed.clone.infra("comment", str(tmp_path / "staging.json"), "--dry-run").stdout
    assert "## The preview failed" in shown
    assert "nowhere" in shown
    assert sandboxed.clone.infra("gate", str(tmp_path / "staging.json")).returncode in {2, 4}


@pytest.mark.parametrize("engine", ["embedded", pytest.param("pulumi", marks=pytest.mark.cli)])
def test_a_key_that_may_not_read_credentials_is_enough_for_a_plan(
    sandboxed: Sandboxed, tmp_path: Path, engine: str
) -> None:
    """The preview ends well; it, its document and the comment say what was not read, and `up` refuses with that key."""
    sandboxed.fault(path="credentials", status=403, message="access denied", times=0)
    previewed = sandboxed.must("preview", "foundation", "--json", "--engine", engine)
    said = "the credentials of the branch 'main' were not read"
    assert said in previewed.stderr
    (tmp_path / "foundation.json").write_text(previewed.stdout, encoding="utf-8")
    shown = sandboxed.clone.infra("comment", str(tmp_path / "foundation.json"), "--dry-run").stdout
    assert said in shown
    assert "changes nothing that is deployed" in shown
    refused = sandboxed.run("up", "foundation", "--yes", "--engine", engine)
    assert refused.returncode != 0
    assert "credentials:read" in refused.stderr
