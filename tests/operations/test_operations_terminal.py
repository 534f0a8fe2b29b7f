"""The page that shows both engines, and the preview of the same program as the CLI has recorded it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.operations.terminal import FAILING, PAGE, PREVIEW, SCENES, Shop, blocks, comparable, timeless

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAKING, CHANGING, DRIFTING, RAISING, DESTROYING = SCENES


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, dict[str, Any]]]:
    """What the embedded engine shows of each scene, played in order, and the documents of its previews."""
    shop = Shop(folder=tmp_path_factory.mktemp("terminal") / "shop")
    return {scene.title: shop.embedded(scene) for scene in (*SCENES, FAILING)}


@pytest.mark.parametrize("scene", [*SCENES, FAILING], ids=lambda scene: scene.title)
def test_the_page_shows_what_a_terminal_shows(scene: Any, played: dict[str, tuple[str, dict[str, Any]]]) -> None:
    """Every text of the embedded engine is printed again, but for the times in it."""
    shown = blocks(PAGE.read_text(encoding="utf-8"))
    assert timeless(played[scene.title][0]) == timeless(shown[scene.title, "infra"])
    assert shown[scene.title, "pulumi"]


def test_a_preview_is_the_document_of_the_cli(
    played: dict[str, tuple[str, dict[str, Any]]], valid: Callable[[str, Any], None]
) -> None:
    """Steps, states, reasons and diagnostics are those that the CLI has recorded of the same program."""
    document = played[CHANGING.title][1]
    valid("preview", document)
    recorded = json.loads(PREVIEW.read_text(encoding="utf-8"))
    valid("preview", recorded)
    reads = [[step for step in one["steps"] if step["op"] == "refresh"] for one in (document, recorded)]
    assert sorted(step["urn"] for step in reads[0]) == sorted(step["urn"] for step in reads[1])
    for one in (document, recorded):  # resources are read in any order
        one["steps"].sort(key=lambda step: (step["op"], step["urn"]))
    assert comparable(document) == recorded


def test_a_failed_preview_still_has_a_document(
    played: dict[str, tuple[str, dict[str, Any]]], valid: Callable[[str, Any], None]
) -> None:
    """It says why, with the line of the program, and what was found out before."""
    document = played[RAISING.title][1]
    valid("preview", document)
    (told,) = document["diagnostics"]
    assert told["severity"] == "error"
    assert "there is no third edition" in told["message"]
    assert '__main__.py", line 9' in told["message"]


@pytest.mark.thorough
@pytest.mark.cli
def test_the_cli_still_prints_the_recorded_document(tmp_path: Path) -> None:
    """What is recorded of the CLI is what it does."""
    if shutil.which("pulumi") is None:
        pytest.skip("no pulumi on the PATH")
    shop = Shop(folder=tmp_path / "shop")
    shop.call("pulumi", "stack", "init", "dev", "--non-interactive")
    shop.pulumi(MAKING)
    assert comparable(json.loads(shop.pulumi(CHANGING, "--json"))) == json.loads(PREVIEW.read_text(encoding="utf-8"))
