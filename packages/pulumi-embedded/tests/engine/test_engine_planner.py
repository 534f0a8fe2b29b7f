from __future__ import annotations

from typing import Any

import pytest

from pulumi_embedded import planner
from pulumi_embedded.api import PropertyDiff
from pulumi_embedded.errors import UnsupportedError
from pulumi_embedded.goal import Goal
from pulumi_embedded.planner import Decision, decide
from pulumi_embedded.provider import Diff
from pulumi_embedded.state import ResourceState
from pulumi_embedded.values import UNKNOWN, Secret

TYPE = "pulumi-python:dynamic:Resource"


def _urn(name: str) -> str:
    return f"urn:pulumi:dev::probe::{TYPE}::{name}"


def _state(name: str, *needs: str, **more: Any) -> ResourceState:
    return ResourceState(urn=_urn(name), type=TYPE, id="1", dependencies=[_urn(need) for need in needs], **more)


def _goal(**more: Any) -> Goal:
    return Goal(urn=_urn("a"), type=TYPE, **more)


Y = {"x.y": PropertyDiff(kind="update", input_diff=True)}
FORCED = {"x.y": PropertyDiff(kind="update-replace", input_diff=True)}


@pytest.mark.parametrize(
    ("options", "diff", "decision"),
    [
        ({}, Diff(changes=False), Decision(op="same")),
        ({}, Diff(changes=False, replaces=("x",)), Decision(op="same")),
        ({}, Diff(changes=True), Decision(op="update")),
        ({}, Diff(changes=True, replaces=("x",)), Decision(op="replace", keys=("x",))),
        (
            {},
            Diff(changes=True, replaces=("x",), delete_before_replace=True),
            Decision(op="replace", keys=("x",), delete_first=True),
        ),
        ({}, Diff(changes=None), Decision(op="update", diffs=("x",), details=Y)),
        ({}, Diff(changes=None, replaces=("x",)), Decision(op="replace", keys=("x",), diffs=("x",), details=Y)),
        (
            {"replace_on_changes": ["x"]},
            Diff(changes=None),
            Decision(op="replace", keys=("x",), diffs=("x",), details=FORCED),
        ),
        ({"replace_on_changes": ["x.y"]}, Diff(changes=None), Decision(op="replace", diffs=("x",), details=FORCED)),
        (
            {"replace_on_changes": ["*"]},
            Diff(changes=None),
            Decision(op="replace", keys=("x",), diffs=("x",), details=FORCED),
        ),
        ({"replace_on_changes": ["z"]}, Diff(changes=None), Decision(op="update", diffs=("x",), details=Y)),
        ({"ignore_changes": ["x.y"]}, Diff(changes=None), Decision(op="same")),
        ({"ignore_changes": ["x["]}, Diff(changes=None), Decision(op="update", diffs=("x",), details=Y)),
        ({"replace_on_changes": ["x"]}, Diff(changes=True), Decision(op="update")),
        (
            {"replace_on_changes": ["x"]},
            Diff(changes=True, changed=("x",)),
            Decision(op="replace", keys=("x",), diffs=("x",)),
        ),
    ],
)
def test_a_diff_becomes_a_decision(options: dict[str, Any], diff: Diff, decision: Decision) -> None:
    """Provider, then options: the engine judges only where the provider leaves it the judgement."""
    old = _state("a", inputs={"x": {"y": 1}, "z": Secret(1)})
    judged = planner.judge(diff, old.inputs, {"x": {"y": 2}, "z": 1}, options.get("ignore_changes", ()))
    assert decide(_goal(**options), old, judged) == decision


@pytest.mark.parametrize(
    ("patterns", "decision"),
    [
        (("x",), Decision(op="update")),
        (("*",), Decision(op="replace", keys=("#initerror",))),
        (("#initerror",), Decision(op="replace", keys=("#initerror",))),
    ],
)
def test_what_was_left_unready_is_updated(patterns: tuple[str, ...], decision: Decision) -> None:
    """Recorded initialisation errors lead to an update without any change, or to a replacement on request."""
    old = _state("a", init_errors=["not ready"])
    assert decide(_goal(replace_on_changes=patterns), old, Decision(op="same")) == decision


def test_a_refresh_sees_differences_from_the_other_side() -> None:
    """What the program would add is what reality has lost."""
    kinds: list[Any] = ["add", "delete", "update"]
    inverted = planner.invert({kind: PropertyDiff(kind=kind) for kind in kinds})
    assert [one.kind for one in inverted.values()] == ["delete", "add", "update"]


def test_outputs_are_marked_secret() -> None:
    """Outputs that the program names, and those named like a secret input; an id never is."""
    state = _state("a", inputs={"p": Secret(1)}, outputs={"p": 1, "t": 2, "id": 3, "u": 4})
    state.additional_secret_outputs = ["t", "id", "missing"]
    planner.settle(state)
    assert state.outputs == {"p": Secret(1), "t": Secret(2), "id": 3, "u": 4}


def _names(waves: list[list[ResourceState]]) -> list[list[str]]:
    return [sorted(state.urn.split("::")[3] for state in wave) for wave in waves]


def test_deletions_go_in_waves() -> None:
    """Dependents first; what needs nothing goes last, as in the CLI, so that a failure before it spares it."""
    order = [_state("a"), _state("b", "a"), _state("c", "b"), _state("d", "a"), _state("e")]
    assert _names(planner.waves(order, order)) == [["c"], ["b", "d"], ["a", "e"]]
    assert _names(planner.waves([order[0], order[2]], order)) == [["a", "c"]]
    assert planner.waves([], order) == []


def test_who_depends_on_a_component_goes_before_what_is_in_it() -> None:
    """Its children are part of it, at any depth; for a child its siblings are no dependencies."""
    order = [_state("r", custom=False), _state("a", parent=_urn("r")), _state("b", parent=_urn("a"))]
    order += [_state("c", parent=_urn("r")), _state("d", "r")]
    assert _names(planner.waves(order, order)) == [["d"], ["b"], ["a", "c"], ["r"]]


def test_copies_that_wait_go_after_what_depended_on_them() -> None:
    """A URN may stand more than once; only what stands before a resource can be its dependency."""
    order = [_state("a", delete=True), _state("b", "a"), _state("a"), _state("c", "a")]
    assert _names(planner.waves(order, order)) == [["b", "c"], ["a", "a"]]


def test_children_and_providers_are_dependencies() -> None:
    """A resource needs its parent, its provider, what its properties come from and what it goes with."""
    state = _state("b", "a", parent=_urn("p"), provider=f"{_urn('q')}::7", property_dependencies={"x": [_urn("r")]})
    assert planner.dependencies(state) == {_urn("a"), _urn("p"), _urn("q"), _urn("r")}
    assert planner.dependencies(_state("b", deleted_with=_urn("d"), replace_with=[_urn("e")])) == {_urn("d"), _urn("e")}


def test_dependents_leave_out_what_is_settled() -> None:
    """What this run has already registered cannot depend on what it replaces now."""
    order = [_state("a"), _state("b", "a"), _state("c", "b"), _state("d", "a")]
    found = planner.dependents(order, order[0], settled={_urn("b")})
    assert _names([found]) == [["d"]]
    assert planner.transitive_dependencies(order, _urn("c")) == {_urn("a"), _urn("b")}


def test_inputs_from_what_is_replaced_become_unknown() -> None:
    """Only the properties concerned; nothing concerned means nothing to ask."""
    state = _state("b", inputs={"x": 1, "y": 2}, property_dependencies={"x": [_urn("a")], "y": []})
    assert planner.with_unknowns(state, {_urn("a")}) == {"x": UNKNOWN, "y": 2}
    assert planner.with_unknowns(state, {_urn("z")}) is None


def test_references_to_what_is_gone_are_repaired() -> None:
    """Dependencies are dropped, children have no parent any more, as in the CLI."""
    top, middle, child = _state("t"), _state("m", parent=_urn("t")), _state("c", "m", parent=_urn("m"))
    child.property_dependencies = {"x": [_urn("m"), _urn("t")], "y": [_urn("m")]}
    child.deleted_with, child.replace_with = _urn("m"), [_urn("m"), _urn("t")]
    repaired = planner.repair([(top, top), (middle, None), (child, child)])
    assert [state.urn for state in repaired] == [top.urn, child.urn]
    assert (repaired[1].parent, repaired[1].dependencies) == ("", [])
    assert repaired[1].property_dependencies == {"x": [top.urn]}
    assert (repaired[1].deleted_with, repaired[1].replace_with) == ("", [top.urn])


def test_an_unchanged_resource_is_saved_when_its_record_changes() -> None:
    """Protection or dependencies are saved at once, times and source positions with the next save."""
    old = _state("a", "b", "c", source_position="x", extra={"stackTrace": []})
    assert not planner.must_save(old, _state("a", "c", "b", source_position="y"))
    assert planner.must_save(old, _state("a", "b", "c", protect=True))
    assert planner.must_save(old, _state("a", "b"))


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"extra": {"resourceHooks": {"before_delete": ["x"]}}}, "hooks"),
        ({"extra": {"viewOf": "x"}}, "views"),
    ],
)
def test_a_record_only_the_cli_understands_is_refused(more: dict[str, Any], named: str) -> None:
    """The message names the resource and what it is recorded with."""
    with pytest.raises(UnsupportedError, match=rf"'a' is recorded with {named}"):
        planner.refuse_recorded([_state("a", **more)])
