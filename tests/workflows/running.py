"""Runs a workflow's commands on this machine, in their order and with the environment they would have on GitHub."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.workflows.expressions import TEMPLATE, World, condition, evaluated, filled
from tests.workflows.reading import UnknownWorkflowError, workflows

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
COMMIT = "5d41402abc4b2a76b9719d911017c592aabbccdd"
"""What is pinned of the program's repository."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where commands run.

    Attributes:
        folder: The workspace: what actions/checkout would leave.
        temporary: RUNNER_TEMP.
        environment: What a step finds set before anything of the workflow: PATH, HOME and where services are. No key.
        secrets: By GitHub environment, its secrets.
        variables: The repository's variables.
        token: What `github.token` is.
        repository: As owner/name.
        workflows: What the repository has of them, by the names of their files.
        called: Those of other repositories that it may call, by what a job names them.
        program: The repository whose workflow is called, as owner/name.
        checkouts: Where repositories lie in the workspace.
    """

    folder: Path
    temporary: Path
    environment: Mapping[str, str]
    secrets: Mapping[str, Mapping[str, str]]
    variables: Mapping[str, str]
    token: str
    repository: str
    workflows: Mapping[str, Workflow] = field(default_factory=workflows)
    called: Mapping[str, Workflow] = field(default_factory=dict)
    program: str = ""
    checkouts: Mapping[str, str] = field(default_factory=dict)


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
    def carried_out(self) -> dict[str, str]:
        """The jobs that were begun, to what became of them."""
        return {name: result for name, result in self.jobs.items() if result != "skipped"}

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
    all_of_it = machine.workflows.items()
    started = {name: one for name, one in all_of_it if one.begins(kind, payload) and only in {"", name}}
    return {name: run(machine, workflow, kind, payload) for name, workflow in started.items()}


def run(machine: Machine, workflow: Workflow, kind: str, payload: Mapping[str, Any]) -> Outcome:
    """Run the jobs in the order of the file, which is that of their needs; those of a matrix one after the other."""
    begun = _Begun(machine=machine, workflow=workflow, kind=kind, payload=payload)
    begun.file.write_text(json.dumps(payload), encoding="utf-8")
    whole = Outcome(ran=(), jobs={}, summary="", outputs={})
    needs: dict[str, dict[str, Any]] = {}
    for job in workflow.jobs:
        if job.calls:
            return run(_of_the_called(machine, job), machine.called[job.calls], kind, payload)
        runs = _runs(begun, job, {need: needs[need] for need in job.needs})
        results = [one.result for one in runs.values()]
        worst = next((one for one in ("failure", "skipped") if one in results), "success")
        needs[job.name] = {"result": worst, "outputs": [one.put_out() for one in runs.values()][-1]}
        whole = Outcome(
            ran=(*whole.ran, *(ran for one in runs.values() for ran in one.ran)),
            jobs={**whole.jobs, **{name: one.result for name, one in runs.items()}},
            summary=whole.summary + "".join(one.summary for one in runs.values()),
            outputs={**whole.outputs, **{step: told for one in runs.values() for step, told in one.outputs.items()}},
        )
    return whole


def _of_the_called(machine: Machine, job: Job) -> Machine:
    """What a called workflow has: of a GitHub environment's secrets those whose names the caller passes on.

    Source: https://docs.github.com/actions/how-tos/reuse-automations/reuse-workflows (passing secrets), and
    https://github.com/actions/runner/issues/1490: others are empty, whatever its jobs' GitHub environments hold.
    """
    passed = {name for name, text in job.secrets.items() if text == f"${{{{ secrets.{name} }}}}"}
    kept = {
        place: {name: told for name, told in secrets.items() if name in passed}
        for place, secrets in machine.secrets.items()
    }
    return replace(machine, secrets=kept)


@dataclass(frozen=True, kw_only=True)
class _Begun:
    """A workflow that an event has begun on a machine."""

    machine: Machine
    workflow: Workflow
    kind: str
    payload: Mapping[str, Any]

    @property
    def file(self) -> Path:
        return self.machine.temporary / "event.json"


def _runs(begun: _Begun, job: Job, needs: Mapping[str, Any]) -> dict[str, _Run]:
    """A job's runs by their names: one, or one for each value of its matrix; those that are wanted are carried out."""
    alone = _Run(begun, job, needs, {})
    if not alone.wanted():
        return {job.name: alone}
    which, values = job.matrix
    runs = {f"{job.name} ({one})": _Run(begun, job, needs, {which: one}) for one in alone.listed(values)}
    runs = runs or {job.name: alone}
    for one in runs.values():
        one.carry_out()
    return runs


class _Run:
    """One job on a machine of its own."""

    def __init__(self, begun: _Begun, job: Job, needs: Mapping[str, Any], matrix: Mapping[str, str]) -> None:
        machine = begun.machine
        self._machine, self._job = machine, job
        self._place = machine.folder / begun.workflow.folder
        self.ran: list[Ran] = []
        self.outputs: dict[str, dict[str, str]] = {}
        self.summary, self.result = "", "skipped"
        contexts: dict[str, Any] = {
            "github": {
                "event": begun.payload,
                "event_name": begun.kind,
                "repository": machine.repository,
                "token": machine.token,
            },
            "vars": dict(machine.variables),
            "steps": {},
            "needs": needs,
            "matrix": matrix,
            "job": {"workflow_repository": machine.program, "workflow_sha": COMMIT},
        }
        needed = {need["result"] for need in needs.values()}
        functions = {
            "success": lambda: self.result == "success" or (not self.ran and needed <= {"success"}),
            "failure": lambda: "failure" in {self.result, *needed},
            "cancelled": lambda: False,
        }
        # A job that is not wanted has no place, and a matrix has one for each of its values.
        place = filled(job.place, World(contexts=contexts, functions=functions))
        contexts["secrets"] = dict(machine.secrets.get(place, {}))
        self._world = World(contexts=contexts, functions=functions)
        self._given = _given(machine, begun.kind, begun.payload, begun.file)

    def wanted(self) -> bool:
        return condition(self._job.condition or "success()", self._world)

    def listed(self, matrix: Any) -> Any:
        """The values of a matrix: they are written out, or an expression has them."""
        found = TEMPLATE.fullmatch(matrix) if isinstance(matrix, str) else None
        return evaluated(found[1], self._world) if found else matrix

    def put_out(self) -> dict[str, str]:
        """The job's outputs, as far as its steps have put them out."""
        return {name: filled(text, self._world) for name, text in self._job.outputs.items()}

    def carry_out(self) -> None:
        self.result = "success"
        for step in self._job.steps:
            if step.action.startswith("actions/checkout@"):
                self._require_there(step)
            if step.command not in {"", LEFT_OUT} and condition(step.condition or "success()", self._world):
                self._carry_out(step)

    def _require_there(self, step: Step) -> None:
        """What a step would check out lies where it would be, and is where commands look for it."""
        told = {name: filled(text, self._world) for name, text in step.given.items()}
        repository, path = told.get("repository", self._machine.repository), told.get("path", "")
        lies = self._machine.checkouts.get(repository, "") == path and (self._machine.folder / path).is_dir()
        if not lies:
            raise UnknownWorkflowError(f"{repository} is checked out into {path!r}, where it does not lie")

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
            cwd=self._place,
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
        steps = {name: {"outputs": put_out} for name, put_out in self.outputs.items()}
        self._world = replace(self._world, contexts={**self._world.contexts, "steps": steps})


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
