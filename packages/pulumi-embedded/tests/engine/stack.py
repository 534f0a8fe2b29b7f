"""A stack of the program `things`, which tests edit, run, look at and disturb."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi_embedded as engine

PROGRAM = Path(__file__).parent / "programs" / "things"
PASSPHRASE = "correct horse"
SALT = "v1:Gf0XupowC5o=:v1:xKaWm+MFBurwEYpR:YQRe6ZfTpSmGgmR7SjBQ/vmVzRHvbg=="
"""One salt for all stacks, so that the key is derived once per process and not once per stack."""


@dataclass(kw_only=True)
class Recorder:
    """A listener that remembers."""

    events: list[engine.Event] = field(default_factory=list)

    def on_event(self, event: engine.Event) -> None:
        """Remember an event."""
        self.events.append(event)

    def steps(self, *, same: bool = False) -> list[str]:
        """What was done to which resource, in order; internal and unchanged ones only on request."""
        finished = [event for event in self.events if isinstance(event, engine.StepFinished)]
        return [
            f"{event.step.op} {event.step.name}"
            for event in finished
            if event.step.op != "refresh" and not event.step.internal and (same or event.op != "same")
        ]

    def errors(self) -> list[str]:
        """What was told to have failed."""
        failed = [event.message for event in self.events if isinstance(event, engine.StepFailed)]
        return failed + [
            event.text for event in self.events if isinstance(event, engine.Message) and event.severity == "error"
        ]

    def texts(self) -> list[str]:
        """All messages."""
        return [event.text for event in self.events if isinstance(event, engine.Message)]


@dataclass(kw_only=True)
class Home:
    """The folder of a project of tests, and what lies where in it.

    Attributes:
        folder: Holds the project, the backend and the world.
    """

    folder: Path

    @property
    def project(self) -> Path:
        """The copy of the program."""
        return self.folder / "project"

    @property
    def world(self) -> Path:
        """Reality."""
        return self.folder / "world"

    @property
    def backend_url(self) -> str:
        """Where the state is kept."""
        return f"file://{self.folder / 'backend'}"

    @property
    def environment(self) -> dict[str, str]:
        """What program and provider need."""
        return {"WORLD": str(self.world), "WANTED": str(self.folder / "wanted.json")}


@dataclass(kw_only=True)
class Things(Home):
    """One stack in a folder of its own.

    Attributes:
        seen: What the last run reported.
    """

    seen: Recorder = field(default_factory=Recorder)

    @property
    def checkpoint(self) -> Path:
        """The state's file."""
        return self.folder / "backend" / ".pulumi" / "stacks" / "probe" / "dev.json"

    def want(self, resources: dict[str, Any] | None = None, **more: Any) -> None:
        """Write the program: resources by name, then outputs and whatever else it understands."""
        wanted = {"resources": resources or {}, **more}
        (self.folder / "wanted.json").write_text(json.dumps(wanted))

    def add(self, file: str, text: str) -> None:
        """Add lines to a file of the project."""
        path = self.project / file
        path.write_text(path.read_text() + text)

    def request(self, kind: engine.Kind, **more: Any) -> engine.Request:
        """The request of a run."""
        defaults: dict[str, Any] = {
            "project_folder": self.project,
            "stack": "dev",
            "backend_url": self.backend_url,
            "passphrase": PASSPHRASE,
            "environment": self.environment,
        }
        return engine.Request(kind=kind, **{**defaults, **more})

    def run(self, kind: engine.Kind, **more: Any) -> engine.Result:
        """Run and remember what was reported."""
        self.seen = Recorder()
        return engine.run(self.request(kind, **more), self.seen)

    def up(self, resources: dict[str, Any] | None = None, **more: Any) -> engine.Result:
        """Write the program and bring it up in one pass, as after a preview; the result is a success."""
        self.want(resources, **more)
        result = self.run("up", previewed=True)
        assert result.succeeded, result.errors
        return result

    def recorded(self) -> dict[str, dict[str, Any]]:
        """The recorded resources by name; what waits for deletion has a "-" before its name.

        Of the two default providers that of stack references, which is the engine itself, is called "builtin".
        """
        latest = json.loads(self.checkpoint.read_text())["checkpoint"]["latest"]
        return {
            ("-" if resource.get("delete") else "")
            + ("builtin" if resource["type"] == "pulumi:providers:pulumi" else resource["urn"].split("::")[3]): resource
            for resource in latest.get("resources", [])
        }

    def pending(self) -> list[str]:
        """The operations recorded as pending."""
        latest = json.loads(self.checkpoint.read_text())["checkpoint"]["latest"]
        return [
            f"{operation['type']} {operation['resource']['urn'].split('::')[3]}"
            for operation in latest.get("pending_operations", [])
        ]

    def calls(self) -> list[str]:
        """The calls that changed reality since the last look, in order."""
        log = self.world / "calls.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line for line in lines if not line.startswith("configure")]

    def real(self) -> dict[str, dict[str, Any]]:
        """What exists, by label."""
        files = [file for file in self.world.iterdir() if len(file.name) == 32]
        found = [json.loads(file.read_text()) for file in files]
        return {thing["label"]: thing for thing in found}

    def history(self) -> list[str]:
        """The files about finished updates, by name."""
        return sorted(file.name for file in (self.folder / "backend").rglob("*.history.json"))

    def file(self, name: str) -> Path:
        """The file of a recorded thing."""
        return self.world / str(self.recorded()[name]["id"])


def make_things(folder: Path) -> Things:
    """A new stack of the program."""
    made = Things(folder=folder)
    shutil.copytree(PROGRAM, made.project, ignore=shutil.ignore_patterns("__pycache__"))
    made.world.mkdir()
    (folder / "backend").mkdir()
    (made.project / "Pulumi.dev.yaml").write_text(f"encryptionsalt: {SALT}\n")
    made.want()
    return made


def interrupt_when(file: Path) -> None:
    """Press Ctrl-C as soon as a file is there; to be run in a thread."""
    main = threading.main_thread().ident
    assert main is not None
    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    signal.pthread_kill(main, signal.SIGINT)
