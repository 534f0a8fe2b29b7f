"""The workflow files, read strictly: a key that is not known here fails, so that nothing in a file is passed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / ".github" / "workflows"

OF_A_WORKFLOW = {"name", "on", "permissions", "concurrency", "jobs"}
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
}
OF_AN_ACTION = {"name", "uses", "with"}
OF_A_COMMAND = {"name", "id", "if", "run", "env"}
TRIGGERS = {
    "pull_request": {"types"},
    "push": {"branches"},
    "schedule": {"cron"},
    "workflow_dispatch": set(),
}
DEFAULT_TYPES = ("opened", "synchronize", "reopened")


class UnknownWorkflowError(Exception):
    """A file says something that is not understood here."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: either an action of somebody else's, or a command."""

    name: str
    action: str = ""
    command: str = ""
    id: str = ""
    condition: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job. `place` is the GitHub environment whose secrets it gets, empty for none; `pythons` is its matrix."""

    name: str
    condition: str
    needs: tuple[str, ...]
    place: str
    permissions: Mapping[str, str]
    environment: Mapping[str, str]
    steps: tuple[Step, ...]
    pythons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """One file. `triggers` has what each event is narrowed to."""

    name: str
    triggers: Mapping[str, Mapping[str, Any]]
    permissions: Mapping[str, str]
    group: str
    cancels: bool
    jobs: tuple[Job, ...]

    def begins(self, event: str, payload: Mapping[str, Any]) -> bool:
        """Whether an event starts it."""
        if event not in self.triggers:
            return False
        narrowed = self.triggers[event]
        if event == "pull_request":
            return payload["action"] in narrowed.get("types", DEFAULT_TYPES)
        if event == "push":
            return payload["ref"].removeprefix("refs/heads/") in narrowed["branches"]
        return event == "workflow_dispatch" or payload["schedule"] in narrowed["cron"]


def workflows() -> dict[str, Workflow]:
    """Every workflow by the name of its file, without its ending."""
    return {file.stem: read(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.iterdir())}


def read(text: str) -> Workflow:
    """One file's text.

    Raises:
        UnknownWorkflowError: It says something that is not understood here.
    """
    # All values stay text: YAML would make the key `on` a truth value.
    document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - the loader that makes nothing but text
    _known(document, OF_A_WORKFLOW, "the workflow")
    concurrency = document["concurrency"]
    _known(concurrency, {"group", "cancel-in-progress"}, "concurrency")
    return Workflow(
        name=document["name"],
        triggers={event: _trigger(event, narrowed) for event, narrowed in document["on"].items()},
        permissions=document["permissions"],
        group=concurrency["group"],
        cancels=concurrency["cancel-in-progress"] == "true",
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
    _known(job, OF_A_JOB, f"the job {name}")
    place, needs = job.get("environment", ""), job.get("needs", [])
    strategy = job.get("strategy", {"matrix": {}})
    _known(strategy, {"fail-fast", "matrix"}, f"the strategy of {name}")
    _known(strategy.get("matrix"), {"python"}, f"the matrix of {name}")
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
        pythons=tuple(strategy["matrix"].get("python", ())),
    )


def _step(step: Any, what: str) -> Step:
    if "uses" in step:
        _known(step, OF_AN_ACTION, what)
        return Step(name=step.get("name", step["uses"]), action=step["uses"])
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
