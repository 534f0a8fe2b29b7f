"""State that an earlier commit recorded goes on: nothing in it is replaced or deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.recorded_state import APP, CLOUD, NAME, RECORDED, put_back, services
from tests.clone import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clone import Clone

RELEASES = sorted(RECORDED.iterdir())


@pytest.fixture(scope="module", params=RELEASES, ids=[folder.name for folder in RELEASES])
def recorded(request: pytest.FixtureRequest, untouched: Clone) -> Iterator[tuple[Clone, dict[str, str]]]:
    """A clone of this commit with the states of an earlier one, and what a run is told."""
    folder: Path = request.param
    put_back(folder, untouched)
    with services(folder) as environment:
        yield untouched, environment


@pytest.mark.parametrize("stack", [*CLOUD, "dev"])
def test_recorded_state_previews_without_a_replacement(recorded: tuple[Clone, dict[str, str]], stack: str) -> None:
    """Of every kind of stack the plan creates and updates at most, and reads what there was."""
    clone, environment = recorded
    options = NAME if stack == CLOUD[0] else APP
    answer = clone.infra("preview", stack, "--json", "--engine", "embedded", *options, timeout=SECONDS, **environment)
    assert answer.returncode == 0, answer.stderr
    steps = json.loads(answer.stdout)["steps"]
    told: dict[str, set[str]] = {}
    for step in steps:
        told.setdefault(step["op"], set()).add(step["urn"].rpartition("::")[2])
    gone = told.pop("delete", set())  # read and not found, such as a file of the machine that is gone: made again
    assert gone <= told.get("create", set()), answer.stderr
    assert told.keys() <= {"same", "create", "update", "refresh", "read"}, answer.stderr
    kept = set().union(*(names for op, names in told.items() if op != "create"))
    assert {"dev": "database-password", "foundation": "project"}.get(stack, "database-branch") in kept - gone
