"""Previews of a real CLI, and the comments made of them: `python -m tests.operations.review.recording`.

With the CLI on the PATH the documents of the program `shop` are recorded anew; those of staging were recorded against
the sandbox (`./infra preview staging --sandbox --json --engine pulumi`, with the values that their names tell). The
comments beside them are always written anew: read what has changed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from operations.review.document import readings
from operations.review.render import render
from tests.operations.terminal import SCENES, Shop, comparable

RECORDED = Path(__file__).parent / "recorded"
MAKING, CHANGING, DRIFTING, RAISING, _ = SCENES


def documents(folder: Path) -> dict[str, Any]:
    """What the CLI prints of the shop: before it is there, when it changes, when it drifted, when the program fails."""
    shop = Shop(folder=folder)
    shop.call("pulumi", "stack", "init", "dev", "--non-interactive")
    found = {"shop-new": json.loads(shop.call(*_preview(edition="1")))}
    shop.pulumi(MAKING)
    for name, scene in (("shop-changes", CHANGING), ("shop-drift", DRIFTING), ("shop-fails", RAISING)):
        shop.drift(drifted=scene.drifted)
        found[name] = json.loads(_whereless(shop, shop.call(*_preview(**scene.config))))
    return found


def _preview(**config: str) -> list[str]:
    values = [word for key, value in config.items() for word in ("--config", f"{key}={value}")]
    return ["pulumi", "preview", "--json", "--stack", "dev", "--non-interactive", "--config-file", "lent.yaml", *values]


def _whereless(shop: Shop, text: str) -> str:
    return shop._anywhere(text)


def comment(name: str) -> str:
    """The comment that is made of a recorded document."""
    return render(readings((RECORDED / f"{name}.json").read_text(encoding="utf-8"), source=f"{name}.json"))


def record() -> None:
    """Write all of it."""
    if shutil.which("pulumi"):
        with tempfile.TemporaryDirectory() as folder:
            for name, told in documents(Path(folder) / "shop").items():
                _write(name, told)
    for file in RECORDED.glob("*.json"):
        file.with_suffix(".md").write_text(comment(file.stem), encoding="utf-8")


def _write(name: str, told: Any) -> None:
    text = json.dumps(comparable(told), indent=1, sort_keys=True) + "\n"
    (RECORDED / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    record()
