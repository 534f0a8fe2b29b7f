"""Run every measurement, print a table, and keep the figures as JSON in `bench/results/`."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import dev, engine, floor, previews, review, rotation, sweep, worker, xata
from bench.measure import Comparison
from bench.xata import Measured
from tests.clone import make_clone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Found = tuple[list[Comparison], list[Measured]]
"""Commands against commands, and figures of the sandbox."""

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


def measure_xata(parent: Path) -> Found:
    """What needs a sandbox, in a clone of its own below `parent`."""
    return [], xata.measure(make_clone(parent), parent)


def measure_floor(parent: Path) -> Found:
    """What needs a sandbox and a real CLI, in a clone of its own below `parent`."""
    return floor.measure(make_clone(parent), parent / "programs"), []


def measure_previews(parent: Path) -> Found:
    """What needs a sandbox of previews, in a clone of its own below `parent`."""
    return [], previews.measure(make_clone(parent), parent)


def measure_sweep(parent: Path) -> Found:
    """What needs stand-ins with a thousand branches."""
    return [], sweep.measure(parent)


def measure_review(parent: Path) -> Found:
    """What needs nothing but a long plan."""
    return review.measure(parent), []


def measure_worker(parent: Path) -> Found:
    """What needs a sandbox that runs Workers, too."""
    second = parent / "second"
    second.mkdir()
    clone, other = make_clone(parent), make_clone(second)
    return worker.compare_secrets(clone, parent), worker.measure(clone, other, parent)


def measure_rotation(parent: Path) -> Found:
    """What needs a sandbox that runs Workers, and somebody who asks one all the time."""
    return [], rotation.measure(make_clone(parent), parent)


def measure_engine(parent: Path) -> Found:
    """What needs neither a clone nor a sandbox: programs of many resources."""
    chain, apart = engine.growth(parent, shape="chain"), engine.growth(parent)
    return engine.against_the_cli(parent / "cli"), [*apart, *chain]


def measure_dev(parent: Path) -> Found:
    """What needs the dev stack, in a clone of its own below `parent`."""
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
    return [*found, dev.fresh_set_up(clone, parent)], []


PARTS: Mapping[str, Callable[[Path], Found]] = {
    "dev": measure_dev,
    "engine": measure_engine,
    "xata": measure_xata,
    "floor": measure_floor,
    "worker": measure_worker,
    "rotation": measure_rotation,
    "previews": measure_previews,
    "sweep": measure_sweep,
    "review": measure_review,
}


def main() -> int:
    """0 when every promise holds. With the names of parts as arguments, only those run."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"there is no part named {', '.join(unknown)}; the parts are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    RESULTS.mkdir(exist_ok=True)
    held = [_run(name) for name in wanted]
    return 0 if all(held) else 1


def _run(name: str) -> bool:
    """Whether every promise of this part holds."""
    parent = Path(tempfile.mkdtemp(prefix="infra-bench-"))
    parent.chmod(0o755)  # the account that runs Postgres must be able to enter
    try:
        compared, measured = PARTS[name](parent)
    finally:
        shutil.rmtree(parent, ignore_errors=True)
    _keep(name, [*(one.to_json() for one in compared), *(one.to_json() for one in measured)])
    print("\n\n".join([*([table(compared)] if compared else []), *([cloud_table(measured)] if measured else [])]))
    return all(one.ratio <= one.limit for one in compared) and all(one.holds for one in measured)


def _keep(name: str, figures: list[dict[str, object]]) -> None:
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
