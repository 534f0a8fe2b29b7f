"""Comments of previews that a real CLI has printed, compared as whole texts: read `recorded/*.md` to see them."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from operations.commands.gate import label, validate
from operations.review.document import readings
from operations.review.render import render
from tests.operations.review.recording import RECORDED, comment, documents
from tests.operations.terminal import comparable

if TYPE_CHECKING:
    from pathlib import Path

NAMES = sorted(file.stem for file in RECORDED.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_a_comment_is_what_was_read_and_approved(name: str) -> None:
    """Whoever changes the comment sees the new text in the diff of its file."""
    assert comment(name) == (RECORDED / f"{name}.md").read_text(encoding="utf-8")


def test_several_stacks_share_one_comment() -> None:
    """A stream of documents is one comment: a table for all, then each by itself."""
    stream = "\n".join(
        (RECORDED / f"{name}.json").read_text(encoding="utf-8") for name in ("staging-region", "production-new")
    )
    text = render(readings(stream, source="stdin"))
    assert [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| `")] == [
        "`staging`",
        "`production`",
    ]
    assert text.index("Look at this first") < text.index("### `staging`") < text.index("### `production`")


def test_the_gate_closes_on_the_replacement_that_the_cli_planned() -> None:
    """The branch, its reason, and the label that opens the gate for this one alone."""
    found = readings((RECORDED / "staging-region.json").read_text(encoding="utf-8"), source="x")
    (risk,) = validate(found, ()).refused
    assert risk.sentence == "the branch 'staging' would be deleted and made anew, without its data, because of 'region'"
    assert label(risk) == "allow-replace:infra/staging/database-branch"
    assert not validate(found, [label(risk)]).refused
    assert validate(found, ["allow-delete:infra/staging/database-branch", "allow-replace"]).refused


@pytest.mark.cli
@pytest.mark.skipif(shutil.which("pulumi") is None, reason="needs the Pulumi CLI: ./infra setup --pulumi")
def test_the_cli_still_prints_what_was_recorded(tmp_path: Path) -> None:
    """A newer CLI that says something else is seen here first."""
    for name, told in documents(tmp_path / "shop").items():
        recorded = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
        found = json.loads(json.dumps(comparable(told)))
        for one in (found, recorded):  # resources are read in any order
            one.get("steps", []).sort(key=lambda step: (step["op"], step["urn"]))
        assert found == recorded, name
