"""Runs a workflow's commands on this machine, in their order and with the environment they would have on GitHub."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.workflows.expressions import World, condition, evaluated, filled
from tests.workflows.reading import workflows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.workflows.reading import Job, Step, Workflow

EVENTS = Path(__file__).resolve().parent / "events"
SHELL = ("bash", "-e")
"""What GitHub runs a step's command with where no shell is named; the command is in a file."""
LEFT_OUT = "./infra setup --pulumi"
"""The one command that is not run: it needs the network, and without the CLI the embedded engine works."""
SECONDS = 300
GITHUB_URL = "https://github.com"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where commands run.

    Attributes:
        folder: What actions/checkout would leave.
        temporary: RUNNER_TEMP.
        environment: What a step finds set before anything of the workflow: PATH, HOME and where services are. No key.
        secrets: By GitHub environment, its secrets.
        variables: The repository's variables.
        token: What `github.token` is.
        repository: As owner/name.
    """

    folder: Path
    temporary: Path
    environment: Mapping[str, str]
    secrets: Mapping[str, Mapping[str, str]]
    variables: Mapping[str, str]
    token: str
    repository: str


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One command that ran: its step, what it ended with, what it said, and the variables that it had."""

    job: str
    step: str
    code: int
    out: str
    err: str
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a workflow.

    Attributes:
        ran: Every command that ran.
        jobs: Each job to "success", "failure" or "skipped".
        summary: What the job summaries say.
        outputs: What steps put out, by their ids.
    """

    ran: tuple[Ran, ...]
    jobs: Mapping[str, str]
    summary: str
    outputs: Mapping[str, Mapping[str, str]]

    @property
    def succeeded(self) -> bool:
        """Whether GitHub would show it green: no job failed."""
        return "failure" not in self.jobs.values()

    @property
    def said(self) -> str:
        """Everything that the commands said."""
        return "".join(one.out + one.err for one in self.ran)


def event(name: str) -> dict[str, Any]:
    """A recorded event by the name of its file."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def deliver(machine: Machine, kind: str, payload: Mapping[str, Any], *, only: str = "") -> dict[str, Outcome]:
    """Start every workflow that the event starts, one after the other; what became of each, by its file's name.

    Args:
        machine: Where they run.
        kind: The event: pull_request, push, schedule.
        payload: What GitHub tells of it.
        only: The one workflow that is of interest; empty for all.
    """
    started = {name: one for name, one in workflows().items() if one.begins(kind, payload) and only in {"", name}}
    return {name: run(machine, workflow, kind, payload) for name, workflow in started.items()}


def run(machine: Machine, workflow: Workflow, kind: str, payload: Mapping[str, Any]) -> Outcome:
    """Run the jobs in the order of the file, which is that of their needs."""
    file = machine.temporary / "event.json"
    file.write_text(json.dumps(payload), encoding="utf-8")
    ran: list[Ran] = []
    jobs: dict[str, str] = {}
    summary, outputs = "", {}
    for job in workflow.jobs:
        one = _Run(machine, job, kind, payload, file)
        if all(jobs[need] == "success" for need in job.needs) and one.wanted():
            one.carry_out()
        jobs[job.name] = one.result
        ran += one.ran
        summary += one.summary
        outputs.update(one.outputs)
    return Outcome(ran=tuple(ran), jobs=jobs, summary=summary, outputs=outputs)


class _Run:
    """One job on a machine of its own."""

    def __init__(self, machine: Machine, job: Job, kind: str, payload: Mapping[str, Any], file: Path) -> None:
        self._machine, self._job = machine, job
        self.ran: list[Ran] = []
        self.outputs: dict[str, dict[str, str]] = {}
        self.summary, self.result = "", "skipped"
        github = {"event": payload, "event_name": kind, "repository": machine.repository, "token": machine.token}
        contexts = {
            "github": github,
            "secrets": dict(machine.secrets.get(job.place, {})),
            "vars": dict(machine.variables),
            "steps": {},
        }
        functions = {"success": lambda: self.result == "success", "cancelled": lambda: False}
        self._world = World(contexts=contexts, functions=functions)
        self._given = _given(machine, kind, payload, file)

    def wanted(self) -> bool:
        return not self._job.condition or bool(evaluated(self._job.condition, self._world))

    def carry_out(self) -> None:
        self.result = "success"
        for step in self._job.steps:
            if step.command not in {"", LEFT_OUT} and condition(step.condition or "success()", self._world):
                self._carry_out(step)

    def _carry_out(self, step: Step) -> None:
        told = {name: self._machine.temporary / name.lower() for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
        for file in told.values():
            file.write_text("", encoding="utf-8")
        own = {**self._job.environment, **step.environment}
        environment = {
            **self._given,
            **{name: filled(text, self._world) for name, text in own.items()},
            **{name: str(file) for name, file in told.items()},
        }
        script = self._machine.temporary / "step.sh"
        script.write_text(step.command, encoding="utf-8")
        done = subprocess.run(
            [*SHELL, str(script)],
            cwd=self._machine.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        self.ran.append(
            Ran(
                job=self._job.name,
                step=step.name,
                code=done.returncode,
                out=done.stdout,
                err=done.stderr,
                environment=environment,
            )
        )
        self.result = "failure" if done.returncode else self.result
        self.summary += told["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        lines = told["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines()
        self.outputs[step.id or step.name] = dict(line.split("=", 1) for line in lines)


def _given(machine: Machine, kind: str, payload: Mapping[str, Any], file: Path) -> dict[str, str]:
    """What GitHub sets for every step, texts that anybody may have written among them."""
    pull_request = payload.get("pull_request")
    number = payload.get("number")
    return {
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        **machine.environment,
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": kind,
        "GITHUB_EVENT_PATH": str(file),
        "GITHUB_REPOSITORY": machine.repository,
        "GITHUB_SERVER_URL": GITHUB_URL,
        "GITHUB_RUN_ID": "1234567890",
        "GITHUB_WORKSPACE": str(machine.folder),
        "GITHUB_REF": f"refs/pull/{number}/merge" if pull_request else "refs/heads/main",
        "GITHUB_HEAD_REF": pull_request["head"]["ref"] if pull_request else "",
        "GITHUB_BASE_REF": pull_request["base"]["ref"] if pull_request else "",
        "RUNNER_TEMP": str(machine.temporary),
    }
