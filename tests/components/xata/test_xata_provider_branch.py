"""The branch as Pulumi calls it, against the stand-in in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from components.resource import ProviderError
from components.xata.provider import (
    BranchProvider,
)
from tests.components.xata.branches_world import ORGANIZATION, REGION, World
from tests.components.xata.managed import (
    ROOT,
    Managed,
    branch_inputs,
    made_branch,
    made_connection,
    made_settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_branch_is_made_without_waiting(world: World) -> None:
    """Project, list, create: the id is there, nobody asked whether the branch is ready."""
    before = len(world.calls)
    branch = made_branch()
    assert branch.id == world.there()["staging"]
    assert world.calls[before:] == ["GET project", "GET branches", "POST branches"]
    found = world.read(branch.id)
    assert found.description == "infra stack staging"
    expected = {
        "branchId": branch.id,
        "projectId": world.place.project,
        "projectName": "warehouse-manager",
        "parentId": world.there()["main"],
        "parentName": "main",
        "currentName": "staging",
        "adopted": False,
        "api": world.client.base_url,
    }
    assert {key: branch.outputs[key] for key in expected} == expected
    assert branch.outputs["createdAt"].startswith("20")


def test_a_made_branch_shows_no_change(world: World) -> None:
    """Neither at once nor after a refresh, which reads once and writes nothing."""
    branch = made_branch()
    assert branch.plan(**branch_inputs()) == "same"
    before = len(world.calls)
    assert branch.refresh()
    assert world.calls[before:] == ["GET branches/*"]
    assert branch.plan(**branch_inputs()) == "same"


def test_project_and_parent_may_be_spelt_as_ids(world: World) -> None:
    """Made by ids, declared by names later, and the other way round: no change."""
    ids = {"project": world.place.project, "parent": world.there()["main"]}
    assert made_branch(**ids).plan(**branch_inputs()) == "same"
    world.delete(world.there()["staging"])
    assert made_branch().plan(**branch_inputs(**ids)) == "same"


def test_a_root_branch_of_a_major_version_gets_the_newest_minor(world: World) -> None:
    """`postgres:18` becomes the newest 18 on offer; what is not on offer is told with what is."""
    offered = [
        image.name for image in world.other.images(ORGANIZATION, REGION) if image.name.startswith("postgres:18.")
    ]
    newest = max(offered, key=lambda name: int(name.rpartition(".")[2]))
    root = Managed(BranchProvider)
    root.up(**branch_inputs(name="dev", stack="dev", parent=None, root={**ROOT, "image": "postgres:18"}))
    assert world.read(root.id).configuration.image == newest
    with pytest.raises(ProviderError, match=r"offers no image postgres:77; it offers .*postgres:18"):
        Managed(BranchProvider).up(**branch_inputs(parent=None, root={**ROOT, "image": "postgres:77"}))


def test_a_deleted_branch_is_gone_and_made_anew(world: World) -> None:
    """A refresh after somebody deleted it says so, and the next run creates another one."""
    branch = made_branch()
    first = branch.id
    world.delete(first)
    assert not branch.refresh()
    assert branch.up(**branch_inputs()) == "create"
    assert branch.id != first


def test_a_branch_of_a_deleted_project_is_gone(world: World) -> None:
    """The API answers 404 for the project too."""
    branch = made_branch()
    for branch_id in world.there().values():
        world.delete(branch_id)
    world.other.delete_project(ORGANIZATION, world.place.project)
    assert not branch.refresh()


KINDS: dict[str, Callable[[Managed], Managed]] = {
    "branch": lambda branch: branch,
    "settings": lambda branch: made_settings(branch)[0],
    "connection": lambda branch: made_connection(branch)[0],
}


@pytest.mark.parametrize("which", KINDS)
@pytest.mark.parametrize(("status", "message"), [(401, "invalid token"), (403, "access denied"), (400, "odd")])
def test_only_not_found_means_gone(world: World, which: str, status: int, message: str) -> None:
    """A refused or broken read fails the refresh; it never reports a branch as gone."""
    managed = KINDS[which](made_branch())
    world.fault("GET", "branches/.", status=status, message=message)
    with pytest.raises(ProviderError):
        managed.refresh()
    assert managed.id


@pytest.mark.parametrize("which", KINDS)
def test_a_branch_in_a_project_that_may_not_be_seen_is_not_gone(world: World, which: str) -> None:
    """When the branch is not found the project is asked for: a key that may not see it fails the refresh."""
    managed = KINDS[which](made_branch())
    world.fault("GET", "branches/.*", status=404, message="branch [x] not found", times=9)
    world.fault("GET", "project", status=403, message="access denied")
    with pytest.raises(ProviderError, match="project"):
        managed.refresh()


@pytest.mark.parametrize("which", KINDS)
def test_everything_of_a_deleted_branch_is_gone(world: World, which: str) -> None:
    """Branch, settings and connection leave the state together."""
    branch = made_branch()
    managed = KINDS[which](branch)
    world.delete(world.there()["staging"])
    assert not managed.refresh()


@pytest.mark.parametrize("which", KINDS)
def test_no_network_is_not_gone(world: World, which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh without a network fails and changes nothing."""
    managed = KINDS[which](made_branch())

    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    monkeypatch.setattr(world, "_answer", unreachable)
    world.client._http._transport = httpx.MockTransport(unreachable)
    with pytest.raises(ProviderError):
        managed.refresh()
    assert managed.id


@pytest.mark.parametrize("which", KINDS)
def test_state_of_another_server_is_left_alone(world: World, which: str) -> None:
    """An id means something else there: refresh, change and delete are refused in words, before any call."""
    managed = KINDS[which](made_branch())
    managed.outputs["api"] = "https://api.xata.tech"
    before = len(world.calls)
    with pytest.raises(ProviderError, match=r"made at https://api\.xata\.tech, and this run talks to http://127"):
        managed.refresh()
    with pytest.raises(ProviderError, match="nothing was looked at or changed"):
        managed.provider.update(managed.id, managed.outputs, {**managed.inputs, "rotation": "x"})
    if which == "branch":
        with pytest.raises(ProviderError, match="XATA_API_BASE_URL"):
            managed.provider.delete(managed.id, managed.outputs)
    assert world.calls[before:] == []


def test_a_renamed_branch_gets_its_name_back(world: World) -> None:
    """The refresh shows the other name, the next run renames it back, and id and host stay."""
    branch = made_branch()
    first = branch.id
    world.change(first, name="staging-old")
    assert branch.refresh()
    assert branch.outputs["currentName"] == "staging-old"
    assert branch.up(**branch_inputs()) == "update"
    assert (branch.id, world.there()["staging"]) == (first, first)
    assert branch.refresh()
    assert branch.up(**branch_inputs()) == "same"


def test_a_rename_whose_answer_was_lost_is_settled_by_looking(world: World) -> None:
    """A lost answer to the rename is no error when the branch has its name."""
    branch = made_branch()
    world.change(branch.id, name="staging-old")
    branch.refresh()
    world.fault("PATCH", "branches/.", "lose")
    assert branch.up(**branch_inputs()) == "update"
    assert "staging" in world.there()


def test_a_rename_that_was_not_carried_out_is_an_error(world: World) -> None:
    """A request that never arrived leaves the drift for the next run."""
    branch = made_branch()
    world.change(branch.id, name="staging-old")
    branch.refresh()
    world.fault("PATCH", "branches/.", "cut", times=9)
    with pytest.raises(ProviderError):
        branch.up(**branch_inputs())
    world.faults.clear()
    assert branch.up(**branch_inputs()) == "update"
    assert "staging" in world.there()


def test_a_persistent_branch_is_not_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider refuses by itself; naming another branch does not help, naming this one does."""
    branch = made_branch()
    for allowed in ("", "production", "stagin"):
        monkeypatch.setenv("INFRA_ALLOW_DELETE", allowed)
        with pytest.raises(ProviderError, match="INFRA_ALLOW_DELETE=staging"):
            branch.provider.delete(branch.id, branch.outputs)
    assert "staging" in world.there()
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "staging")
    branch.down()
    assert "staging" not in world.there()


def test_a_preview_is_deleted_and_twice_is_fine(world: World) -> None:
    """A preview with our mark goes; what is gone already is fine."""
    preview = made_branch(name="pr-7", stack="pr-7")
    provider, branch_id, outputs = preview.provider, preview.id, preview.outputs
    preview.down()
    assert "pr-7" not in world.there()
    provider.delete(branch_id, outputs)


def test_a_preview_without_our_mark_stays(world: World) -> None:
    """Somebody wrote another description: it may be theirs by now."""
    preview = made_branch(name="pr-7", stack="pr-7")
    world.change(preview.id, description="do not delete")
    with pytest.raises(ProviderError, match="not ours"):
        preview.down()
    assert "pr-7" in world.there()


def test_production_given_by_id_is_no_parent_of_a_preview(world: World) -> None:
    """An id does not show in the plan whose it is; the create refuses before it makes anything."""
    made_branch(name="production", stack="production")
    parent = world.there()["production"]
    with pytest.raises(ProviderError, match="allowParent"):
        made_branch(name="pr-7", stack="pr-7", parent=parent)
    assert "pr-7" not in world.there()
    assert made_branch(name="pr-7", stack="pr-7", parent=parent, allowParent="production").id


def test_our_own_branch_is_adopted_after_lost_state(world: World) -> None:
    """A branch with our mark is taken over; a stranger's is refused, with the way to adopt it."""
    first = made_branch()
    again = made_branch()
    assert (again.id, again.outputs["adopted"]) == (first.id, True)
    world.change(first.id, description="made by hand")
    with pytest.raises(ProviderError, match="adopt"):
        made_branch()
    assert made_branch(adopt=first.id).id == first.id
