"""The strict reader of workflow files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from operations.init.layouts import Layout, caller
from tests.workflows.reading import UnknownWorkflowError, read, workflows
from tests.workflows.running import COMMIT, event

STEP = {"name": "One", "run": "./infra up staging"}
JOB = {"runs-on": "ubuntu-24.04", "permissions": {"contents": "read"}, "steps": [STEP]}
WORKFLOW = {
    "name": "one",
    "on": {"push": {"branches": ["main"]}},
    "permissions": {},
    "concurrency": {"group": "one", "cancel-in-progress": "false"},
    "jobs": {"one": JOB},
}


def _text(**more: Any) -> str:
    """A file; JSON is YAML."""
    return json.dumps({**WORKFLOW, **more})


def test_a_file_is_read() -> None:
    """Its triggers, jobs, steps and environments are what the file says."""
    job = {**JOB, "environment": {"name": "staging", "url": "x"}, "needs": "two", "env": {"A": "b"}}
    found = read(_text(jobs={"one": job}))
    assert (found.name, found.group, found.cancels) == ("one", "one", False)
    (one,) = found.jobs
    assert (one.place, one.needs, one.environment) == ("staging", ("two",), {"A": "b"})
    assert [(step.name, step.command) for step in one.steps] == [("One", "./infra up staging")]


@pytest.mark.parametrize(
    "more",
    [
        {"env": {}},
        {"defaults": {}},
        {"on": {"pull_request_target": {}}},
        {"on": {"push": {"tags": ["v1"]}}},
        {"on": {"pull_request": {"paths-ignore": ["x"]}}},
        {"jobs": {"one": {"uses": "./x.yml", "permissions": {}, "secrets": {}, "with": {"a": "b"}}}},
        {"jobs": {"one": {**JOB, "strategy": {}}}},
        {"jobs": {"one": {**JOB, "services": {}}}},
        {"jobs": {"one": {**JOB, "steps": [{**STEP, "shell": "sh"}]}}},
        {"jobs": {"one": {**JOB, "steps": [{**STEP, "continue-on-error": "true"}]}}},
        {"jobs": {"one": {**JOB, "steps": [{"uses": "a/b@c", "if": "x"}]}}},
    ],
)
def test_what_is_not_understood_is_refused(more: dict[str, Any]) -> None:
    """A key that the runner would pass over is an error, so what a run here proves is all that a file says."""
    with pytest.raises(UnknownWorkflowError):
        read(_text(**more))


@pytest.mark.parametrize(
    ("kind", "name", "begun"),
    [
        ("pull_request", "opened", ["checks", "environment", "plan"]),
        ("pull_request", "synchronize", ["checks", "environment", "plan"]),
        ("pull_request", "reopened", ["checks", "environment", "plan"]),
        ("pull_request", "closed", ["environment"]),
        ("pull_request", "merged", ["environment"]),
        ("pull_request", "fork-opened", ["checks", "environment", "plan"]),
        ("push", "push", ["checks", "deploy"]),
        ("schedule", "schedule", ["nightly"]),
        ("schedule", "schedule-sweep", ["sweep"]),
        ("schedule", "schedule-rotation", ["rotation"]),
    ],
)
def test_each_event_begins_its_workflows(kind: str, name: str, begun: list[str]) -> None:
    """What the documentation says begins, and nothing else; the app's changes do not test a program in a folder."""
    payload, of_the_app = event(name), [one for one in begun if one != "checks"]
    here, folder = workflows(), workflows(Layout.FOLDER, "ops/infra")
    assert sorted(stem for stem, workflow in here.items() if workflow.begins(kind, payload)) == begun
    assert sorted(stem for stem, workflow in folder.items() if workflow.begins(kind, payload)) == [
        f"ops-infra-{one}" for one in of_the_app
    ]
    assert read(caller("sandbox/infra", COMMIT)).begins(kind, payload)
