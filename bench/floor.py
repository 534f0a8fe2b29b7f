"""An unchanged staging by a real CLI, against what the CLI and Pulumi's SDK take by themselves."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from bench.engine import Stack
from bench.measure import Comparison, compare, run_command
from bench.xata import STACK
from tests.sandboxed import sandbox_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clone import Clone
    from tests.sandboxed import Sandboxed

UP = ("pulumi", "up", "--stack", STACK, "--yes", "--non-interactive")
QUIET = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
"""As the other programs are run."""
LIMIT = 1.7
RUNS = 3


def measure(clone: Clone, folder: Path) -> list[Comparison]:
    """In a sandbox of this clone without Workers. Nothing without a CLI."""
    if shutil.which("pulumi") is None:
        return []
    with sandbox_of(clone) as sandboxed:
        for stack in ("foundation", STACK):
            sandboxed.must("up", stack, "--yes")
        told, empty, floor = sandboxed.shell(**QUIET), Stack(folder, 0), Stack(folder, _count(sandboxed), refresh=True)
        for other in (empty, floor):
            other.from_nothing(other.theirs, init=True)
        return [
            compare(
                f"no-op pulumi up of {STACK} against {what}",
                ours=lambda: run_command(UP, folder=clone.folder, environment=told),
                theirs=program.theirs,
                limit=LIMIT,
                runs=RUNS,
            )
            for what, program in (
                ("an empty program", empty),
                ("as many resources of empty providers", floor),
            )
        ]


def _count(sandboxed: Sandboxed) -> int:
    """How many resources staging has of dynamic providers."""
    state = json.loads((sandboxed.state / "stacks" / "infra" / f"{STACK}.json").read_text())
    return sum("dynamic" in one["type"] for one in state["checkpoint"]["latest"]["resources"])
