"""What refuses the deletion of a stack before anything of it goes, and what finds what a cut-off creation left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from components.deletion.leftovers import NOTHING_OF_ITS_OWN, remove_lost
from components.deletion.provider import DeletionGuardProvider
from components.resource import ProviderError
from components.xata.project import ProjectProvider
from components.xata.provider import BranchProvider
from tests.components.xata.branches_world import ORGANIZATION, REGION, World
from tests.components.xata.managed import ROOT, Managed, branch_inputs, made_branch
from tests.stacks.declared import ACCOUNT, declare

if TYPE_CHECKING:
    from collections.abc import Mapping


def _thing(of: Managed, *names: str) -> dict[str, Any]:
    return {"id": of.id, **{name: of.outputs[name] for name in names}}


def _branch(of: Managed) -> dict[str, Any]:
    return _thing(of, "organization", "projectId", "name", "api")


def _guard(**things: Mapping[str, Any]) -> Managed:
    guard = Managed(DeletionGuardProvider)
    assert guard.up(**things) == "create"
    return guard


def _refused(world: World, guard: Managed, words: str) -> None:
    """It refuses in these words, and nothing was changed."""
    before, begun = world.there(), len(world.calls)
    with pytest.raises(ProviderError, match=words):
        guard.down()
    assert world.there() == before
    assert {call.partition(" ")[0] for call in world.calls[begun:]} <= {"GET", "PATCH"}


def test_a_stack_with_a_living_child_is_not_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child is named; once it is gone, or named as one that may live on, the guard lets the stack go."""
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "staging")
    staging = made_branch()
    child = world.child("pr-9", staging.id)
    guard = _guard(branch=_branch(staging))
    _refused(world, guard, r"'staging' .* has living children: pr-9")
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "staging,pr-9")
    DeletionGuardProvider().delete(guard.id, guard.outputs)
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "staging")
    world.delete(child.id)
    guard.down()
    assert staging.id in world.there().values()  # that is the branch's own deletion


@pytest.mark.usefixtures("world")
def test_a_branch_that_is_not_named_is_not_deleted() -> None:
    """Without a request: its name alone says that it is protected."""
    with pytest.raises(ProviderError, match="'staging' is protected"):
        _guard(branch=_branch(made_branch())).down()


def test_a_project_with_somebody_elses_branch_is_not_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own root branch does not count; naming the other one does not help, because the project would stay."""
    project, main = Managed(ProjectProvider), Managed(BranchProvider)
    project.up(organization=ORGANIZATION, name="farm", adopt="")
    main.up(**branch_inputs(name="main", stack="foundation", project=project.id, parent=None, root=ROOT))
    guard = _guard(branch=_branch(main), project=_thing(project, "organization", "name", "api"))
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "main,farm,theirs")
    other = Managed(BranchProvider)
    other.up(**branch_inputs(name="theirs", stack="other", project=project.id))
    _refused(world, guard, r"'farm' .* still holds 1 branches: theirs")
    other.down()
    for one in (guard, main, project):
        one.down()


@pytest.mark.parametrize("method", ["branches", ""])
def test_a_key_that_may_not_delete_is_found_before(world: World, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Reading is not enough: the key is asked to change nothing, of the branch and of its project."""
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "staging,warehouse-manager")
    staging = made_branch()
    for name, branch_id in world.there().items():
        if name == "main":
            world.delete(branch_id)
    project = {"id": world.place.project, "organization": ORGANIZATION, "name": "warehouse-manager", "api": ""}
    guard = _guard(branch=_branch(staging), project=project)
    world.fault("PATCH", f"{method}.*", status=403, message="access denied")
    _refused(world, guard, "access denied")
    guard.down()


@pytest.mark.usefixtures("world")
def test_what_is_gone_already_may_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch that somebody deleted keeps nobody from taking the rest down."""
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "staging")
    staging = made_branch()
    guard = _guard(branch=_branch(staging))
    staging.down()
    guard.down()


@pytest.mark.usefixtures("world")
def test_the_guard_is_no_news_in_a_plan() -> None:
    """It is unchanged by an in-place update, whose other outputs a preview does not know, and makes no request."""
    branch = _branch(made_branch())
    guard = _guard(branch=branch)
    assert guard.plan(branch={**branch, "projectId": UNKNOWN, "api": UNKNOWN}) == "same"
    assert guard.plan(branch={**branch, "id": UNKNOWN}) == "update"
    assert guard.plan(branch=None) == "update"
    assert guard.refresh()


def test_a_reset_asks_before_the_old_branch_gives_its_name_away(world: World) -> None:
    """It is to be deleted at the end, so its children are asked for at the beginning."""
    preview = made_branch(name="pr-7", stack="pr-7")
    world.child("theirs", preview.id)
    before = world.there()
    with pytest.raises(ProviderError, match="has living children: theirs"):
        BranchProvider().create(branch_inputs(name="pr-7", stack="pr-7", insteadOf=preview.id))
    assert world.there() == before


class Killed(BaseException):
    """The process ends."""


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("number", range(4))
def test_what_a_creation_killed_at_any_call_left_is_removed(
    world: World,
    number: int,
    done: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """[D13] Before or after the call took effect: looked for by name and mark, and gone; another one's stays."""
    begun, inputs = len(world.calls), branch_inputs(name="pr-7", stack="pr-7")

    def meddle(call: int) -> None:
        if call == begun + number:
            if done:
                world.carry_out_last()
            raise Killed

    world.meddle = meddle
    try:
        BranchProvider().create(dict(inputs))
    except Killed:
        pass
    else:
        assert number == 3, "the creation makes more calls than this test expects"
    world.meddle = lambda _number: None
    assert remove_lost("xata:Branch", inputs)
    assert world.there().keys() == {"main"}
    world.child("pr-7", world.there()["main"])
    assert remove_lost("xata:Branch", inputs)
    assert world.there().keys() == {"main", "pr-7"}


def test_of_every_resource_of_a_preview_it_is_known_what_it_may_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its state could not be forgotten after a run that was cut off."""
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "t" * 40)
    declared = declare("pr-7", {"organization": ORGANIZATION, "region": REGION, "cloudflareAccount": ACCOUNT})
    kinds = {one["type"].rpartition("/")[2] for one in declared.requests.values() if one.get("custom")}
    assert {"xata:Branch", "worker:Secrets"} <= kinds
    assert kinds - {"xata:Branch", "worker:Secrets"} <= NOTHING_OF_ITS_OWN
    assert not remove_lost("hyperdriveConfig:HyperdriveConfig", {})


@pytest.mark.parametrize("protect", ["true", "false"])
@pytest.mark.parametrize("stack", ["foundation", "staging", "pr-7", "dev"])
def test_every_stack_has_a_guard_that_goes_first(stack: str, protect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for all that nothing else waits for; a protected stack's is protected, and has nothing to ask."""
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "t" * 40)
    config = {"organization": ORGANIZATION, "cloudflareAccount": ACCOUNT, "protect": protect, "database": "xata"}
    if stack != "dev":
        del config["database"]
    if stack in {"foundation", "dev"}:
        del config["cloudflareAccount"]
    declared = declare(stack, config)
    guard = declared.requests["deletion-guard"]
    waited_for = {name for one in declared.requests for name in declared.before(one)} | {"database"}
    last = {name for name, one in declared.requests.items() if one.get("custom") and name not in waited_for}
    assert last == {"deletion-guard"}
    assert guard.get("protect", False) == (protect == "true")
    assert ("branch" in guard["object"]) == (protect == "false")
    assert ("project" in guard["object"]) == (protect == "false" and stack == "foundation")
