"""Backups and restoring, against the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.errors import ConfigurationError, GoneError, LifecycleError, MissingError, RefusedError
from components.xata.branches.restore import RestorePoints, restore_points
from operations.restored_branch import restore_into
from tests.components.xata.branches_world import World

if TYPE_CHECKING:
    from components.xata.branches.create import Ensured

LIST, RESTORE = "GET branches", "POST branches/*/restore"


def restore(world: World, source_id: str, name: str = "rescue") -> Ensured:
    """Restore with the world's client and time."""
    return restore_into(world.client, world.place, source_id, name=name, stack="staging", clock=world.clock)


def test_the_latest_point_becomes_a_new_child() -> None:
    """One list and one restore; the new branch is a child of the source and carries our mark."""
    world = World()
    main = world.root()
    made = restore(world, main.id)
    assert world.calls == [LIST, RESTORE]
    branch = world.read(made.branch.id)
    assert (branch.name, branch.parent_id, branch.description) == ("rescue", main.id, "infra stack staging")
    assert not made.adopted


def test_without_a_restore_point_it_says_so() -> None:
    """The service's 404 is told as what it means."""
    world = World(pace="time", restore_point=3600)
    with pytest.raises(LifecycleError, match="there is no restore point yet"):
        restore(world, world.root().id)
    assert list(world.there()) == ["main"]


def test_in_a_region_without_backups_it_says_so() -> None:
    """The same 404, another reason."""
    world = World()
    with pytest.raises(LifecycleError, match="its region us-central1 keeps no backups"):
        restore(world, world.root(region="us-central1").id)


def test_an_existing_branch_is_never_touched() -> None:
    """Not even one of ours: its data are not the backup's."""
    world = World()
    main = world.root()
    world.child("rescue", main.id, "infra stack staging")
    with pytest.raises(RefusedError, match="never touches an existing branch"):
        restore(world, main.id)
    assert world.writes() == []


def test_a_name_that_is_taken_meanwhile_is_refused() -> None:
    """Somebody is faster: refused as well, whatever mark it carries."""
    world = World()
    main = world.root()
    world.meddle = lambda number: world.make_child("rescue", main.id, "infra stack staging") if number == 1 else None
    with pytest.raises(RefusedError, match="never touches an existing branch"):
        restore(world, main.id)


def test_a_lost_answer_makes_one_branch() -> None:
    """D5: the restore was done and its answer lost: the branch that came of it is found."""
    world = World()
    main = world.root()
    world.fault("POST", "branches/./restore", "lose")
    made = restore(world, main.id)
    assert world.there()["rescue"] == made.branch.id
    assert not made.adopted


def test_a_restore_that_never_arrived_is_repeated() -> None:
    """D6: the same request again, until it is answered."""
    world = World()
    main = world.root()
    world.fault("POST", "branches/./restore", "cut", times=2)
    assert world.there().keys() == {"main"}
    assert restore(world, main.id).branch.id == world.there()["rescue"]
    assert world.writes() == [RESTORE] * 3


def test_a_lost_request_and_another_branch_of_ours() -> None:
    """The request never arrived and a branch of the name was made otherwise: its data are not the backup's."""
    world = World()
    main = world.root()
    world.fault("POST", "branches/./restore", "cut")
    world.meddle = lambda number: world.make_root("rescue", "infra stack staging") if number == 2 else None
    with pytest.raises(RefusedError, match="never touches an existing branch"):
        restore(world, main.id)


def test_an_unknown_source_is_named() -> None:
    """A deleted branch's backup cannot be restored."""
    world = World()
    world.root()
    with pytest.raises(MissingError, match="c" * 26):
        restore(world, "c" * 26)
    assert world.writes() == []


def test_a_source_that_is_deleted_meanwhile() -> None:
    """Somebody deletes the source between list and restore."""
    world = World()
    main = world.root()
    world.meddle = lambda number: world.delete(main.id) if number == 1 else None
    with pytest.raises(GoneError, match="somebody deleted it"):
        restore(world, main.id)


def test_a_bad_name_is_refused_before_any_request() -> None:
    """The new branch is named by our rule."""
    world = World()
    with pytest.raises(ConfigurationError):
        restore(world, "c" * 26, name="a/b")
    assert world.calls == []


def test_restore_points_are_told() -> None:
    """Before the first point nothing, then moments in UTC; nothing is asked where the region keeps none."""
    world = World(pace="time", restore_point=60)
    main = world.read(world.root().id)
    assert restore_points(world.client, world.place, main) == RestorePoints()
    world.seconds += 100
    points = restore_points(world.client, world.place, main)
    assert points.earliest.endswith("Z")
    assert points.earliest <= points.latest
    elsewhere = world.read(world.root("elsewhere", region="us-central1").id)
    world.calls.clear()
    assert restore_points(world.client, world.place, elsewhere) == RestorePoints()
    assert world.calls == []
