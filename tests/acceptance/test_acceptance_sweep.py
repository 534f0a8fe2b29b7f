"""`./infra sweep` as one types it, on a thousand branches of which 37 are ours and dead."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest

from tests.clone import PROJECT
from tests.many_previews import many_previews

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sandboxed import Sandboxed

MOST_SECONDS = 60
SCHEMA = json.loads((PROJECT / "docs/schemas/sweep.schema.json").read_text())


@pytest.fixture
def github(sandboxed: Sandboxed) -> Iterator[httpx.Client]:
    """The switches of the stand-in for GitHub, which knows no pull request before and after."""
    with httpx.Client(base_url=sandboxed.record["githubApi"], trust_env=False, timeout=60) as client:
        client.post("/sandbox/reset").raise_for_status()
        yield client
        client.post("/sandbox/reset").raise_for_status()


@pytest.fixture
def swept(sandboxed: Sandboxed) -> Iterator[Callable[..., Any]]:
    """Sweep, and answer with the exit code and the document; what the test made is gone afterwards."""
    before = set(sandboxed.branches())

    def sweep(*more: str) -> tuple[int, dict[str, Any]]:
        answer = sandboxed.clone.infra("sweep", "--sandbox", "--json", *more, timeout=MOST_SECONDS)
        return answer.returncode, json.loads(answer.stdout)

    yield sweep
    made = {"names": sorted(one["name"] for one in many_previews().branches if one["name"] not in before)}
    sandboxed.control.request("DELETE", "/sandbox/branches", json=made).raise_for_status()


def _reasons(entries: list[dict[str, Any]]) -> dict[str, str]:
    return {one["name"]: one["reason"] for one in entries}


def test_of_a_thousand_branches_exactly_the_dead_ones_of_ours_go(
    sandboxed: Sandboxed,
    github: httpx.Client,
    swept: Callable[..., Any],
) -> None:
    """[F3] They are listed, then deleted; every other preview stays by its reason."""
    there = sandboxed.branches()
    project = many_previews(1000 - len(there))
    for pull in project.pulls:
        github.post("/sandbox/pulls", json=pull).raise_for_status()
    seeds = [one for one in project.branches if one["name"] not in there]
    sandboxed.control.post("/sandbox/branches", json={"branches": seeds}).raise_for_status()
    everything = set(sandboxed.branches())
    sandboxed.forget_calls()

    code, listed = swept()
    jsonschema.validate(listed, SCHEMA)
    assert (code, listed["carriedOut"], listed["faults"]) == (0, False, [])
    assert _reasons(listed["goes"]) == project.goes
    assert project.stays.items() <= _reasons(listed["stays"]).items()  # others left theirs in the shared sandbox
    assert set(sandboxed.branches()) == everything

    code, done = swept("--yes")
    jsonschema.validate(done, SCHEMA)
    assert code == 0
    assert {one["name"]: (one["gone"], one["error"]) for one in done["removed"]} == dict.fromkeys(
        project.goes, (["branch"], "")
    )
    assert set(sandboxed.branches()) == everything - project.goes.keys()
    calls = Counter(call["method"] for call in sandboxed.calls() if call["path"].endswith("/branches"))
    assert calls == {"GET": 2}  # one list in each of the two sweeps
