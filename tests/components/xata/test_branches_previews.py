"""Branches of pull requests, against the stand-in: their number, and the fresh copy that takes a branch's place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from components.errors import ConflictError, RefusedError
from components.xata.branches.create import ensure_branch
from components.xata.branches.names import aside_name, set_aside_from
from components.xata.branches.remove import delete_branch
from components.xata.branches.rename import give_back
from components.xata.inputs import BranchIdentity
from tests.components.xata.branches_world import REGION, World

if TYPE_CHECKING:
    from collections.abc import Callable

NAME, MARK = "pr-7", "infra stack pr-7"
SPEC = BranchIdentity(name=NAME, stack=NAME, region=REGION, parent="main", most_previews=3)


class Killed(BaseException):
    """The process ends, without a chance to tidy up."""


def made(world: World, spec: BranchIdentity = SPEC) -> str:
    """The preview's branch is there; its id."""
    return ensure_branch(world.client, world.place, spec, clock=world.clock).branch.id


def deleted(world: World, branch_id: str) -> None:
    """The preview's branch goes, as the engine has it."""
    delete_branch(world.client, world.place, branch_id, name=NAME, environment={}, clock=world.clock)


def test_a_preview_above_the_number_is_refused_and_nothing_is_made() -> None:
    """Previews are counted and nothing else; the next step names the sweep, and one that is there is taken as ever."""
    world = World()
    main = world.root().id
    for name in ("staging", "pr-1", "pr-2", "pr-0", aside_name("pr-9", main)):
        world.child(name, main, f"infra stack {name[:21]}")
    first = made(world)
    with pytest.raises(RefusedError, match=r"holds 3 previews .*infra:mostPreviews allows 3\n.*\./infra sweep"):
        made(world, replace(SPEC, name="pr-8", stack="pr-8"))
    assert "pr-8" not in world.there()
    assert made(world) == first
    assert made(world, replace(SPEC, name="pr-8", stack="pr-8", most_previews=0))


def test_a_fresh_copy_takes_the_name_and_the_old_branch_stays_until_it_is_deleted() -> None:
    """Renamed, created, deleted: at the number of previews that may be there, too, since it is no further one."""
    world = World()
    main = world.root().id
    for name in ("pr-1", "pr-2"):
        world.child(name, main, f"infra stack {name}")
    old = made(world)
    new = made(world, replace(SPEC, instead_of=old))
    assert world.there() | {NAME: new, aside_name(NAME, old): old} == world.there()
    assert set_aside_from(aside_name(NAME, old)) == NAME
    assert made(world, replace(SPEC, instead_of=old)) == new, "said again, it is no third one"
    deleted(world, old)
    assert NAME in world.there()
    assert old not in world.there().values()


def test_a_strangers_branch_is_not_replaced() -> None:
    """It bears the name and no mark of ours: neither renamed nor anything else."""
    world = World()
    stranger = world.child(NAME, world.root().id).id
    with pytest.raises(RefusedError, match="does not carry the mark of the stack pr-7"):
        made(world, replace(SPEC, instead_of=stranger))
    assert world.writes() == []


def test_a_name_is_given_back_only_by_the_copy_of_a_killed_reset() -> None:
    """Another branch of that name is a conflict: renamed by hand, of another stack, or somebody else's."""
    world = World()
    main = world.root().id
    old = made(world)
    for found, description in (("kept", MARK), (aside_name(NAME, old), None), (aside_name(NAME, old), "infra stack x")):
        world.change(old, name=found)
        other = world.child(NAME, main, description).id
        with pytest.raises(ConflictError):
            give_back(world.client, world.place, old, NAME, found=found, environment={})
        assert world.there()[NAME] == other
        world.delete(other)
    give_back(world.client, world.place, old, NAME, found="kept", environment={})
    assert world.there()[NAME] == old


def _reset(world: World, recorded: list[str]) -> None:
    """What the engine does for a reset of the recorded branch; a killed run has recorded what it came to."""
    old = recorded[0]
    if len(recorded) == 1:
        recorded[:] = [made(world, replace(SPEC, instead_of=old)), old]
    deleted(world, recorded[1])
    del recorded[1]


def _up(world: World, recorded: list[str]) -> None:
    """What the engine does for an up that is told nothing of a reset: names are given back, deletions completed."""
    found = world.read(recorded[0]).name
    if found != NAME:
        give_back(world.client, world.place, recorded[0], NAME, found=found, environment={})
    for left in recorded[1:]:
        deleted(world, left)
    del recorded[1:]


@pytest.mark.parametrize("after", [_reset, _up], ids=["reset", "up"])
@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("number", range(9))
def test_a_reset_that_is_killed_anywhere_converges(
    number: int,
    done: bool,  # noqa: FBT001 - a parameter of the table
    after: Callable[[World, list[str]], None],
) -> None:
    """[D13] What is recorded is there at every moment; the next reset or up leaves one branch of the name, recorded."""
    world = World()
    world.root()
    recorded = [made(world)]
    begun = len(world.calls)

    def meddle(call: int) -> None:
        if call == begun + number:
            if done:
                world.carry_out_last()
            raise Killed

    world.meddle = meddle
    with pytest.raises(Killed):
        _reset(world, recorded)
    world.meddle = lambda _number: None
    assert recorded[0] in world.there().values()
    after(world, recorded)
    assert world.there() == {"main": world.there()["main"], NAME: recorded[0]}
