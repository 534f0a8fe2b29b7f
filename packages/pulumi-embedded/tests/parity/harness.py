"""Runs small programs through edits on either engine, and says what was seen in a form that can be compared.

A program is a file in `programs/`: YAML with `about` (what it is there to show) and `edits`, which are done one after
the other on one stack; `thorough: true` leaves it to thorough runs and to the CLI's, because others show much of it,
too, and `since: "3.260"` says that an older CLI does something else. An edit has these keys, none of them needed:

- `run`: up (if not said), preview, refresh, destroy
- `refresh`: true reads reality first
- `stack`: which stack of the project; "dev" if not said
- `resources`, `outputs`, `error`, `bug`, `exit`: the program from now on (see `program/__main__.py`); without any of
  them it stays as it was. A resource is its properties, with `kind` (thing, other, room, hall, stack), `name`,
  `options` and `inside` among them. A property may be {ref: a.token}, {item: [of, key]}, {text: ["{}", ...]},
  {secret: x}, {unsecret: x}, {config: key}, {output: [reference, key]}, {required: [reference, key]}, {large: size}
- `config`: the stack's configuration from now on
- `faults`: what goes wrong in this edit: {"create a": fail | fail late | die}, by call and label
- `outside`: what somebody else does before: {change: {a-1: {color: blue}}, delete: [a-1], create: {x-1: {...}}}
- `unprotect`: true lets the state forget all protection before, as `pulumi state unprotect --all` does
- `unsettled`: true says of an up that the next preview shows changes all the same, in the CLI, too
- `pending`: a resource whose creation was cut off before, so that nobody knows whether it exists

Used like this, also by tests that make their programs up:

    stack = make_stack(folder)
    seen = stack.do(edit, Embedded())     # or Cli(); normal.difference([one], [other]) says what differs
    others = stack.look(Cli())            # what a preview of the same program plans, by the other engine

`seen` is plain data: `tests/parity/recorded/<program>.json` holds it as the real CLI made it. What is left out or
made equal before the comparison is all in `normal.py`, each with its reason.

To record anew, with the CLI on the PATH: INFRA_TEST_RECORD=1 .venv/bin/python -m pytest -m cli tests/parity
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

import pulumi_embedded as engine
from tests.engine.stack import PASSPHRASE, SALT, Home
from tests.parity import normal

FOLDER: Final = Path(__file__).parent
RECORDED: Final = FOLDER / "recorded"
PROGRAM_KEYS: Final[tuple[str, ...]] = ("resources", "outputs", "error", "bug", "exit")
Edit = dict[str, Any]
Seen = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What an engine says about a run.

    Attributes:
        succeeded: As the exit status says it.
        steps: One line each, unsorted, default providers left out.
        changes: How many resources met which fate.
        outputs: The stack's outputs, secrets masked.
        said: What it printed, for whoever reads a failure.
    """

    succeeded: bool
    steps: list[str]
    changes: dict[str, int]
    outputs: dict[str, Any]
    said: str


class Engine(Protocol):
    """Either engine."""

    def run(self, stack: Stack, kind: engine.Kind, *, refresh: bool) -> Run:
        """Run a stack's program."""


@dataclass(kw_only=True)
class Stack(Home):
    """Stacks of one project in a folder of their own, with the world their things live in.

    Attributes:
        name: The stack that is worked on.
        wanted: The program, by stack.
        said: What the last run printed.
    """

    name: str = "dev"
    wanted: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: str = ""

    @property
    def checkpoint(self) -> Path:
        """The state's file."""
        return self.folder / "backend" / ".pulumi" / "stacks" / "parity" / f"{self.name}.json"

    def do(self, edit: Edit, by: Engine) -> Seen:
        """Do one edit; returns what was seen of it."""
        before = self._prepare(edit)
        run = by.run(self, edit.get("run", "up"), refresh=edit.get("refresh", False))
        self.said = run.said
        (self.world / "faults").write_text("{}")
        return normal.seen(edit, run, before=before, after=self.latest(), log=self.take_log(), world=self.world)

    def look(self, by: Engine, *, refresh: bool = False) -> Run:
        """Preview the present program; the world's log is as it was before."""
        run = by.run(self, "preview", refresh=refresh)
        self.take_log()
        return run

    def latest(self) -> dict[str, Any]:
        """The recorded deployment."""
        found: dict[str, Any] = json.loads(self.checkpoint.read_text())["checkpoint"]["latest"] or {}
        return found

    def take_log(self) -> list[dict[str, Any]]:
        """The calls since the last look."""
        log = self.world / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    def _prepare(self, edit: Edit) -> dict[str, Any]:
        self.name = edit.get("stack", "dev")
        program = {key: edit[key] for key in PROGRAM_KEYS if key in edit}
        if program:
            self.wanted[self.name] = program
        (self.folder / "wanted.json").write_text(json.dumps(self.wanted.get(self.name, {})))
        (self.world / "faults").write_text(json.dumps(edit.get("faults", {})))
        if not self.checkpoint.exists():
            self._create()
        if "config" in edit:
            self._write_config(edit["config"])
        if edit.get("unprotect"):
            self._unprotect()
        if "pending" in edit:
            self._cut_off(edit["pending"])
        self._meddle(**edit.get("outside", {}))
        return self.latest()

    def _create(self) -> None:
        """What `pulumi stack init` does, without a second for starting it."""
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        (self.folder / "backend" / ".pulumi" / "meta.yaml").write_text("version: 1\n")
        empty = {"version": 3, "checkpoint": {"stack": f"organization/parity/{self.name}", "latest": None}}
        self.checkpoint.write_text(json.dumps(empty))
        self._write_config({})

    def _write_config(self, values: dict[str, Any]) -> None:
        content = {"encryptionsalt": SALT, "config": {f"parity:{key}": value for key, value in values.items()}}
        (self.project / f"Pulumi.{self.name}.yaml").write_text(json.dumps(content))

    def _unprotect(self) -> None:
        document = json.loads(self.checkpoint.read_text())
        for resource in document["checkpoint"]["latest"]["resources"]:
            resource.pop("protect", None)
        self.checkpoint.write_text(json.dumps(document))

    def _cut_off(self, name: str) -> None:
        document = json.loads(self.checkpoint.read_text())
        latest = document["checkpoint"]["latest"]
        (made,) = (resource for resource in latest["resources"] if resource["urn"].endswith(f"::{name}"))
        latest["resources"].remove(made)
        del made["id"], made["outputs"]
        latest["pending_operations"] = [{"resource": made, "type": "creating"}]
        self.checkpoint.write_text(json.dumps(document))

    def _meddle(
        self,
        change: dict[str, Any] | None = None,
        delete: list[str] | None = None,
        create: dict[str, Any] | None = None,
    ) -> None:
        for name, properties in (change or {}).items():
            file = self.world / name
            file.write_text(json.dumps({**json.loads(file.read_text()), **properties}))
        for name in delete or []:
            (self.world / name).unlink()
        for name, properties in (create or {}).items():
            (self.world / name).write_text(json.dumps(properties))


def make_stack(folder: Path) -> Stack:
    """A new project with nothing in it."""
    made = Stack(folder=folder)
    shutil.copytree(FOLDER / "program", made.project, ignore=shutil.ignore_patterns("__pycache__"))
    project = made.project / "Pulumi.yaml"
    project.write_text(project.read_text().replace("VIRTUALENV", sys.prefix))
    made.world.mkdir()
    return made


def program_names() -> list[str]:
    """All programs."""
    return sorted(file.stem for file in (FOLDER / "programs").glob("*.yaml"))


def read_program(name: str) -> list[Edit]:
    """The edits of a program."""
    edits: list[Edit] = _read(name)["edits"]
    return edits


def is_thorough(name: str) -> bool:
    """Whether a program is left out of a usual run without the CLI."""
    return bool(_read(name).get("thorough"))


@cache
def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / "programs" / f"{name}.yaml").read_text())
    return content


def too_old(name: str) -> str:
    """Why the CLI on the PATH is not compared on a program; nothing where it is."""
    since = str(_read(name).get("since", ""))
    differs = since and cli_version() < tuple(map(int, since.split(".")))
    return f"older than {since}, which does something else here" if differs else ""


@cache
def cli_version() -> tuple[int, ...]:
    """The version of the CLI on the PATH."""
    return tuple(map(int, _cli_version().removeprefix("v").partition("-")[0].split(".")))


def _cli_version() -> str:
    return subprocess.run(["pulumi", "version"], capture_output=True, text=True, check=True).stdout.strip()


def read_recorded(name: str) -> list[Seen]:
    """What the CLI did, edit by edit."""
    edits: list[Seen] = json.loads((RECORDED / f"{name}.json").read_text())["edits"]
    return edits


def write_recorded(name: str, edits: list[Seen]) -> None:
    """Keep what the CLI did."""
    (RECORDED / f"{name}.json").write_text(normal.text_of(name, _cli_version(), edits))


class Embedded:
    """The embedded engine."""

    def run(self, stack: Stack, kind: engine.Kind, *, refresh: bool) -> Run:
        """Run a stack's program; an `up` counts as previewed, as the CLI's `up --skip-preview` does."""
        request = engine.Request(
            kind=kind,
            project_folder=stack.project,
            stack=stack.name,
            backend_url=stack.backend_url,
            passphrase=PASSPHRASE,
            environment=stack.environment,
            refresh=refresh,
            previewed=True,
        )
        seen = _Listener(kind)
        try:
            result = engine.run(request, seen)
        except engine.EngineError as error:
            return Run(succeeded=False, steps=seen.steps, changes={}, outputs={}, said=f"refused: {error}")
        return Run(
            succeeded=result.succeeded,
            steps=seen.steps,
            changes={fate: count for fate, count in asdict(result.changes).items() if count},
            outputs={key: "[secret]" if output.secret else output.value for key, output in result.outputs.items()},
            said="\n".join([*seen.texts, *result.errors]),
        )


class _Listener:
    """Notes what the embedded engine reports; what a refresh finds, the CLI tells in `pulumi refresh` alone."""

    def __init__(self, kind: engine.Kind) -> None:
        self._kind = kind
        self.steps: list[str] = []
        self.texts: list[str] = []

    def on_event(self, event: engine.Event) -> None:
        """Note an event."""
        if isinstance(event, engine.Message):
            self.texts.append(event.text)
        elif isinstance(event, engine.StepFailed) and self._kind != "preview":
            self._note(event.step, event.step.op, failed=True)
        elif isinstance(event, engine.StepFinished):
            tells = event.step.op == "refresh" and self._kind == "refresh"
            self._note(event.step, event.op if tells else event.step.op)

    def _note(self, step: engine.Step, op: str, *, failed: bool = False) -> None:
        if not step.internal:
            self.steps.append(normal.step(op, step.urn, keys=step.replace_keys, failed=failed))


class Cli:
    """The real Pulumi CLI, as it is found on the PATH."""

    COMMANDS: Final = {
        "up": ["up", "--yes", "--skip-preview"],
        "preview": ["preview"],
        "refresh": ["refresh", "--yes", "--skip-preview", "--clear-pending-creates"],
        "destroy": ["destroy", "--yes", "--skip-preview"],
    }

    def run(self, stack: Stack, kind: engine.Kind, *, refresh: bool) -> Run:
        """Run a stack's program and read the CLI's log of events."""
        events = stack.folder / "events"
        events.unlink(missing_ok=True)
        command = ["pulumi", *self.COMMANDS[kind], "--stack", stack.name, "--non-interactive", "--color", "never"]
        command += ["--event-log", str(events), *(["--refresh"] if refresh else [])]
        done = subprocess.run(
            command, cwd=stack.project, env=self._environment(stack), capture_output=True, text=True, check=False
        )
        lines = events.read_text().splitlines() if events.exists() else []
        return _run_of([json.loads(line) for line in lines], done, begin_told=kind != "refresh")

    def _environment(self, stack: Stack) -> dict[str, str]:
        return {
            **os.environ,
            **stack.environment,
            "PULUMI_BACKEND_URL": stack.backend_url,
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_HOME": str(stack.folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # shows --event-log
        }


def _run_of(events: list[dict[str, Any]], done: subprocess.CompletedProcess[str], *, begin_told: bool) -> Run:
    steps: list[str] = []
    changes: dict[str, int] = {}
    outputs: dict[str, Any] = {}
    for event in events:
        kind, content = next((key, value) for key, value in event.items() if key not in ("sequence", "timestamp"))
        metadata = content.get("metadata") or {}
        if kind in normal.CLI_STEPS:
            steps += normal.cli_step(kind, metadata, begin_told=begin_told)
        if kind == "resOutputsEvent" and metadata["type"] == normal.STACK_TYPE:
            told = (metadata.get("new") or {}).get("outputs") or {}
            outputs = {
                key: "[secret]" if normal.SIGNATURE in json.dumps(value) else value for key, value in told.items()
            }
        elif kind == "summaryEvent":
            changes = content.get("resourceChanges") or {}
    return Run(
        succeeded=done.returncode == 0,
        steps=steps,
        changes={fate: count for fate, count in changes.items() if count and fate in normal.FATES},
        outputs=outputs,
        said=done.stdout + done.stderr,
    )
