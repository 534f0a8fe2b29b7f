"""What a plan of `refresh` says about drift, and what `./infra drift` makes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from operations import changes
from operations.commands.drift import Watch
from operations.engines import choice
from operations.errors import ExitCode, MachineError
from pulumi_embedded import api
from pulumi_embedded.errors import PassphraseError
from pulumi_embedded.state import ResourceState
from pulumi_embedded.values import Secret
from tests.operations.doubles import FakeEngine, result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TYPE = "pulumi-python:dynamic/xata:BranchSettings"
NOTHING: dict[str, Any] = {}


def _looked(
    found: api.Op,
    outputs: dict[str, Any] = NOTHING,
    *,
    before: dict[str, Any] = NOTHING,
    inputs: dict[str, Any] = NOTHING,
) -> api.StepFinished:
    old = ResourceState(urn=f"urn:pulumi:x::infra::{TYPE}::settings", type=TYPE, inputs=inputs, outputs=before)
    new = None if found == "delete" else ResourceState(urn=old.urn, type=TYPE, inputs=inputs, outputs=outputs)
    step = api.Step(
        urn=old.urn, type=TYPE, name="settings", parent="", op="refresh", old=inputs, old_state=old, new_state=new
    )
    return api.StepFinished(step=step, seconds=0.1, op=found)


CHANGED = _looked("update", {"days": 2, "url": Secret("new")}, before={"days": 7, "url": Secret("old")})


def _found(event: api.Event) -> list[Any]:
    watch = Watch()
    watch.on_event(event)
    return [one.to_json() for one in watch.found]


def test_what_changed_is_told_with_what_was_declared() -> None:
    """Path, declared and found; a secret differs without being shown, to people and to programs."""
    watch = Watch()
    watch.on_event(CHANGED)
    (drifted,) = watch.found
    assert drifted.lines == [
        "~  xata:BranchSettings settings",
        "     days: declared 7, found 2",
        "     url: declared [secret], found [secret]",
    ]
    assert drifted.to_json()["properties"] == [
        {"path": "days", "declared": 7, "found": 2},
        {"path": "url", "declared": "[secret]", "found": "[secret]"},
    ]
    assert "old" not in json.dumps(drifted.to_json())


def test_what_is_gone_is_told() -> None:
    """A resource that somebody deleted has nothing else to say."""
    assert _found(_looked("delete")) == [{"name": "settings", "type": TYPE, "what": "gone", "properties": []}]


@pytest.mark.parametrize(
    ("before", "after", "inputs", "drifts"),
    [
        ({"point": ""}, {"point": "2026-11-02"}, {}, False),
        ({}, {"point": "2026-11-02"}, {}, False),
        ({"point": "2026-11-01"}, {"point": "2026-11-02"}, {}, True),
        ({"point": "2026-11-01"}, {"point": ""}, {}, True),
        ({"note": ""}, {"note": "mine"}, {"note": ""}, True),
        ({"note": "a"}, {}, {}, True),
    ],
)
def test_what_came_to_be_known_is_no_drift(
    before: dict[str, Any],
    after: dict[str, Any],
    inputs: dict[str, Any],
    drifts: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """The first restore point of a branch was nobody's change; a declared value that was empty and is not, is one."""
    assert bool(_found(_looked("update", after, before=before, inputs=inputs))) is drifts


def test_nothing_else_is_drift() -> None:
    """What is as it was, other steps, messages and default providers say nothing."""
    step = api.Step(urn="u", type=TYPE, name="n", parent="", op="update", old={"a": 1}, new={"a": 2})
    events: list[api.Event] = [
        _looked("same", {"a": 1}, before={"a": 1}),
        api.StepFinished(step=step, seconds=0.1, op="update"),
        api.StepStarted(step=CHANGED.step),
        api.Message(severity="warning", text="careful"),
    ]
    assert [one for event in events for one in _found(event)] == []


@pytest.fixture
def drifting(fake_engine: FakeEngine) -> FakeEngine:
    """An engine whose first look finds a drift, and whose later ones find none."""
    fake_engine.plans = [[CHANGED], []]
    return fake_engine


def test_drift_has_an_exit_code_of_its_own(
    drifting: FakeEngine, infra: Callable[..., Any], valid: Callable[[str, Any], None]
) -> None:
    """It says what, declared and found; nothing but a plan is asked for."""
    answer = infra("drift", "staging", "--json")
    assert answer.code == ExitCode.DRIFTED
    valid("drift", answer.document)
    (look,) = answer.document["stacks"]
    assert (answer.document["ok"], look["stack"], look["result"]) == (False, "staging", "drifted")
    assert "./infra drift staging --repair" in answer.err
    assert drifting.asked == ["plan refresh"]


def test_no_drift_is_success(
    fake_engine: FakeEngine, infra: Callable[..., Any], valid: Callable[[str, Any], None]
) -> None:
    """Each stack once, in the order in which they were named."""
    answer = infra("drift", "staging", "dev", "staging", "--json")
    assert answer.code == ExitCode.SUCCESS
    valid("drift", answer.document)
    assert [(look["stack"], look["result"]) for look in answer.document["stacks"]] == [
        ("staging", "none"),
        ("dev", "none"),
    ]
    assert fake_engine.asked == ["plan refresh"] * 2


def test_a_repair_brings_it_back_and_looks_again(
    drifting: FakeEngine, infra: Callable[..., Any], valid: Callable[[str, Any], None]
) -> None:
    """Only what has drifted is brought up, by an `up` that refuses before it changes anything."""
    answer = infra("drift", "staging", "dev", "--repair", "--json")
    assert answer.code == ExitCode.SUCCESS
    valid("drift", answer.document)
    assert drifting.asked == ["plan refresh", "up", "plan refresh", "plan refresh"]
    assert drifting.previewed == [False]
    first, second = answer.document["stacks"]
    assert (first["result"], second["result"]) == ("repaired", "none")
    assert (len(first["resources"]), first["left"]) == (1, [])


def test_a_repair_that_does_not_help_says_what_is_left(fake_engine: FakeEngine, infra: Callable[..., Any]) -> None:
    """What the program says is not what comes out: that stays drift."""
    fake_engine.plans = [[CHANGED], [CHANGED]]
    answer = infra("drift", "staging", "--repair")
    assert answer.code == ExitCode.DRIFTED
    assert "days: declared 7, found 2" in answer.out


def test_a_repair_that_fails_is_an_error(drifting: FakeEngine, infra: Callable[..., Any]) -> None:
    """The code is that of the failed resource, and nothing is looked at again."""
    drifting.answers["up"] = result(succeeded=False, errors=("no luck",))
    answer = infra("drift", "staging", "--repair")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert "staging: no luck" in answer.out
    assert drifting.asked == ["plan refresh", "up"]


def test_a_stack_that_cannot_be_looked_at_does_not_keep_the_others_from_it(
    infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, valid: Callable[[str, Any], None]
) -> None:
    """An error counts more than a drift; a wrong passphrase has its own code, and both stacks are told."""

    def opened(target: changes.Target, *, deploys: bool, kind: str) -> FakeEngine:
        assert kind == "refresh"
        assert not deploys
        if target.stack == "dev":
            raise PassphraseError("the passphrase does not open it", next_step="set the right one")
        return FakeEngine(plans=[[CHANGED]])

    monkeypatch.setattr(changes, "opened", opened)
    answer = infra("drift", "staging", "dev", "--json")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    valid("drift", answer.document)
    assert [look["result"] for look in answer.document["stacks"]] == ["drifted", "failed"]
    assert "set the right one" in infra("drift", "dev").out


def test_a_look_that_fails_is_an_error(fake_engine: FakeEngine, infra: Callable[..., Any]) -> None:
    """A key that was refused tells nothing about drift."""
    fake_engine.answers["plan"] = result("preview", succeeded=False, errors=("the key is unknown",))
    answer = infra("drift", "staging")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert "the key is unknown" in answer.out


def test_without_names_all_that_have_a_state_are_looked_at(project: Path) -> None:
    """Environments first, previews by their numbers; backups, side files and what is no stack's name are none."""
    stacks = project / ".infra" / "state" / ".pulumi" / "stacks" / "infra"
    assert choice.known_stacks(project, {}) == []
    stacks.mkdir(parents=True)
    for name in ("pr-10", "pr-9", "production", "dev", "Mine", "qa"):
        (stacks / f"{name}.json").touch()
    (stacks / "staging.json.bak").touch()
    (stacks / "dev.json.attrs").touch()
    assert choice.known_stacks(project, {}) == ["dev", "qa", "production", "pr-9", "pr-10"]


def test_in_a_bucket_only_the_cli_knows_the_stacks(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked; where there is none, that is said."""
    environ = {"PULUMI_BACKEND_URL": "s3://bucket", "PATH": str(tmp_path), "HOME": str(tmp_path)}
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(MachineError, match="s3://bucket"):
        choice.known_stacks(project, environ)
    cli = tmp_path / "pulumi"
    listed = '[{"name": "pr-3"}, {"name": "acme/infra/staging"}, {"name": "Other"}]'
    cli.write_text(f"#!/bin/sh\n[ \"$1\" = version ] && echo v3.259.0 || echo '{listed}'\n")
    cli.chmod(0o755)
    assert choice.known_stacks(project, environ) == ["staging", "pr-3"]


def test_no_state_is_nothing_to_look_at(infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """That is success, and said."""
    monkeypatch.setattr(choice, "known_stacks", lambda *_: [])
    answer = infra("drift")
    assert (answer.code, answer.out) == (ExitCode.SUCCESS, "no stack has a state: there is nothing that could drift\n")
