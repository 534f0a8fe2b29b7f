"""What a comment takes: a plan of 500 steps against what starting `./infra` takes by itself."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from bench.measure import Comparison, Run, compare, run_command
from tests.operations.review.plans import many

PROJECT = Path(__file__).resolve().parent.parent
STEPS = 500
LIMIT = 5.0
"""Starting takes about 0.2 s, so this promises a comment within a second."""


def measure(parent: Path) -> list[Comparison]:
    """Whole processes: one that reads, judges and renders the plan, one that prints its help."""
    plan = parent / "staging.json"
    plan.write_text(many(STEPS), encoding="utf-8")

    return [
        compare(
            f"./infra {words[0]} of a preview of {STEPS} steps against ./infra --help",
            ours=partial(_infra, *words),
            theirs=partial(_infra, "--help"),
            limit=LIMIT,
        )
        for words in (("comment", str(plan), "--dry-run"), ("gate", str(plan)))
    ]


def _infra(*words: str) -> Run:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    return run_command((sys.executable, "-m", "operations", *words), folder=PROJECT, environment=environment)
