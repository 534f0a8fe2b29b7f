"""`./infra drift` as one types it: what somebody changed outside is said, brought back, and said no more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.clone import PROJECT
from tests.sandboxed import ENGINE, NOTHING, changes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandboxed import Sandboxed

SCHEMA = json.loads((PROJECT / "docs/schemas/drift.schema.json").read_text())
STACK = "staging"
DRIFTED = 8
ELSEWHERE = {"pid": 41, "username": "ann", "hostname": "build-7", "timestamp": "2026-11-01T10:20:30Z"}


def _drift(sandboxed: Sandboxed, *more: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what was found of the stack."""
    answer = sandboxed.clone.infra("drift", STACK, "--sandbox", *ENGINE, "--json", *more)
    document = json.loads(answer.stdout)
    jsonschema.validate(document, SCHEMA)
    (look,) = document["stacks"]
    return answer.returncode, look


def _locked(sandboxed: Sandboxed) -> Path:
    """A lock of another machine."""
    lock = sandboxed.state / "locks/organization/infra" / STACK / "6f1b.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps(ELSEWHERE))
    return lock


@pytest.mark.thorough
def test_a_change_outside_is_said_and_brought_back(sandboxed: Sandboxed) -> None:
    """Without a lock of its own, beside somebody else's, and without a write; repaired, it is as declared."""
    sandboxed.begin_anew(STACK)
    outputs = sandboxed.up(STACK)["outputs"]
    sandboxed.control.patch(sandboxed.api(outputs), json={"description": "mine now"}).raise_for_status()
    lock = _locked(sandboxed)
    sandboxed.forget_calls()
    code, look = _drift(sandboxed)
    assert (code, look["result"]) == (DRIFTED, "drifted")
    assert [(one["name"], one["what"], one["properties"]) for one in look["resources"]] == [
        (
            "database-settings",
            "changed",
            [{"path": "description", "declared": f"infra stack {STACK}", "found": "mine now"}],
        )
    ]
    assert {call["method"] for call in sandboxed.calls()} == {"GET"}
    assert list(lock.parent.glob("*.json")) == [lock]

    assert sandboxed.run("unlock", STACK, "--yes").returncode == 0
    code, look = _drift(sandboxed, "--repair")
    assert (code, look["result"], look["left"]) == (0, "repaired", [])
    assert sandboxed.branches()[STACK]["description"] == f"infra stack {STACK}"


def test_a_line_taken_out_brings_its_default_back(sandboxed: Sandboxed) -> None:
    """Preview shows it, up does it, a second up does nothing, another value is drift; what cannot go is refused."""
    sandboxed.begin_anew(STACK)
    outputs = sandboxed.up(STACK, "--config", "instanceType=xata.small", "--config", "storageGigabytes=300")["outputs"]
    branch = sandboxed.api(outputs)
    refused = sandboxed.run("preview", STACK)
    assert refused.returncode != 0
    assert "leave infra:storageGigabytes at 300" in refused.stderr
    kept = ("--config", "storageGigabytes=300")
    assert '- instanceType: "xata.small"' in sandboxed.must("preview", STACK, *kept).stderr
    assert changes(sandboxed.up(STACK, *kept)) == {**NOTHING, "update": 1}
    assert sandboxed.control.get(branch).json()["configuration"]["instanceType"] == "xata.micro"
    assert changes(sandboxed.up(STACK, *kept)) == NOTHING

    sandboxed.control.patch(branch, json={"instanceType": "xata.medium"}).raise_for_status()
    code, look = _drift(sandboxed)
    assert code == DRIFTED
    assert [one["properties"] for one in look["resources"]] == [
        [{"path": "instanceType", "declared": "xata.micro", "found": "xata.medium"}]
    ]
    assert changes(sandboxed.up(STACK, *kept)) == {**NOTHING, "update": 1}
    assert sandboxed.control.get(branch).json()["configuration"]["instanceType"] == "xata.micro"
    sandboxed.begin_anew(STACK)  # its storage is larger than that of other tests


@pytest.mark.thorough
def test_what_was_deleted_outside_is_said(sandboxed: Sandboxed) -> None:
    """A stack that is as declared says nothing; a branch that is gone is told with what was made of it."""
    sandboxed.begin_anew(STACK)
    outputs = sandboxed.up(STACK)["outputs"]
    code, look = _drift(sandboxed)
    assert (code, look["result"]) == (0, "none")
    sandboxed.control.delete(sandboxed.api(outputs)).raise_for_status()
    code, look = _drift(sandboxed)
    assert code == DRIFTED
    assert {"database-branch": "gone"}.items() <= {one["name"]: one["what"] for one in look["resources"]}.items()
