"""Waiting until a branch is healthy, against the stand-in."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.errors import GoneError, InfraError, NotReadyError
from components.xata.branches.ready import pause_after, wait_until_healthy
from tests.components.xata.branches_world import World

READ, CHANGE = "GET branches/*", "PATCH branches/*"
AWAKE = {"enabled": False, "inactivityPeriodMinutes": 30}
SLEEPY = {"enabled": True, "inactivityPeriodMinutes": 30}


def wait(world: World, branch_id: str, seconds: float = 600.0) -> None:
    """Wait with the world's client and time, and see that the result is healthy."""
    branch = wait_until_healthy(world.client, world.place, branch_id, timeout_seconds=seconds, clock=world.clock)
    assert branch.status.kind == "healthy"


@pytest.mark.parametrize("prefix", [True, False])
def test_a_healthy_branch_costs_one_read(prefix: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Both spellings of the state are understood, and nothing is slept."""
    world = World(status_prefix=prefix)
    wait(world, world.root().id)
    assert world.calls == [READ]
    assert world.seconds == 0


def test_hibernated_right_after_the_create_is_not_final() -> None:
    """First HIBERNATED, then TRANSIENT, then HEALTHY: waited for without a write."""
    world = World(pace="reads", hibernated=3, transient=4)
    wait(world, world.root().id)
    assert world.calls == [READ] * 8


@pytest.mark.parametrize("ready", [3.0, 20.0, 100.0, 500.0])
def test_looking_costs_little_and_adds_little(ready: float) -> None:
    """At most a tenth more than the branch needs, and far from the vendor's limit of 5000 requests an hour."""
    world = World(pace="time", hibernated=0.5, transient=ready - 0.5)
    wait(world, world.root().id)
    assert ready <= world.seconds <= ready * 1.1
    assert len(world.calls) < 160


def test_pauses_grow_within_bounds() -> None:
    """A quarter of a second at first, five seconds at last."""
    assert [pause_after(waited) for waited in (0, 1, 10, 1000)] == [0.25, 0.25, 1.0, 5.0]


def test_a_long_wait_says_what_for_and_how_long(capfd: pytest.CaptureFixture[str]) -> None:
    """A line about every ten seconds, and none where it takes less."""
    world = World(pace="time", hibernated=0.5, transient=34.5)
    wait(world, world.root().id)
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 3
    assert re.fullmatch(
        r"note: waiting for the branch 'main': \S+ \('.*'\), 0 of 1 instances ready; 1\d of at most 600 s", said[0]
    )


def test_never_ready_names_the_last_state() -> None:
    """D7: one deadline for everything; the message tells state, phase, instances, time and what to do."""
    world = World(pace="time", hibernated=1, transient=10_000)
    branch = world.root()
    with pytest.raises(NotReadyError) as caught:
        wait(world, branch.id, seconds=90)
    assert f"'main' ({branch.id}) is not healthy after 90 s" in caught.value.message
    assert "STATUS_TYPE_TRANSIENT ('Setting up primary')" in caught.value.message
    assert "of 1 instances ready" in caught.value.message
    assert "infra:readyTimeoutSeconds" in caught.value.next_step
    assert world.seconds == 90


def test_a_jumping_clock_changes_nothing() -> None:
    """D8: the deadline counts seconds that passed, not the time of day."""
    world = World(pace="time", hibernated=1, transient=50)
    branch = world.root()
    jumps = iter([-(10**8), 10**8] * 1000)
    clock = type(world.clock)(now=world.clock.now, wall=lambda: next(jumps), sleep=world.clock.sleep)
    found = wait_until_healthy(world.client, world.place, branch.id, timeout_seconds=60, clock=clock)
    assert found.status.kind == "healthy"
    assert world.seconds < 60


def test_a_fault_may_clear() -> None:
    """A fault of less than a minute is waited out."""
    world = World()
    branch = world.root()
    world.set_fault(branch.id, "FAULT: Some unknown phase")

    def meddle(_number: int) -> None:
        if world.seconds > 50:
            world.set_fault(branch.id, "")

    world.meddle = meddle
    wait(world, branch.id)
    assert 50 < world.seconds < 60


def test_a_lasting_fault_is_final() -> None:
    """A fault of a minute ends the wait, with the phase in the message."""
    world = World()
    branch = world.root()
    world.set_fault(branch.id, "FAULT: Some unknown phase")
    with pytest.raises(NotReadyError, match=r"is at fault for 6[0-9] s: last seen .*FAULT.*Some unknown phase"):
        wait(world, branch.id)
    assert world.seconds < 70


def test_an_unknown_state_is_waited_for() -> None:
    """D9: a word that nobody knows yet is neither healthy nor a fault."""
    world = World()
    branch = world.root()
    world.set_fault(branch.id, "MIGRATING: Moving to another cell")
    with pytest.raises(NotReadyError, match=r"MIGRATING.*Moving to another cell"):
        wait(world, branch.id, seconds=100)
    assert world.writes() == []


def test_a_sleeping_branch_is_woken_once() -> None:
    """An old branch that is HIBERNATED sleeps: one change wakes it, at once."""
    world = World(pace="time", waking=10)
    branch = world.root()
    world.seconds += 1000
    world.change(branch.id, hibernate=True)
    began = world.seconds
    wait(world, branch.id)
    assert world.writes() == [CHANGE]
    assert world.seconds - began < 12


def test_a_branch_that_is_put_to_sleep_again_is_woken_again() -> None:
    """Somebody puts the branch to sleep while it wakes: it is woken once more."""
    world = World(pace="time", waking=10)
    branch = world.root()
    world.seconds += 1000
    world.change(branch.id, hibernate=True)
    world.meddle = lambda number: world.change(branch.id, hibernate=True) if number == 4 else None
    wait(world, branch.id)
    assert world.writes() == [CHANGE, CHANGE]


@pytest.mark.parametrize("trouble", [{"kind": "cut"}, {"kind": "lose"}, {"status": 409, "message": "was modified"}])
def test_a_wake_that_fails_is_tried_again(trouble: dict[str, Any]) -> None:
    """A lost or refused request to wake is repeated; waking what is awake changes nothing."""
    world = World(pace="time", waking=10)
    branch = world.root()
    world.seconds += 1000
    world.change(branch.id, hibernate=True)
    world.fault("PATCH", "branches/.", **trouble)
    wait(world, branch.id)
    assert set(world.writes()) == {CHANGE}


def test_a_child_wakes_the_parent_it_waits_for() -> None:
    """A child is made once its parent is awake: a parent that fell asleep by itself is woken, and sleeps again."""
    world = World(pace="time", waking=10)
    main = world.root()
    world.seconds += 1000
    world.change(main.id, scaleToZero=SLEEPY)
    world.change(main.id, hibernate=True)
    child = world.child("staging", main.id)
    began = world.seconds
    wait(world, child.id)
    assert world.writes() == [CHANGE]
    assert world.seconds - began < 30


def test_a_parent_that_sleeps_by_hand_is_left_asleep() -> None:
    """Nothing would put it to sleep again, so it is not ours to wake: the message names it."""
    world = World(pace="time")
    main = world.root()
    world.seconds += 1000
    world.change(main.id, scaleToZero=AWAKE)
    world.change(main.id, hibernate=True)
    child = world.child("staging", main.id)
    began = world.seconds
    with pytest.raises(NotReadyError, match="waits for its parent 'main', which was put to sleep by hand") as caught:
        wait(world, child.id)
    assert "wake main" in caught.value.next_step
    assert world.seconds - began < 70
    assert world.read(main.id).status.kind == "hibernated"


def test_a_child_whose_parent_was_deleted_before_it_was_made() -> None:
    """Nothing can make it any more: said after two minutes, not when the time is up."""
    world = World(pace="time", hibernated=10, transient=20)
    main = world.root()
    child = world.child("staging", main.id)
    world.delete(main.id)
    with pytest.raises(NotReadyError, match="was not made: its parent was deleted before") as caught:
        wait(world, child.id)
    assert "delete staging in Xata's console" in caught.value.next_step
    assert world.seconds < 130


def test_a_child_whose_parent_was_deleted_after_it_was_made_wakes() -> None:
    """A branch lives on without its parent, however long it takes to wake."""
    world = World(pace="time", waking=100)
    main = world.root()
    child = world.child("staging", main.id)
    world.seconds += 1000
    world.change(child.id, hibernate=True)
    world.delete(main.id)
    wait(world, child.id)
    assert world.writes() == [CHANGE]


def test_a_child_whose_parent_is_still_being_made() -> None:
    """Parent and child were just created: both are waited for, and nothing is changed."""
    world = World(pace="time", hibernated=10, transient=20)
    child = world.child("staging", world.root().id)
    wait(world, child.id)
    assert world.writes() == []
    assert world.seconds < 80


@pytest.mark.parametrize("number", [0, 1, 5])
def test_a_branch_that_is_deleted_meanwhile(number: int) -> None:
    """Whenever somebody deletes the branch, the wait ends at once and says so."""
    world = World(pace="time", hibernated=10, transient=20)
    branch = world.root()
    world.meddle = lambda call: world.delete(branch.id) if call == number else None
    with pytest.raises(GoneError, match=f"{branch.id} is gone, so somebody deleted it") as caught:
        wait(world, branch.id)
    assert "./infra up" in caught.value.next_step
    assert len(world.calls) == number + 1


def test_a_key_that_is_revoked_meanwhile_ends_the_wait() -> None:
    """What waiting cannot cure is told at once."""
    world = World(pace="time", hibernated=10, transient=20)
    branch = world.root()
    world.fault("GET", "branches/.", status=403, message="access denied", times=99)
    with pytest.raises(InfraError, match="403"):
        wait(world, branch.id)
    assert world.seconds == 0
