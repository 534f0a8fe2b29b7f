"""Deleting branches, against the stand-in."""

from __future__ import annotations

import pytest

from components.errors import ApiError, InvalidError, LifecycleError, PermissionDeniedError, RefusedError
from components.xata.branches.remove import delete_branch, delete_judged
from tests.components.xata.branches_world import World

READ, LIST, DELETE = "GET branches/*", "GET branches", "DELETE branches/*"
MARK = "infra stack pr-7"


def delete(world: World, branch_id: str, name: str, allow: str = "") -> bool:
    """Delete with the world's client and time."""
    environment = {"INFRA_ALLOW_DELETE": allow}
    return delete_branch(world.client, world.place, branch_id, name=name, environment=environment, clock=world.clock)


def test_a_preview_of_ours_is_deleted_and_confirmed() -> None:
    """One look at it, one at its children, the delete, and the proof that it is gone."""
    world = World()
    preview = world.child("pr-7", world.root().id, MARK)
    assert delete(world, preview.id, "pr-7")
    assert world.calls == [READ, LIST, DELETE, READ]
    assert list(world.there()) == ["main"]


def test_what_is_gone_is_fine() -> None:
    """Deleting twice, or after somebody else, is no error."""
    world = World()
    preview = world.child("pr-7", world.root().id, MARK)
    world.delete(preview.id)
    assert not delete(world, preview.id, "pr-7")
    assert world.writes() == []


@pytest.mark.parametrize("name", ["main", "staging", "production", "dev", "dev-alice", "pr-07"])
def test_protected_names_are_refused_before_any_request(name: str) -> None:
    """Persistent branches are not even looked at, and the way to delete them is told."""
    world = World()
    with pytest.raises(RefusedError, match=f"INFRA_ALLOW_DELETE={name}"):
        delete(world, world.root(name, "infra stack " + name.replace("pr-07", "x")).id, name, allow="other,MAIN")
    assert world.calls == []


def test_a_branch_that_is_named_on_purpose_is_deleted() -> None:
    """INFRA_ALLOW_DELETE names it: the mark does not matter any more, but children that it does not name do."""
    world = World()
    main = world.root()
    world.child("staging", main.id)
    with pytest.raises(RefusedError, match="living children: staging"):
        delete(world, main.id, "main", allow="production, main")
    assert delete(world, main.id, "main", allow="staging, main")
    assert list(world.there()) == ["staging"]


@pytest.mark.parametrize("description", [None, "by the app"])
def test_a_strangers_preview_is_refused(description: str | None) -> None:
    """The name alone does not make a preview ours."""
    world = World()
    preview = world.child("pr-7", world.root().id, description)
    with pytest.raises(RefusedError, match="is not ours"):
        delete(world, preview.id, "pr-7")
    assert world.writes() == []


@pytest.mark.parametrize("new", ["production", "kept", "pr-8"])
def test_a_renamed_branch_is_refused(new: str) -> None:
    """Somebody renamed the preview, perhaps to keep it: both names are told, and the new one has to be named."""
    world = World()
    preview = world.child("pr-7", world.root().id, MARK)
    world.change(preview.id, name=new)
    with pytest.raises(RefusedError, match=f"made as 'pr-7' and is now called '{new}'") as caught:
        delete(world, preview.id, "pr-7")
    assert f"INFRA_ALLOW_DELETE={new}" in caught.value.next_step
    with pytest.raises(RefusedError):
        delete(world, preview.id, "pr-7", allow="pr-7")
    assert world.writes() == []
    assert delete(world, preview.id, "pr-7", allow=new)


def test_a_parent_with_living_children_is_refused() -> None:
    """The service would let the parent go; we name the children instead."""
    world = World()
    preview = world.child("pr-7", world.root().id, MARK)
    world.child("pr-7-b", preview.id)
    world.child("pr-7-a", preview.id)
    with pytest.raises(RefusedError, match="living children: pr-7-a, pr-7-b"):
        delete(world, preview.id, "pr-7")
    assert world.writes() == []
    assert delete(world, preview.id, "pr-7", allow="pr-7-a,pr-7-b")


def test_a_lost_answer_still_ends_in_gone() -> None:
    """The delete was done and its answer lost: the repeat says 404, and the read proves it."""
    world = World()
    preview = world.child("pr-7", world.root().id, MARK)
    world.fault("DELETE", "branches/.", "lose")
    assert delete(world, preview.id, "pr-7")
    assert "pr-7" not in world.there()


def test_a_404_to_a_delete_is_no_proof() -> None:
    """Older versions answer 404 and keep the row: it is said that the branch is still there."""
    world = World()
    preview = world.child("pr-7", world.root().id, MARK)
    world.fault("DELETE", "branches/.", status=404, message="branch [x] not found", times=99)
    with pytest.raises(LifecycleError, match=f"{preview.id}.* still shows it"):
        delete(world, preview.id, "pr-7")
    assert world.seconds <= 10


def test_a_row_that_goes_a_moment_later_is_gone() -> None:
    """The proof is waited for a little."""
    world = World()
    preview = world.child("pr-7", world.root().id, MARK)
    world.fault("DELETE", "branches/.", status=404, message="branch [x] not found")
    world.meddle = lambda number: world.delete(preview.id) if number == 5 else None
    assert not delete(world, preview.id, "pr-7")


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [(422, "not now", InvalidError), (403, "access denied", PermissionDeniedError)],
)
def test_a_refused_delete_is_told(status: int, message: str, error: type[ApiError]) -> None:
    """D11: the service refuses; the error says so, and the branch stays."""
    world = World()
    preview = world.child("pr-7", world.root().id, MARK)
    world.fault("DELETE", "branches/.", status=status, message=message, times=99)
    with pytest.raises(error):
        delete(world, preview.id, "pr-7")
    assert "pr-7" in world.there()


@pytest.mark.parametrize("number", range(4))
def test_somebody_deletes_it_at_the_same_time(number: int) -> None:
    """Between any two requests: it is gone either way, and that is what was wanted."""
    world = World()
    preview = world.child("pr-7", world.root().id, MARK)
    world.meddle = lambda call: world.delete(preview.id) if call == number and "pr-7" in world.there() else None
    delete(world, preview.id, "pr-7")
    assert list(world.there()) == ["main"]


def judged(world: World, branch_id: str, description: str | None = MARK, name: str = "pr-7") -> bool:
    """Delete what was judged to say this."""
    return delete_judged(world.client, world.place, branch_id, name=name, description=description, clock=world.clock)


def test_what_was_judged_is_deleted_without_another_list() -> None:
    """A thousand branches are not listed again for each that goes."""
    world = World()
    preview = world.child("pr-7", world.root().id, MARK)
    assert judged(world, preview.id)
    assert world.calls == [READ, DELETE, READ]
    assert list(world.there()) == ["main"]
    assert not judged(world, preview.id)


@pytest.mark.parametrize("found", ["infra stack pr-7 until 2026-12-05", "infra stack pr-8", "mine"])
def test_what_says_something_else_than_when_it_was_judged_stays(found: str) -> None:
    """An `up` in between has moved the last day of its life, or somebody has made it theirs."""
    world = World()
    preview = world.child("pr-7", world.root().id, found)
    with pytest.raises(RefusedError, match="was changed while it was judged"):
        judged(world, preview.id)
    assert world.writes() == []


def test_what_was_renamed_since_it_was_judged_stays() -> None:
    """Perhaps to keep it."""
    world = World()
    kept = world.child("kept", world.root().id, MARK)
    with pytest.raises(RefusedError, match="now called 'kept'"):
        judged(world, kept.id)
    assert world.writes() == []


@pytest.mark.parametrize(("name", "description"), [("staging", "infra stack staging"), ("pr-7", None), ("pr-7", "x")])
def test_nobody_can_judge_what_is_protected_or_not_ours(name: str, description: str | None) -> None:
    """Whatever the caller thinks: it is refused before any request."""
    world = World()
    branch = world.child(name, world.root().id, description or "somebody")
    world.calls.clear()
    with pytest.raises(RefusedError):
        judged(world, branch.id, description, name)
    assert world.calls == []
