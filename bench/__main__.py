"""Run every measurement, print a table, and keep the figures as JSON in `bench/results/`."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import dev
from tests.clone import make_clone

if TYPE_CHECKING:
    from bench.measure import Comparison

RESULTS = Path(__file__).resolve().parent / "results"


def table(comparisons: list[Comparison]) -> str:
    """The figures as Markdown, as they stand in bench/README.md."""
    lines = ["| what | ours | theirs | ratio | promised | holds |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {one.claim} | {one.ours_seconds:.3f} s, {one.ours_megabytes:.0f} MB "
        f"| {one.theirs_seconds:.3f} s, {one.theirs_megabytes:.0f} MB "
        f"| {one.ratio:.2f} | {one.limit:.2f} | {'yes' if one.ratio <= one.limit else 'no'} |"
        for one in comparisons
    ]
    return "\n".join(lines)


def measure(parent: Path) -> list[Comparison]:
    """Everything, in a clone of its own below `parent`."""
    clone = make_clone(parent)
    destroy = ("destroy", "dev", "--yes", "--engine", "embedded", "--config", "retainData=false")
    try:
        answer = clone.infra("up", "dev", "--yes", "--engine", "embedded")
        if answer.returncode:
            raise RuntimeError(answer.stderr)
        outputs = clone.infra("outputs", "dev", "--json", "--show-secrets", "--engine", "embedded")
        found = [*dev.no_op_up(clone), dev.probe(json.loads(outputs.stdout)["databaseUrl"])]
    finally:
        clone.infra(*destroy)
    return [*found, dev.fresh_set_up(clone, parent)]


def main() -> int:
    """0 when every promise holds."""
    parent = Path(tempfile.mkdtemp(prefix="infra-bench-"))
    parent.chmod(0o755)  # the account that runs Postgres must be able to enter
    try:
        found = measure(parent)
    finally:
        shutil.rmtree(parent, ignore_errors=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "dev.json").write_text(json.dumps([one.to_json() for one in found], indent=2) + "\n", encoding="utf-8")
    print(table(found))
    return 0 if all(one.ratio <= one.limit for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
