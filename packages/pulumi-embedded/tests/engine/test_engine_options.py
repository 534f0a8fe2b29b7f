"""Resource options in whole runs. What is expected of each was seen with the Pulumi CLI first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import pulumi_embedded as engine
from pulumi_embedded.values import UNKNOWN

if TYPE_CHECKING:
    from tests.engine.stack import Things

pytestmark = pytest.mark.thorough  # in every run the programs of tests/parity prove each option

A = "urn:pulumi:dev::probe::pulumi-python:dynamic/things:Thing::a"


def _with(wish: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return {**(wish or {}), "options": options}


def _steps(things: Things, op: str) -> list[engine.Step]:
    return [event.step for event in things.seen.events if isinstance(event, engine.StepFinished) if event.op == op]


def _run(things: Things, resources: dict[str, Any], kind: engine.Kind = "up", **more: Any) -> engine.Result:
    """One pass only: what is tested here is the same in all of them."""
    things.want(resources, **more)
    result = things.run(kind, previewed=True)
    assert result.succeeded, result.errors
    return result


# Aliases.


def test_a_renamed_resource_stays_what_it_is(things: Things) -> None:
    """No provider is called; the record has the new URN, and so has every reference to it."""
    _run(things, {"a": {}, "b": _with({"color": {"ref": "a.token"}}, parent="a", deleted_with="a")})
    identity = things.recorded()["a"]["id"]
    things.calls()
    renamed = {
        "x": _with({"label": "a"}, aliases=["a"]),
        "b": _with({"color": {"ref": "x.token"}}, parent="x", deleted_with="x"),
    }
    assert _run(things, renamed, "preview").changes.same == 3
    assert _run(things, renamed).changes.same == 3
    recorded = things.recorded()
    assert (things.calls(), set(recorded)) == ([], {"probe-dev", "default", "x", "b"})
    x = recorded["x"]["urn"]
    assert (recorded["x"]["id"], "aliases" in recorded["x"]) == (identity, False)
    assert (recorded["b"]["parent"], recorded["b"]["dependencies"], recorded["b"]["deletedWith"]) == (x, [x], x)
    del renamed["x"]["options"]["aliases"]
    assert _run(things, renamed).changes.same == 3


def test_children_move_with_their_parent(things: Things) -> None:
    """Type and name of a parent are part of what its children are called; they need no alias of their own."""
    _run(things, {"r": {"kind": "room"}, "r-a": _with({"label": "a"}, parent="r"), "b": _with(parent="r-a")})
    things.calls()
    moved = {
        "s": _with({"kind": "hall"}, aliases=[{"name": "r", "type_": "probe:rooms:Room"}]),
        "s-a": _with({"label": "a"}, parent="s"),
        "b": _with(parent="s-a"),
    }
    assert _run(things, moved).changes.same == 4
    assert things.calls() == []
    assert things.recorded()["b"]["urn"].split("::")[2].startswith("probe:rooms:Hall$pulumi-python:")


def test_a_resource_moves_below_a_parent_and_back(things: Things) -> None:
    """An alias can name an earlier parent, or that there was none; a whole URN does, too."""
    _run(things, {"r": {"kind": "room"}, "a": {}, "b": _with(parent="r"), "c": {}})
    urn = things.recorded()["c"]["urn"]
    things.calls()
    moved = {
        "r": {"kind": "room"},
        "a": _with(parent="r", aliases=[{"parent": None}]),
        "b": _with(aliases=[{"parent": "r"}]),
        "d": _with({"label": "c"}, aliases=[urn]),
    }
    assert _run(things, moved).changes.same == 5
    assert things.calls() == []


@pytest.mark.parametrize(
    ("change", "calls"),
    [
        pytest.param({"color": "red"}, ["update a", "update b"], marks=pytest.mark.thorough),
        pytest.param({"size": 2}, ["create a", "update b", "delete a"], marks=pytest.mark.thorough),
        ({"fixed": 2}, ["delete a", "create a", "update b"]),
    ],
)
def test_a_renamed_resource_changes_as_any_other(things: Things, change: dict[str, Any], calls: list[str]) -> None:
    """Updated, replaced or deleted first: what is recorded under the old name is what is changed."""
    _run(things, {"a": {"size": 1}, "b": {"color": {"ref": "a.id"}, "x": 1}})
    things.calls()
    wish = {"label": "a", "size": 1, **change}
    _run(things, {"x": _with(wish, aliases=["a"]), "b": {"color": {"ref": "x.id"}, "x": 2}})
    assert things.calls() == calls
    assert set(things.recorded()) == {"probe-dev", "default", "x", "b"}
    assert len(things.real()) == 2


def test_a_failure_keeps_what_was_renamed(things: Things) -> None:
    """What was not reached refers to the new URN in the record, which the next run continues."""
    _run(things, {"a": {}, "b": {}, "c": _with(parent="a")})
    things.want({"x": _with({"label": "a"}, aliases=["a"]), "b": {"color": {"ref": "x.id"}, "fail": "update"}})
    assert not things.run("up", previewed=True).succeeded
    recorded = things.recorded()
    assert recorded["c"]["parent"] == recorded["x"]["urn"]
    things.calls()
    _run(things, {"x": {"label": "a"}, "b": {}, "c": _with(parent="x")})
    assert things.calls() == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"x": _with({"label": "a"}, aliases=["a"]), "y": _with({"label": "a", "z": {"ref": "x.id"}}, aliases=["a"])},
        pytest.param(
            {"a": {}, "x": _with({"label": "a", "z": {"ref": "a.id"}}, aliases=["a"])}, marks=pytest.mark.thorough
        ),
        pytest.param(
            {"x": _with({"label": "a"}, aliases=["a"]), "a": {"z": {"ref": "x.id"}}}, marks=pytest.mark.thorough
        ),
    ],
    ids=["twice", "after", "before"],
)
def test_nothing_recorded_is_two_resources(things: Things, wanted: dict[str, Any]) -> None:
    """An alias of one resource that another one has taken is an error, and says which."""
    _run(things, {"a": {}})
    things.calls()
    things.want(wanted)
    result = things.run("preview")
    assert "recorded as the same resource" in result.errors[0]
    assert A in result.errors[0]


# Deleted and replaced with another resource.


def test_what_is_deleted_with_another_is_only_forgotten(things: Things) -> None:
    """Its provider is called where it goes alone, and not where the other one goes, too; children inherit it."""
    tied = {"a": {}, "r": _with({"kind": "room"}, deleted_with="a"), "b": _with(parent="r")}
    _run(things, tied)
    assert things.recorded()["b"]["deletedWith"] == A
    _run(things, {"a": {}})
    assert things.calls()[2:] == ["delete b"]
    _run(things, tied)
    things.calls()
    assert things.run("destroy").changes.delete == 4
    assert things.calls() == ["delete a"]


@pytest.mark.parametrize(
    ("key", "calls"),
    [
        ("size", ["create a", "create b", "delete a"]),
        ("fixed", ["delete c", "delete a", "create a", "create b", "create c"]),
    ],
)
def test_what_is_deleted_with_another_is_replaced_with_it(things: Things, key: str, calls: list[str]) -> None:
    """A replacement of the one takes the other away, so it is replaced in the same way, with what depends on it."""
    wanted = {"b": _with(deleted_with="a"), "c": {"size": {"ref": "b.id"}}}
    _run(things, {"a": {key: 1}, **wanted})
    things.calls()
    _run(things, {"a": {key: 2}, **wanted})
    seen = things.calls()
    assert [call for call in seen if key == "fixed" or not call.endswith(" c")] == calls
    replaced = {step.name: step.replace_keys for step in _steps(things, "create-replacement")}
    assert replaced == {"a": (key,), "b": () if key == "fixed" else ("deletedWith",), "c": ("size",)}


@pytest.mark.parametrize("key", [pytest.param("size", marks=pytest.mark.thorough), "fixed"])
def test_what_is_replaced_with_another_is_replaced_with_it(things: Things, key: str) -> None:
    """Either way round, and its provider deletes it."""
    _run(things, {"a": {key: 1}, "b": _with(replace_with=["a"])})
    things.calls()
    assert _run(things, {"a": {key: 2}, "b": _with(replace_with=["a"])}).changes.replace == 2
    calls = things.calls()
    assert sorted(calls) == ["create a", "create b", "delete a", "delete b"]
    assert calls.index("delete b") < calls.index("delete a")
    assert things.recorded()["b"]["replaceWith"] == [A]


def test_a_refresh_forgets_a_deletion_partner_that_is_gone(things: Things) -> None:
    """What it was to be deleted with is not there any more, so its provider deletes it."""
    _run(things, {"a": {}, "b": _with(deleted_with="a")})
    things.file("a").unlink()
    assert things.run("refresh").changes.delete == 1
    assert "deletedWith" not in things.recorded()["b"]
    things.calls()
    _run(things, {})
    assert things.calls() == ["delete b"]


# Protection and retention.


def test_protection_of_what_would_go_along_ends_the_plan(things: Things) -> None:
    """Nothing is planned after it, in a preview neither."""
    wanted = {"b": _with({"size": {"ref": "a.id"}}, protect=True)}
    _run(things, {"a": {"fixed": 1}, **wanted})
    things.calls()
    things.want({"a": {"fixed": 2}, **wanted})
    for kind in ("preview", "up"):
        result = things.run(kind)
        assert "'b' is protected and cannot be replaced together with 'a'" in result.errors[0]
        assert things.seen.steps() == []
    assert things.calls() == []


def test_children_are_retained_with_their_parent(things: Things) -> None:
    """Unless they say otherwise."""
    retained = _with({"kind": "room"}, retain_on_delete=True)
    _run(things, {"r": retained, "a": _with(parent="r"), "b": _with(parent="r", retain_on_delete=False)})
    things.calls()
    _run(things, {})
    assert (things.calls(), list(things.real())) == (["delete b"], ["a"])


# Replacement.


def _cut(things: Things) -> None:
    """A replacement that deleted and did not create."""
    _run(things, {"a": {"fixed": 1}})
    things.want({"a": {"fixed": 2, "fail": "create"}})
    assert not things.run("up", previewed=True).succeeded
    things.calls()


def test_a_replacement_that_is_not_wanted_any_more_is_forgotten(things: Things) -> None:
    """What was deleted before its replacement leaves the record without a call, as a step of its own."""
    _cut(things)
    _run(things, {})
    assert things.calls() == []
    assert things.seen.steps() == ["remove-pending-replace a"]


def test_a_replacement_that_was_taken_back_is_made(things: Things) -> None:
    """What was deleted is created as it was; its provider is asked once more to delete it, which Pulumi does."""
    _cut(things)
    _run(things, {"a": {"fixed": 1}})
    assert things.calls() == ["create a", "delete a"]
    assert "-a" not in things.recorded()
    _run(things, {"a": {"fixed": 1}})
    assert things.calls() == []


def test_a_path_forces_a_replacement(things: Things) -> None:
    """Where the engine judges, paths inside a property count, and the step says how each one differs."""
    options = {"replace_on_changes": ["x.y"]}
    _run(things, {"a": _with({"judge": "engine", "x": {"y": 1, "z": [1]}}, **options)})
    _run(things, {"a": _with({"judge": "engine", "x": {"y": 1, "z": [2, 3]}}, **options)})
    update = _steps(things, "update")[0]
    assert {path: one.kind for path, one in update.detailed_diff.items()} == {"x.z[0]": "update", "x.z[1]": "add"}
    assert (update.diffs, update.replace_keys) == (("x",), ())
    assert _run(things, {"a": _with({"judge": "engine", "x": {"y": 2, "z": [2, 3]}}, **options)}).changes.replace == 1
    replacement = _steps(things, "create-replacement")[0]
    assert replacement.detailed_diff == {"x.y": engine.PropertyDiff(kind="update-replace", input_diff=True)}


def test_paths_of_dependents_count_when_something_is_deleted_first(things: Things) -> None:
    """A dependent whose options force a replacement goes before what it depends on."""
    wanted = {"b": _with({"judge": "engine", "color": {"ref": "a.id"}}, replace_on_changes=["color"])}
    _run(things, {"a": {"fixed": 1}, **wanted})
    things.calls()
    _run(things, {"a": {"fixed": 2}, **wanted})
    assert things.calls() == ["delete b", "delete a", "create a", "create b"]


# What is ignored, secret and unknown.


def test_what_cannot_be_ignored_is_said(things: Things) -> None:
    """An element that was added or removed cannot be taken back; what is no path is passed over."""
    _run(things, {"a": {"list": [1, 2], "map": {"x": {"v": 1}}}})
    options = {"ignore_changes": ["list[*]", "map.*.v", "no["]}
    _run(things, {"a": _with({"list": [3], "map": {"x": {"v": 2}}}, **options)})
    expected = 'cannot ignore changes in added or removed elements of the path: "list[*]"'
    assert expected in things.seen.texts()
    assert things.recorded()["a"]["inputs"]["list"] == [1]
    assert things.recorded()["a"]["inputs"]["map"] == {"x": {"v": 1}}


def test_an_id_cannot_be_secret(things: Things) -> None:
    """The program is told so."""
    _run(things, {"a": _with(additional_secret_outputs=["id", "label"])})
    assert "The id of a resource cannot be made secret." in things.seen.texts()
    assert "ciphertext" in things.recorded()["a"]["outputs"]["label"]


def test_a_component_is_updated_in_the_record_alone(things: Things) -> None:
    """An update leaves its time as it is; what it ignores is recorded and changes nothing."""
    _run(things, {"r": {"kind": "room", "note": 1}})
    before = things.recorded()["r"]
    assert _run(things, {"r": {"kind": "room", "note": 2}}).changes.update == 1
    assert things.recorded()["r"]["modified"] == before["modified"]
    assert _run(things, {"r": _with({"kind": "room", "note": 3}, ignore_changes=["note"])}).changes.same == 2
    assert things.recorded()["r"]["inputs"] == {"note": 3}


def test_a_preview_knows_what_will_not_change(things: Things) -> None:
    """Outputs of what stays the same are known; what is made, and only that, is unknown inside of a list."""
    _run(things, {"a": {}})
    inner = {"list": [1, {"ref": "n.token"}, {"k": {"ref": "a.token"}}]}
    result = _run(
        things,
        {"a": {}, "n": {}, "b": inner},
        "preview",
        outputs={"a": {"ref": "a.token"}, "n": {"ref": "n.token"}, "b": {"ref": "b.list"}},
    )
    assert result.outputs["a"].value == "token-of-a"
    assert result.outputs["n"].value == UNKNOWN
    created = {step.name: step for step in _steps(things, "create")}
    new = created["b"].new_state
    assert new is not None
    shown = engine.Output.of(new.inputs["list"])
    assert (shown.value, shown.secret) == ([1, UNKNOWN, {"k": "token-of-a"}], True)


def test_a_refresh_says_how_reality_differs(things: Things) -> None:
    """The difference is told from the record to reality, and the step has both states."""
    _run(things, {"a": {"judge": "engine", "color": "red", "lost": 1}})
    found = json.loads(things.file("a").read_text())
    del found["lost"]
    things.file("a").write_text(json.dumps({**found, "color": "green", "more": 1}))
    assert things.run("refresh").changes.update == 1
    step = _steps(things, "update")[0]
    kinds = {path: one.kind for path, one in step.detailed_diff.items()}
    assert kinds == {"color": "update", "lost": "delete", "more": "add"}
    assert step.old_state is not None
    assert step.new_state is not None
    assert (step.old_state.inputs["color"], step.new_state.inputs["color"]) == ("red", "green")
    assert step.provider.startswith("urn:pulumi:dev::probe::pulumi:providers:pulumi-python::default::")
