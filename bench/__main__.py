"""Run every measurement, print a table, and keep the figures as JSON in `bench/results/`."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bench import dev, engine, review, worker, xata
from tests.clone import make_clone

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.measure import Comparison
    from bench.xata import Measured

Found = TypeVar("Found")

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


def cloud_table(figures: list[Measured]) -> str:
    """The sandbox's figures as Markdown."""
    lines = ["| what | found | at best | promised | holds |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.claim} | {one.found} | {one.best} | {one.limit} | {'yes' if one.holds else 'no'} |" for one in figures
    ]
    return "\n".join(lines)


def measure_cloud(parent: Path) -> list[Measured]:
    """What needs a sandbox, in a clone of its own below `parent`."""
    return xata.measure(make_clone(parent), parent)


def measure_previews(parent: Path) -> list[Measured]:
    """What needs a sandbox of previews, in a clone of its own below `parent`."""
    return previews.measure(make_clone(parent), parent)


def measure_worker(parent: Path) -> tuple[list[Comparison], list[Measured]]:
    """What needs a sandbox that runs Workers, too."""
    second = parent / "second"
    second.mkdir()
    clone, other = make_clone(parent), make_clone(second)
    return worker.compare_secrets(clone, parent), worker.measure(clone, other, parent)


def measure_engine(parent: Path) -> tuple[list[Comparison], list[Measured]]:
    """What needs neither a clone nor a sandbox: programs of many resources."""
    chain, apart = engine.growth(parent, shape="chain"), engine.growth(parent)
    return engine.against_the_cli(parent / "cli"), [*apart, *chain]


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
    """0 when every promise holds. With arguments (dev, engine, review, xata, worker) only those parts run."""
    parts = set(sys.argv[1:]) or {"dev", "engine", "review", "xata", "worker"}
    RESULTS.mkdir(exist_ok=True)
    holds = True
    if "dev" in parts:
        found = _in_a_folder(measure)
        _keep("dev", [one.to_json() for one in found])
        print(table(found))
        holds &= all(one.ratio <= one.limit for one in found)
    if "engine" in parts:
        compared, grown = _in_a_folder(measure_engine)
        _keep("engine", [*(one.to_json() for one in compared), *(one.to_json() for one in grown)])
        print(table(compared), cloud_table(grown), sep="\n\n")
        holds &= all(one.ratio <= one.limit for one in compared) and all(one.holds for one in grown)
    if "review" in parts:
        shown = _in_a_folder(review.measure)
        _keep("review", [one.to_json() for one in shown])
        print(table(shown))
        holds &= all(one.ratio <= one.limit for one in shown)
    if "xata" in parts:
        figures = _in_a_folder(measure_cloud)
        _keep("xata", [one.to_json() for one in figures])
        print(cloud_table(figures))
        holds &= all(one.holds for one in figures)
    if "previews" in parts:
        figures = _in_a_folder(measure_previews)
        _keep("previews", [one.to_json() for one in figures])
        print(cloud_table(figures))
        holds &= all(one.holds for one in figures)
    if "worker" in parts:
        compared, timed = _in_a_folder(measure_worker)
        _keep("worker", [*(one.to_json() for one in compared), *(one.to_json() for one in timed)])
        print(table(compared), cloud_table(timed), sep="\n\n")
        holds &= all(one.ratio <= one.limit for one in compared) and all(one.holds for one in timed)
    return 0 if holds else 1


def _in_a_folder(work: Callable[[Path], Found]) -> Found:
    parent = Path(tempfile.mkdtemp(prefix="infra-bench-"))
    parent.chmod(0o755)  # the account that runs Postgres must be able to enter
    try:
        return work(parent)
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _keep(name: str, figures: list[dict[str, object]]) -> None:
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
