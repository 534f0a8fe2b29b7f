"""The embedded engine on programs of 10, 100 and 1,000 resources: against the Pulumi CLI, and against itself."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Comparison, Run, compare, run_command
from bench.xata import Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COUNT = 100
NO_OP, FROM_NOTHING = 0.35, 0.5
RUNS = {"apart": {10: 3, 100: 3, 1000: 1}, "chain": {10: 3, 50: 3, 200: 1}}
"""How often each size is measured, of resources that depend on nothing and of those that wait for each other; the
middle one counts."""
REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = """\
name: measured
runtime:
  name: python
  options: {toolchain: pip, virtualenv: %s}
"""
REFRESHED = "options:\n  refresh: always\n"
THINGS = """\
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Things(ResourceProvider):
    def create(self, props):
        return CreateResult(props["label"], dict(props))

class Thing(Resource):
    def __init__(self, label, after):
        super().__init__(Things(), label, {"label": label, "tags": {"a": "b"}, "after": after})
"""
PROGRAM = """\
import os
from things import Thing

last = None
for number in range(int(os.environ["COUNT"])):
    thing = Thing(f"thing-{number}", last and last.id)
    last = thing if os.environ.get("SHAPE") == "chain" else None
"""
OURS = """\
import os, sys
from pathlib import Path
from pulumi_embedded import Request, run

class Nobody:
    def on_event(self, event):
        pass

result = run(
    Request(
        kind="up",
        project_folder=Path.cwd(),
        stack="dev",
        backend_url=os.environ["PULUMI_BACKEND_URL"],
        passphrase=os.environ["PULUMI_CONFIG_PASSPHRASE"],
    ),
    Nobody(),
)
sys.exit("; ".join(result.errors) or 0)
"""
"""The engine as a whole process: without `./infra`, whose own start the figures of the dev stack hold."""


class Stack:
    """A project of so many resources with a backend of its own, below `folder`.

    Args:
        folder: Where to put it.
        count: How many resources.
        shape: Whether they depend on nothing, or each on the one before.
        refresh: Whether each `up` reads them first.
    """

    def __init__(self, folder: Path, count: int, *, shape: str = "apart", refresh: bool = False) -> None:
        self.folder = folder / f"{shape}-{count}"
        self.backend = self.folder / "state"
        self.backend.mkdir(parents=True)
        (self.folder / "Pulumi.yaml").write_text(PROJECT % sys.prefix + REFRESHED * refresh)
        (self.folder / "things.py").write_text(THINGS)
        (self.folder / "__main__.py").write_text(PROGRAM)
        self.environment: Mapping[str, str] = {
            **os.environ,
            "COUNT": str(count),
            "SHAPE": shape,
            "PYTHONPATH": str(REPOSITORY),
            "PULUMI_BACKEND_URL": f"file://{self.backend}",
            "PULUMI_CONFIG_PASSPHRASE": "measured",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def run(self, *command: str) -> Run:
        """Run a command in the project."""
        return run_command(command, folder=self.folder, environment=self.environment)

    def ours(self) -> Run:
        """`up` by the embedded engine."""
        return self.run(sys.executable, "-c", OURS)

    def theirs(self, *arguments: str) -> Run:
        """`up` by the CLI."""
        return self.run("pulumi", "up", "--stack", "dev", "--yes", "--non-interactive", *arguments)

    def from_nothing(self, up: Callable[[], Run], *, init: bool = False) -> Run:
        """`up` of a stack that holds nothing yet; the CLI wants it made before, which is not part of the time."""
        shutil.rmtree(self.backend)
        self.backend.mkdir()
        if init:
            (self.folder / "Pulumi.dev.yaml").unlink(missing_ok=True)
            command = ["pulumi", "stack", "init", "dev", "--non-interactive"]
            subprocess.run(command, cwd=self.folder, env=self.environment, check=True, capture_output=True)
        return up()


def against_the_cli(folder: Path) -> list[Comparison]:
    """Both engines on one stack of 100 resources. Nothing without a CLI."""
    if shutil.which("pulumi") is None:
        return []
    stack, bare = Stack(folder, COUNT), "--skip-preview"
    what = f"of {COUNT} resources, embedded engine against pulumi up"
    from_nothing = compare(
        f"up from nothing {what}",
        ours=lambda: stack.from_nothing(stack.ours),
        theirs=lambda: stack.from_nothing(stack.theirs, init=True),
        limit=FROM_NOTHING,
    )
    no_op = partial(compare, ours=stack.ours, limit=NO_OP)
    return [
        from_nothing,
        no_op(f"no-op up {what}", theirs=stack.theirs),
        no_op(f"no-op up {what} {bare}", theirs=lambda: stack.theirs(bare), limit=1.0),
    ]


def growth(folder: Path, *, shape: str = "apart") -> list[Measured]:
    """What a resource costs the embedded engine, from nothing and in a no-op, as there are more of them."""
    new: dict[int, Run] = {}
    again: dict[int, Run] = {}
    for count, runs in RUNS[shape].items():
        stack = Stack(folder, count, shape=shape)
        new[count] = _median([stack.from_nothing(stack.ours) for _ in range(runs)])
        again[count] = _median([stack.ours() for _ in range(runs)])
    return [_grown(f"up from nothing, {shape}", new), _grown(f"no-op up, {shape}", again)]


def _median(runs: list[Run]) -> Run:
    return Run(seconds=statistics.median(run.seconds for run in runs), megabytes=max(run.megabytes for run in runs))


def _grown(what: str, runs: Mapping[int, Run]) -> Measured:
    few, some, many = runs
    slopes = [(runs[to].seconds - runs[of].seconds) / (to - of) for of, to in ((few, some), (some, many))]
    each = [runs[count].seconds / count for count in (few, many)]
    took = ", ".join(f"{count}: {run.seconds:.1f} s, {run.megabytes:.0f} MB" for count, run in runs.items())
    return Measured(
        claim=f"{what} ({took})",
        found=f"{1000 * each[1]:.0f} ms each of {many}, {1000 * slopes[1]:.0f} ms for one more",
        best=f"{1000 * each[0]:.0f} ms each of {few}, {1000 * slopes[0]:.0f} ms for one more",
        limit="no more each",
        holds=each[1] <= each[0],
    )
