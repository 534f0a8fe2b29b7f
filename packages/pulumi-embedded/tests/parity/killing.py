"""Kills an engine with SIGKILL at a chosen call of a provider: before the call takes effect, or after.

The provider of the harness gets two more manners. It counts its calls that change something, and at the chosen one
kills the engine and itself. And it finds again what an unanswered call created, by its label, as our real providers do
it: what they make carries the name that the program gives it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pulumi_embedded as engine
from tests.engine.stack import PASSPHRASE
from tests.parity.harness import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parity.harness import Stack

REPOSITORY: Final = Path(__file__).resolve().parents[2]
KILLED: Final = -9

MANNERS: Final = """

_harmless_call, _plain_create = _call, ThingProvider.create


@contextmanager
def _call(call, label, id_="", **arguments):
    number, late = json.loads(os.environ.get("KILL", "[0, false]"))
    changing = call in ("create", "update", "delete")
    with _harmless_call(call, label, id_, **arguments) as subject:
        counted = _new_id("calls").partition("-")[2] if changing and number else ""
        if counted == str(number) and not late:
            _kill()
        yield subject
        if counted == str(number):
            if call == "create":
                (_world() / (subject["id"] + ".lost")).touch()
            _kill()


def _kill():
    os.kill(int(os.environ["VICTIM"]), 9)
    os._exit(9)


def _find_or_create(self, props):
    for mark in _world().glob(props["label"] + "-*.lost"):
        with _call("find", props["label"], mark.stem):
            made = json.loads((_world() / mark.stem).read_text()) | _own(props)
            (_world() / mark.stem).write_text(json.dumps(made))
            mark.unlink()
            return CreateResult(mark.stem, made)
    return _plain_create(self, props)


ThingProvider.create = _find_or_create
"""

FIRST: Final[dict[str, Any]] = {
    "room": {"kind": "room"},
    "a": {"color": "blue"},
    "b": {"size": 1, "options": {"parent": "room"}},
    "c": {"fixed": 1, "link": {"ref": "b.token"}},
    "d": {"size": {"ref": "c.token"}},
    "e": {"link": {"ref": "b.token"}, "options": {"depends_on": ["a"]}},
    "f": {"kind": "other", "options": {"parent": "a"}},
    "g": {"link": {"ref": "f.token"}},
    "h": {"color": "blue", "options": {"depends_on": ["g"]}},
    "i": {"size": 1, "options": {"delete_before_replace": True}},
    "j": {"link": {"ref": "i.token"}},
    "k": {"options": {"parent": "room", "depends_on": ["j"]}},
}
"""Twelve resources: eleven calls."""

_CHANGED: Final[dict[str, Any]] = {
    "a": {"color": "green"},
    "b": {"size": 2},
    "c": {"fixed": 2},
    "h": {"options": {}, "color": "green"},
    "i": {"size": 2},
    "k": {"kind": "other"},
}

SECOND: Final[dict[str, Any]] = {
    **{key: {**wish, **_CHANGED.get(key, {})} for key, wish in FIRST.items() if key not in ("f", "g")},
    "l": {"link": {"ref": "a.token"}},
}
"""Updates, replacements in either order, one that takes another with it, deletions, a new one."""


@dataclass(kw_only=True)
class Killed:
    """The embedded engine in a process of its own, killed at the n-th call that changes something.

    Attributes:
        torn: What somebody who read the state's file all the time could not read.
    """

    number: int
    late: bool
    status: int = 0
    torn: list[str] = field(default_factory=list)

    def run(self, stack: Stack, kind: engine.Kind, *, refresh: bool) -> Run:
        """Run until death."""
        arguments = [str(stack.folder), stack.name, kind, json.dumps([self.number, self.late]), json.dumps(refresh)]
        command = [sys.executable, "-c", "from tests.parity.killing import main; main()", *arguments]
        with self._watched(stack.checkpoint):
            done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        self.status = done.returncode
        return Run(succeeded=False, steps=[], changes={}, outputs={}, said=done.stdout + done.stderr)

    @contextlib.contextmanager
    def _watched(self, file: Path) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.01):
                try:
                    json.loads(file.read_bytes())
                except (ValueError, OSError) as error:
                    self.torn.append(str(error))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def teach(stack: Stack) -> None:
    """Give a stack's provider its manners."""
    file = stack.project / "things.py"
    file.write_text(file.read_text() + MANNERS)


def main() -> None:
    """Run one stack, one resource at a time, in a process that is to be killed."""
    folder, name, kind, kill, refresh = sys.argv[1:]
    home = Path(folder)
    environment = {"WORLD": str(home / "world"), "WANTED": str(home / "wanted.json")}
    request = engine.Request(
        kind=kind,  # type: ignore[arg-type] # one of its own
        project_folder=home / "project",
        stack=name,
        backend_url=f"file://{home / 'backend'}",
        passphrase=PASSPHRASE,
        environment={**environment, "KILL": kill, "VICTIM": str(os.getpid())},
        refresh=json.loads(refresh),
        parallel=1,
        previewed=True,
    )
    engine.run(request)
