from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from pulumi_embedded.errors import EngineError
from pulumi_embedded.reads import StackReferences
from pulumi_embedded.state import ResourceState, Snapshot, Store
from pulumi_embedded.values import Secret
from tests.engine.stack import PASSPHRASE
from tests.engine.test_engine_run_cli import _comparable, _pulumi

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.stack import Things

READ: dict[str, Any] = {"a": {"color": None, "options": {"id": "x-1"}}}
OTHER = {"plain": 1, "password": {"secret": "hush"}, "list": [1, {"secret": 2}], "none": None}
REFERRING = {
    "far": {"kind": "stack", "name": "other"},
    "b": {
        "size": {"ref": "far.get_output", "of": "plain"},
        "password": {"ref": "far.get_output", "of": "password"},
        "nothing": {"ref": "far.get_output", "of": "nothing"},
    },
}


def _exist(things: Things, identity: str = "x-1", **more: Any) -> None:
    """Let something exist that no stack has made."""
    (things.world / identity).write_text(json.dumps({"label": "a", "color": "red", "token": "t", **more}))


def _bring_up_other(things: Things, **more: Any) -> None:
    things.want({}, outputs=OTHER)
    result = things.run("up", stack="other", **more)
    assert result.succeeded, result.errors


def _props(things: Things, name: str) -> dict[str, Any]:
    """The recorded outputs besides the pickled provider."""
    return {key: value for key, value in things.recorded()[name]["outputs"].items() if key != "__provider"}


# What is read by its id.


def test_a_preview_reads_what_the_program_names_by_its_id(things: Things) -> None:
    """Its outputs are known before anything is made, and secret where the program says so."""
    _exist(things)
    things.want(READ, outputs={"color": {"ref": "a.color"}, "token": {"ref": "a.token"}, "id": {"ref": "a.id"}})
    result = things.run("preview")
    assert (result.errors, result.changes.create, things.seen.steps()) == ((), 1, ["create probe-dev", "read a"])
    assert {key: (output.value, output.secret) for key, output in result.outputs.items()} == {
        "color": ("red", False),
        "token": ("t", True),
        "id": ("x-1", False),
    }


def test_what_is_read_is_recorded_as_external(things: Things) -> None:
    """As the CLI records it: no times, no dependencies of properties, inputs as the program gives them."""
    _exist(things)
    things.up(READ)
    recorded = things.recorded()["a"]
    assert (recorded["external"], recorded["id"], recorded["inputs"]["label"]) == (True, "x-1", "a")
    assert not {"created", "modified", "propertyDependencies"} & recorded.keys()
    assert _props(things, "a")["color"] == "red"
    assert things.calls() == []


def test_what_is_read_anew_reaches_what_depends_on_it(things: Things) -> None:
    """Reality decides: another color there is another color here; without a change nothing is done."""
    _exist(things)
    wanted = {**READ, "b": {"color": {"ref": "a.color"}}}
    things.up(wanted)
    things.up(wanted)
    assert things.seen.steps(same=True)[-2:] == ["read a", "same b"]
    _exist(things, color="blue")
    things.up(wanted)
    assert things.seen.steps() == ["read a", "update b"]
    assert "modified" in things.recorded()["a"]
    assert things.real()["b"]["color"] == "blue"


def test_what_is_not_read_any_more_leaves_the_state_alone(things: Things) -> None:
    """The program drops it, or the stack is destroyed: it stays in reality."""
    _exist(things)
    things.up(READ)
    things.up({})
    assert things.seen.steps() == ["discard a"]
    assert ("a" in things.recorded(), (things.world / "x-1").exists()) == (False, True)
    things.up(READ)
    assert things.run("destroy").changes.delete == 1
    assert (things.calls(), (things.world / "x-1").exists()) == ([], True)


@pytest.mark.thorough
def test_a_resource_is_given_up_when_it_is_read_by_its_own_id(things: Things) -> None:
    """Read under its id it stays and is external; read under another one it is deleted."""
    things.up({"a": {"color": "red"}})
    identity = things.recorded()["a"]["id"]
    things.up({"a": {"options": {"id": identity}}})
    assert (things.seen.steps(), things.recorded()["a"]["external"]) == (["read a"], True)
    things.up({})
    things.up({"a": {"color": "red"}})
    things.calls()
    _exist(things)
    things.up(READ)
    assert things.seen.steps() == ["read-replacement a", "delete-replaced a"]
    assert (things.recorded()["a"]["id"], things.calls()) == ("x-1", ["delete a"])


def test_what_was_read_may_become_a_resource(things: Things) -> None:
    """A new one is made, and what was read stays."""
    _exist(things)
    things.up(READ)
    things.up({"a": {"color": "green"}})
    assert things.seen.steps() == ["create-replacement a", "discard-replaced a"]
    assert ("external" in things.recorded()["a"], (things.world / "x-1").exists()) == (False, True)


def test_what_is_not_there_is_told(things: Things) -> None:
    """As in the CLI it is no error, because a dynamic provider cannot say so to it; here there is a warning."""
    things.up(READ)
    assert "The provider finds nothing with the id 'x-1'." in things.seen.texts()
    assert _props(things, "a") == {}


def test_an_id_that_is_not_known_yet_is_not_read(things: Things) -> None:
    """A preview reads nothing by an id that comes from what is not made yet."""
    things.want({"b": {}, "a": {"options": {"id": {"ref": "b.id"}}}}, outputs={"token": {"ref": "a.token"}})
    assert things.run("preview").errors == ()
    assert things.run("up").outputs["token"].value == "token-of-b"


def test_a_refresh_reads_it_and_forgets_what_is_gone(things: Things) -> None:
    """Its outputs alone decide whether it drifted: nobody wants it to be anything."""
    _exist(things)
    things.up(READ)
    assert things.run("refresh").changes.same == 2
    _exist(things, color="blue")
    assert things.run("refresh").changes.update == 1
    assert _props(things, "a")["color"] == "blue"
    (things.world / "x-1").unlink()
    assert things.run("refresh").changes.delete == 1
    assert "a" not in things.recorded()


def test_a_failing_read_fails_the_run_before_anything_is_made(things: Things) -> None:
    """The provider's message names the resource."""
    things.want({"b": {}, "a": {"fail": "read", "options": {"id": "x-1"}}})
    assert "Thing 'a': read refused" in things.run("up").errors[0]
    assert things.calls() == []


# Outputs of other stacks.


def test_outputs_of_another_stack_arrive(things: Things) -> None:
    """Plain ones plain, secret ones secret, a missing one as nothing; recorded as the CLI records it."""
    _bring_up_other(things)
    things.want(REFERRING, outputs={"list": {"ref": "far.get_output", "of": "list"}, "all": {"ref": "far.outputs"}})
    assert things.run("preview").outputs["list"].secret
    result = things.run("up")
    assert result.errors == ()
    assert (result.outputs["list"].value, result.outputs["list"].secret) == ([1, 2], True)
    assert things.real()["b"] == {"label": "b", "size": 1, "password": "hush", "token": "token-of-b"}
    far = things.recorded()["far"]
    assert (far["id"], far["inputs"], far["external"]) == ("other", {"name": "other"}, True)
    assert "pulumi:providers:pulumi::default::" in far["provider"]
    assert far["outputs"]["secretOutputNames"] == ["list", "password"]
    assert far["outputs"]["outputs"]["plain"] == 1
    assert "hush" not in things.checkpoint.read_text()


@pytest.mark.thorough
def test_outputs_follow_the_other_stack(things: Things) -> None:
    """An up and a refresh look again."""
    _bring_up_other(things)
    things.up(REFERRING)
    things.want({}, outputs={"plain": 2})
    things.run("up", stack="other")
    assert things.run("refresh").changes.update == 1
    assert things.recorded()["far"]["outputs"]["outputs"] == {"plain": 2}
    things.up(REFERRING)
    assert things.real()["b"] == {"label": "b", "size": 2, "token": "token-of-b"}
    assert things.run("destroy").succeeded


@pytest.mark.parametrize(
    ("name", "meant"),
    [("x", ("probe", "x")), ("organization/x", ("probe", "x")), ("organization/shop/x", ("shop", "x"))],
)
def test_a_stack_is_named_as_in_the_cli(name: str, meant: tuple[str, str], tmp_path: Path) -> None:
    """By its name, with the organization, and with the project; what no one has brought up yet has no outputs."""
    (tmp_path / ".pulumi" / "stacks" / meant[0]).mkdir(parents=True)
    (tmp_path / ".pulumi" / "stacks" / meant[0] / f"{meant[1]}.json").write_text('{"version": 3, "checkpoint": {}}')
    store = Store(f"file://{tmp_path}", "probe", "dev", PASSPHRASE, folder=tmp_path, config_salt=None)
    wanted = ResourceState(urn="u", type="t", id=name, inputs={"name": name})
    outputs = {"name": name, "outputs": {}, "secretOutputNames": []}
    assert StackReferences("probe", store.sibling).read(wanted) == (name, {"name": name}, outputs)


def test_a_required_output_that_is_missing_is_an_error(things: Things) -> None:
    """It is the SDK's; nothing is made."""
    _bring_up_other(things)
    things.want({"far": REFERRING["far"], "b": {"size": {"ref": "far.require_output", "of": "nothing"}}})
    assert "KeyError: 'nothing'" in things.run("up").errors[0]
    assert things.calls() == []


def test_a_missing_stack_is_an_error(things: Things) -> None:
    """The message names the stack and the next step."""
    things.want(REFERRING)
    (error,) = things.run("up").errors
    assert "StackReference 'far': unknown stack \"other\"" in error
    assert "bring that stack up first" in error
    assert things.calls() == []


@pytest.mark.parametrize("name", ["", "a/b", "acme/probe/other", "organization/a/b/c", "organization/pro be/x"])
def test_a_name_of_no_stack_is_an_error(name: str) -> None:
    """The forms that are allowed are in the message."""
    references = StackReferences("probe", lambda *_: pytest.fail("looked for a stack"))
    with pytest.raises(EngineError, match="organization/project/stack"):
        references.read(ResourceState(urn="u", type="t", id="x", inputs={"name": name}))


def test_secrets_of_a_stack_with_another_passphrase_are_an_error_in_words(things: Things) -> None:
    """Nothing is made with what cannot be read."""
    _bring_up_other(things, passphrase="another")
    things.want(REFERRING)
    (error,) = things.run("up").errors
    assert 'The secret outputs of the stack "other" do not open with the passphrase of this stack.' in error
    assert things.calls() == []


def test_plain_outputs_need_no_passphrase(tmp_path: Path) -> None:
    """Nothing is decrypted but outputs, and nobody is asked for a key that is not needed."""

    def store(passphrase: str) -> Store:
        return Store(f"file://{tmp_path}", "probe", "dev", passphrase, folder=tmp_path, config_salt=None)

    stack = ResourceState(urn="urn:s", type="pulumi:pulumi:Stack", custom=False, outputs={"plain": 1})
    other = ResourceState(urn="urn:a", type="a:b:C", id="1", outputs={"password": Secret("hush")})
    store(PASSPHRASE).save(Snapshot(resources=[stack, other]))
    assert store("another").outputs() == {"plain": 1}


# The same with the CLI.


@pytest.mark.cli
@pytest.mark.skipif(shutil.which("pulumi") is None, reason="no pulumi on the PATH: ./infra setup --pulumi installs it")
def test_both_engines_read_and_record_the_same(things: Things) -> None:
    """Each step, made by each engine on its own stack, does and records the same; the other one sees no change."""
    _exist(things)
    _bring_up_other(things)
    _pulumi(things, "stack", "init")
    wanted: list[dict[str, Any]] = [
        {**READ, **REFERRING, "c": {"color": {"ref": "a.color"}}},
        {**REFERRING, "a": {"color": "red"}},
        READ,
        {},
    ]
    seen: list[list[Any]] = []
    for ours in (False, True):
        seen.append([])
        for resources in wanted:
            things.want(resources)
            if ours:
                assert things.run("up").errors == ()
                _pulumi(things, "preview", "--expect-no-changes")
            else:
                _pulumi(things, "up", "--yes", "--skip-preview")
                assert things.run("preview").errors == ()
                assert [step for step in things.seen.steps() if not step.startswith("read ")] == []
            seen[-1].append((sorted(things.calls()), _comparable(things)))
        things.run("destroy")
    assert seen[0] == seen[1]
