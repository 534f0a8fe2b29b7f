"""The workflow files, read strictly: a key that is not known here fails, so that nothing in a file is passed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from operations.init import layouts

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / layouts.WORKFLOWS

OF_A_WORKFLOW = {"name", "on", "permissions", "concurrency", "defaults", "jobs"}
OF_A_JOB = {
    "name",
    "if",
    "needs",
    "runs-on",
    "timeout-minutes",
    "environment",
    "permissions",
    "env",
    "steps",
    "strategy",
    "outputs",
}
OF_A_CALL = {"uses", "permissions", "secrets"}
OF_AN_ACTION = {"name", "uses", "with"}
OF_A_COMMAND = {"name", "id", "if", "run", "env"}
TRIGGERS = {
    "pull_request": {"types", "paths"},
    "push": {"branches", "paths"},
    "schedule": {"cron"},
    "workflow_dispatch": set(),
    "workflow_call": {"secrets"},
}
CHANGED = "README.md"
"""The file that the recorded pull requests and pushes change."""
DEFAULT_TYPES = ("opened", "synchronize", "reopened")


class UnknownWorkflowError(Exception):
    """A file says something that is not understood here."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: either an action of somebody else's, which is given something, or a command."""

    name: str
    action: str = ""
    command: str = ""
    id: str = ""
    condition: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job.

    Attributes:
        place: The GitHub environment whose secrets it gets, empty for none.
        matrix: What it is run for, one at a time: the name of that, and its values or the expression that has them.
        calls: The workflow that it stands for, with `secrets` of the caller's; empty for none.
    """

    name: str
    condition: str
    needs: tuple[str, ...]
    place: str
    permissions: Mapping[str, str]
    environment: Mapping[str, str]
    steps: tuple[Step, ...]
    matrix: tuple[str, Any] = ("", ())
    outputs: Mapping[str, str] = field(default_factory=dict)
    calls: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """One file. `triggers` has what each event is narrowed to, `folder` where its commands run."""

    name: str
    triggers: Mapping[str, Mapping[str, Any]]
    permissions: Mapping[str, str]
    group: str
    cancels: bool
    folder: str
    jobs: tuple[Job, ...]

    def begins(self, event: str, payload: Mapping[str, Any]) -> bool:
        """Whether an event starts it."""
        if event not in self.triggers:
            return False
        narrowed = self.triggers[event]
        if not any(fnmatchcase(CHANGED, pattern) for pattern in narrowed.get("paths", [CHANGED])):
            return False
        if event == "pull_request":
            return payload["action"] in narrowed.get("types", DEFAULT_TYPES)
        if event == "push":
            return payload["ref"].removeprefix("refs/heads/") in narrowed["branches"]
        return event == "workflow_dispatch" or payload["schedule"] in narrowed["cron"]


@cache
def workflows(layout: layouts.Layout = layouts.Layout.APP, folder: str = "") -> dict[str, Workflow]:
    """Every workflow of a layout by the name of its file, without its ending."""
    return {Path(path).stem: read(text) for path, text in sorted(layouts.workflows(layout, folder).items())}


def read(text: str) -> Workflow:
    """One file's text.

    Raises:
        UnknownWorkflowError: It says something that is not understood here.
    """
    # All values stay text: YAML would make the key `on` a truth value.
    document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - the loader that makes nothing but text
    _known(document, OF_A_WORKFLOW, "the workflow")
    concurrency = document.get("concurrency", {"group": "", "cancel-in-progress": "false"})
    _known(concurrency, {"group", "cancel-in-progress"}, "concurrency")
    defaults = document.get("defaults", {"run": {"working-directory": ""}})
    _known(defaults, {"run"}, "the defaults")
    _known(defaults.get("run"), {"working-directory"}, "the defaults of a command")
    return Workflow(
        name=document["name"],
        triggers={event: _trigger(event, narrowed) for event, narrowed in document["on"].items()},
        permissions=document["permissions"],
        group=concurrency["group"],
        cancels=concurrency["cancel-in-progress"] == "true",
        folder=defaults["run"]["working-directory"],
        jobs=tuple(_job(name, job) for name, job in document["jobs"].items()),
    )


def _trigger(event: str, narrowed: Any) -> Mapping[str, Any]:
    if event not in TRIGGERS:
        raise UnknownWorkflowError(f"the event {event!r} is not understood")
    if isinstance(narrowed, list):  # schedule is a list of its times
        for one in narrowed:
            _known(one, TRIGGERS[event], event)
        return {"cron": [one["cron"] for one in narrowed]}
    found = narrowed or {}
    _known(found, TRIGGERS[event], event)
    return dict(found)


def _job(name: str, job: Any) -> Job:
    if "uses" in job:
        _known(job, OF_A_CALL, f"the call {name}")
        call = {"calls": job["uses"], "secrets": job["secrets"], "permissions": job["permissions"]}
        return Job(name=name, condition="", needs=(), place="", environment={}, steps=(), **call)
    _known(job, OF_A_JOB, f"the job {name}")
    place, needs = job.get("environment", ""), job.get("needs", [])
    strategy = job.get("strategy", {"matrix": {}})
    _known(strategy, {"fail-fast", "matrix"}, f"the strategy of {name}")
    _known(strategy.get("matrix"), {"python", "environment"}, f"the matrix of {name}")
    if isinstance(place, dict):
        _known(place, {"name", "url"}, f"the environment of {name}")
        place = place["name"]
    return Job(
        name=name,
        condition=job.get("if", ""),
        needs=(needs,) if isinstance(needs, str) else tuple(needs),
        place=place,
        permissions=job["permissions"],
        environment=job.get("env", {}),
        steps=tuple(_step(step, f"a step of {name}") for step in job["steps"]),
        matrix=next(iter(strategy["matrix"].items()), ("", ())),
        outputs=job.get("outputs", {}),
    )


def _step(step: Any, what: str) -> Step:
    if "uses" in step:
        _known(step, OF_AN_ACTION, what)
        return Step(name=step.get("name", step["uses"]), action=step["uses"], given=step.get("with", {}))
    _known(step, OF_A_COMMAND, what)
    return Step(
        name=step["name"],
        command=step["run"],
        id=step.get("id", ""),
        condition=step.get("if", ""),
        environment=step.get("env", {}),
    )


def _known(found: Any, allowed: set[str], what: str) -> None:
    if not isinstance(found, dict) or (unknown := found.keys() - allowed):
        raise UnknownWorkflowError(f"{what} says {sorted(unknown) if isinstance(found, dict) else found!r}")
