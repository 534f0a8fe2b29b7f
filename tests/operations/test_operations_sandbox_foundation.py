"""The first `up` in a sandbox that has no project yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from operations import changes
from operations.sandbox import lifecycle
from operations.sandbox.place import Place, Record
from tests.contract.served import served
from tests.contract.standin import ORGANIZATION, StandIn

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A sandbox's place with nothing in it."""
    return Place(folder=tmp_path)


def _runs_on(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(key="k", organization=ORGANIZATION, api="", api_port=port, gateway_port=1, postgres_password="p")
    monkeypatch.setattr(lifecycle, "require_running", lambda _: record)


def test_it_is_missing_until_there_is_a_project(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the stacks that need one; the question is in no log of calls."""
    standin = StandIn()
    with served(standin.service) as url:
        _runs_on(int(url.rpartition(":")[2]), monkeypatch)
        assert [lifecycle.is_missing(place, stack) for stack in ("staging", "production")] == [True, True]
        assert not lifecycle.is_missing(place, "foundation")
        assert standin.service.log.listed() == []
        standin.http().post(f"/organizations/{ORGANIZATION}/projects", json={"name": "any"}).raise_for_status()
        assert not lifecycle.is_missing(place, "staging")


def test_a_stack_that_was_brought_up_is_not_looked_at(place: Place) -> None:
    """Its project was there; what became of it the run itself says."""
    state = place.state / ".pulumi/stacks/infra/staging.json"
    state.parent.mkdir(parents=True)
    state.touch()
    assert not lifecycle.is_missing(place, "staging")


def test_a_sandbox_that_does_not_answer_is_left_to_the_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no reason to make anything."""
    _runs_on(1, monkeypatch)
    assert not lifecycle.is_missing(place, "staging")


@pytest.mark.parametrize(
    ("missing", "options", "opened"),
    [
        (
            True,
            ["--sandbox", "--config", "protect=false"],
            [("foundation", {}), ("staging", {"infra:protect": "false"})],
        ),
        (False, ["--sandbox"], [("staging", {})]),
        (True, [], [("staging", {})]),
    ],
)
def test_up_brings_the_foundation_up_first(
    infra: Any,
    fake_engine: Any,
    monkeypatch: pytest.MonkeyPatch,
    missing: bool,  # noqa: FBT001 - a parameter of the table
    options: list[str],
    opened: list[Any],
) -> None:
    """With no configuration of the other stack; never without --sandbox, nor where there is a project."""
    seen: list[Any] = []

    def remember(target: Any, *, deploys: bool, **_more: Any) -> Any:
        seen.append((target.stack, dict(target.config)) if deploys else None)
        return fake_engine

    monkeypatch.setattr(changes, "opened", remember)
    monkeypatch.setattr(lifecycle, "is_missing", lambda _place, _stack: missing)
    answer = infra("up", "staging", "--yes", "--json", *options)
    assert (answer.code, seen) == (0, opened)
    assert json.loads(answer.out)


def test_a_foundation_that_fails_ends_it(infra: Any, fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack is not begun, and the answer is the foundation's."""
    stacks: list[str] = []

    def remember(target: Any, **_: Any) -> Any:
        stacks.append(target.stack)
        return fake_engine

    monkeypatch.setattr(changes, "opened", remember)
    monkeypatch.setattr(lifecycle, "is_missing", lambda _place, _stack: True)
    monkeypatch.setattr("operations.console.can_ask", lambda: False)
    assert infra("up", "staging", "--sandbox").code != 0
    assert stacks == ["foundation"]
