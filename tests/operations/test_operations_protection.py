"""What `destroy` refuses, and the two steps that it tells instead."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from components.deletion import provider as guard
from components.errors import RefusedError
from operations import protection
from operations.engines.recorded import Recorded
from operations.errors import ExitCode
from tests.operations.doubles import FakeEngine, result

if TYPE_CHECKING:
    from collections.abc import Callable

BRANCH = Recorded(name="database-branch", kind="xata:Branch", called="production", protect=True, retain=True)
LIFTED = Recorded(name="database-branch", kind="xata:Branch", called="production")
CHECK = Recorded(name="database-check", kind="connectivity:DatabaseCheck")
STEPS = (
    "./infra up production --config protect=false --yes",
    "INFRA_ALLOW_DELETE=production ./infra destroy production --yes",
)


@pytest.mark.parametrize("options", [[], ["--yes"], ["--yes", "--config", "protect=false"]])
def test_a_protected_stack_is_not_taken_down(
    infra: Callable[..., Any],
    fake_engine: FakeEngine,
    valid: Callable[[str, Any], None],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
) -> None:
    """Not even one step that would do both: nothing is run, and both steps are told."""
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "production")
    fake_engine.there = (CHECK, BRANCH)
    answer = infra("destroy", "production", "--json", *options)
    assert answer.code == ExitCode.CHANGES_REFUSED
    assert fake_engine.asked == []
    valid("error", answer.document)
    assert "nothing was changed: the branch 'production' is protected" in answer.err
    for step in STEPS:
        assert step in answer.document["error"]["next"]


def test_with_the_protection_lifted_the_branch_must_be_named(
    infra: Callable[..., Any], fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second step is missing: nothing is run, so no half of the stack is gone."""
    fake_engine.there = (CHECK, LIFTED)
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "staging")
    answer = infra("destroy", "production", "--yes")
    assert answer.code == ExitCode.CHANGES_REFUSED
    assert fake_engine.asked == []
    assert STEPS[1] in answer.err
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "staging, production")
    assert infra("destroy", "production", "--yes").code == ExitCode.SUCCESS
    assert fake_engine.asked == ["destroy"]


def test_the_foundation_needs_both_names() -> None:
    """Project and root branch are named together, and names with blanks are quoted for the shell."""
    there = [
        Recorded(name="project", kind="xata:Project", called="print farm", protect=True),
        Recorded(name="database-branch", kind="xata:Branch", called="main", protect=True),
    ]
    refused = protection.refusal(there, "foundation", {})
    assert refused is not None
    assert "the project 'print farm', the branch 'main' are protected" in refused.message
    assert "./infra up foundation --config protect=false --yes" in refused.next_step
    assert "INFRA_ALLOW_DELETE='print farm,main' ./infra destroy foundation --yes" in refused.next_step
    lifted = [Recorded(name=one.name, kind=one.kind, called=one.called) for one in there]
    assert protection.refusal(lifted, "foundation", {"INFRA_ALLOW_DELETE": "main"}) is not None
    assert protection.refusal(lifted, "foundation", {"INFRA_ALLOW_DELETE": "main,print farm"}) is None


def test_whoever_would_refuse_later_is_asked_before(
    infra: Callable[..., Any], fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the state has no guard yet: what is recorded is enough to ask, and what is kept is not asked for."""
    asked: list[Any] = []

    def refuse(things: Any) -> None:
        asked.append(things)
        if "branch" in things:
            raise RefusedError("the branch has living children: pr-9", next_step="delete them first")

    monkeypatch.setattr(guard, "require_removable", refuse)
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "production")
    known: dict[str, Any] = {"id": "b1", "properties": {"name": "production", "projectId": "p1"}}
    fake_engine.there = (CHECK, replace(LIFTED, **known))
    answer = infra("destroy", "production", "--yes")
    assert answer.code == ExitCode.CHANGES_REFUSED
    assert "production: nothing was changed: the branch has living children: pr-9" in answer.err
    assert asked == [{"branch": {"id": "b1", "name": "production", "projectId": "p1"}}]
    assert fake_engine.asked == []
    fake_engine.there = (CHECK, replace(LIFTED, **known, retain=True))
    assert infra("destroy", "production", "--yes").code == ExitCode.SUCCESS
    assert asked[1:] == [{}]


@pytest.mark.parametrize(
    "resource",
    [
        Recorded(name="database-branch", kind="xata:Branch", called="pr-7"),
        Recorded(name="database-branch", kind="xata:Branch", called="staging", retain=True),
        Recorded(name="server", kind="postgres:EmbeddedServer"),
    ],
    ids=["a preview", "one that is only forgotten", "a local server"],
)
def test_what_can_be_made_again_is_not_held_back(resource: Recorded) -> None:
    """Previews, resources that are kept, and the developer's database need no permission."""
    assert protection.refusal([resource], "dev", {}) is None


def test_what_the_engine_refuses_by_itself_is_told_the_same_way(
    infra: Callable[..., Any], fake_engine: FakeEngine
) -> None:
    """Where only the CLI can read the state, its refusal gets the exit code and the two steps, too."""
    fake_engine.answers["destroy"] = result(
        "destroy", succeeded=False, errors=("resource database-branch cannot be deleted because it is protected",)
    )
    answer = infra("destroy", "production", "--yes", "--json")
    assert answer.code == ExitCode.CHANGES_REFUSED
    assert answer.document["result"] == "refused"
    for step in STEPS:
        assert step in answer.err


def test_another_failure_of_destroy_stays_a_failure(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """Only a refusal is one."""
    fake_engine.answers["destroy"] = result("destroy", succeeded=False, errors=("the disk is full",))
    assert infra("destroy", "dev", "--yes").code == ExitCode.RESOURCE_FAILED
