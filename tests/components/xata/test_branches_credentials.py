"""Credentials: read, waited for and rotated, against the stand-in."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import pytest

from cloud_sandbox.xata import shapes
from components.errors import GoneError, LifecycleError, NotReadyError
from components.xata.branches import credentials
from tests.components.xata.branches_world import REGION, World

if TYPE_CHECKING:
    from components.xata.branches.credentials import Ready

READ, SECRET, ROTATE = "GET branches/*", "GET branches/*/credentials", "POST branches/*/credentials/rotate"


def connect(world: World, branch_id: str, seconds: float = 600.0) -> Ready:
    """Wait for the branch and its credentials with the world's client and time."""
    return credentials.connect_when_ready(
        world.client, world.place, branch_id, timeout_seconds=seconds, clock=world.clock
    )


def rotate(world: World, branch_id: str, old: str, *, force: bool = False, seconds: float = 600.0) -> str:
    """Rotate with the world's client and time; the new password."""
    ready = credentials.rotate(
        world.client, world.place, branch_id, old_password=old, force=force, timeout_seconds=seconds, clock=world.clock
    )
    return ready.endpoints.password


@pytest.mark.parametrize("shape", ["two", "six"])
def test_a_ready_branch_costs_two_reads(shape: str) -> None:
    """One look at the branch and one at the credentials; both shapes lead to the branch's own host over TLS."""
    world = World(credentials_shape=shape)
    branch = world.root()
    ready = connect(world, branch.id)
    assert world.calls == [READ, SECRET]
    assert ready.endpoints.direct.host.startswith(f"{branch.id}.{REGION}.")
    assert ready.endpoints.direct.url.endswith("/xata?sslmode=require")
    assert len(ready.endpoints.password) == 64


def test_an_address_that_comes_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two fields and no connectionString: the branch is not ready; a refresh says so, and nobody makes up a host."""
    world = World(credentials_shape="two")
    branch = world.root()
    told = shapes.connection_string
    monkeypatch.setattr(shapes, "connection_string", lambda *asked: told(*asked) if world.seconds >= 20 else None)
    with pytest.raises(NotReadyError, match="has credentials without a host, and no connectionString at the moment"):
        credentials.current(world.client, world.place, branch.id)
    with pytest.raises(NotReadyError, match="has credentials without a host, and no connectionString after 10 s"):
        connect(world, branch.id, seconds=10)
    assert connect(world, branch.id).endpoints.direct.host.startswith(f"{branch.id}.{REGION}.")
    assert 20 <= world.seconds < 25


def test_readable_credentials_are_not_readiness() -> None:
    """Credentials that can be read before the branch is healthy are not asked for before it is."""
    world = World(pace="time", hibernated=10, transient=20, secret=0)
    connect(world, world.root().id)
    assert world.seconds >= 30
    assert world.calls[-2:] == [READ, SECRET]
    assert world.calls.count(SECRET) == 1


def test_credentials_that_come_late_are_waited_for() -> None:
    """A healthy branch without credentials yet is waited for within the same deadline."""
    world = World(pace="time", hibernated=1, transient=2, secret=15)
    connect(world, world.root().id)
    assert 15 <= world.seconds < 18


def test_credentials_that_never_come() -> None:
    """D7: one deadline for both; the message says what is missing."""
    world = World(pace="time", hibernated=10, transient=20, secret=10_000)
    with pytest.raises(NotReadyError, match="has no credentials after 60 s: last seen STATUS_TYPE_HEALTHY"):
        connect(world, world.root().id, seconds=60)
    assert world.seconds == 60


def test_what_is_there_now() -> None:
    """Refresh reads and never waits: the endpoints, "not yet" as an error, or None for a branch that is gone."""
    world = World(pace="time", secret=10)
    branch = world.root()
    with pytest.raises(NotReadyError, match="no credentials at the moment"):
        credentials.current(world.client, world.place, branch.id)
    world.seconds += 20
    found = credentials.current(world.client, world.place, branch.id)
    assert found is not None
    assert found.branch.id == branch.id
    world.delete(branch.id)
    assert credentials.current(world.client, world.place, branch.id) is None
    assert world.writes() == []


def test_rotating_waits_for_the_new_password() -> None:
    """The old one is not taken for the new one, nor the time without any for an end."""
    world = World(pace="time", rotation=8)
    branch = world.root()
    world.seconds += 100
    old = connect(world, branch.id).endpoints.password
    new = rotate(world, branch.id, old)
    assert new != old
    assert connect(world, branch.id).endpoints.password == new
    assert world.writes() == [ROTATE]
    assert world.seconds < 112


def test_what_was_rotated_already_is_not_rotated_again() -> None:
    """A run that was killed after rotating, or somebody else's rotation: the password in force is taken."""
    world = World()
    branch = world.root()
    old = connect(world, branch.id).endpoints.password
    world.rotate(branch.id)
    theirs = connect(world, branch.id).endpoints.password
    assert rotate(world, branch.id, old) == theirs
    assert world.writes() == []
    assert rotate(world, branch.id, old, force=True) not in {old, theirs}
    assert world.writes() == [ROTATE]


def test_an_unknown_old_password_rotates() -> None:
    """Without a recorded password there is nothing to compare with, so it is rotated."""
    world = World()
    branch = world.root()
    old = connect(world, branch.id).endpoints.password
    assert rotate(world, branch.id, "") != old


def test_rotating_waits_until_there_is_something_to_rotate() -> None:
    """Without a secret yet the service answers 500, so its coming is waited for first."""
    world = World(pace="time", hibernated=0, transient=0, secret=12)
    branch = world.root()
    assert rotate(world, branch.id, "")
    assert world.writes() == [ROTATE]


def test_a_lost_answer_is_proved_by_the_password() -> None:
    """The rotation was done and its answer lost: the new password is the proof, and nothing is sent again."""
    world = World(pace="time", rotation=5)
    branch = world.root()
    world.seconds += 100
    old = connect(world, branch.id).endpoints.password
    world.fault("POST", "branches/./credentials/rotate", "lose")
    assert rotate(world, branch.id, old) != old
    assert world.writes() == [ROTATE]


@pytest.mark.parametrize("trouble", [{"kind": "cut"}, {"status": 500, "message": "Internal Error (Request ID: req_x)"}])
def test_a_rotation_that_did_not_happen_is_asked_for_again(trouble: dict[str, Any]) -> None:
    """The password stays: the request never arrived or was refused, so it is sent again."""
    world = World()
    branch = world.root()
    old = connect(world, branch.id).endpoints.password
    world.fault("POST", "branches/./credentials/rotate", **trouble)
    assert rotate(world, branch.id, old) != old
    assert world.writes() == [ROTATE, ROTATE]


def test_a_rotation_that_never_happens_is_told() -> None:
    """Bounded attempts, and the message says that the old password is in force."""
    world = World()
    branch = world.root()
    old = connect(world, branch.id).endpoints.password
    world.fault("POST", "branches/./credentials/rotate", "cut", times=99)
    with pytest.raises(LifecycleError, match="is still the old one"):
        rotate(world, branch.id, old)
    assert len(world.writes()) == 4


def test_a_new_password_that_never_comes() -> None:
    """The deadline names what is missing; the next run takes the new password without rotating again."""
    world = World(pace="time", rotation=1000)
    branch = world.root()
    world.seconds += 100
    old = connect(world, branch.id).endpoints.password
    with pytest.raises(NotReadyError, match="after 60 s"):
        rotate(world, branch.id, old, seconds=60)
    world.seconds += 1000
    world.calls.clear()
    assert rotate(world, branch.id, old) != old
    assert world.writes() == []


@pytest.mark.parametrize("number", range(4))
def test_somebody_else_rotates_at_the_same_time(number: int) -> None:
    """Between any two requests: what is returned is the password in force, and not the old one."""
    world = World()
    branch = world.root()
    old = connect(world, branch.id).endpoints.password
    base = len(world.calls)
    world.meddle = lambda call: world.rotate(branch.id) if call == base + number else None
    new = rotate(world, branch.id, old)
    world.meddle = lambda _call: None
    assert new != old
    assert new == connect(world, branch.id).endpoints.password


@pytest.mark.parametrize("number", range(5))
def test_a_branch_that_is_deleted_while_rotating(number: int) -> None:
    """Between any two requests: it is said that somebody deleted the branch, and no password is in the error."""
    world = World(pace="time", rotation=8)
    branch = world.root()
    world.seconds += 100
    old = connect(world, branch.id).endpoints.password
    base = len(world.calls)
    world.meddle = lambda call: world.delete(branch.id) if call == base + number else None
    with pytest.raises(GoneError) as caught:
        rotate(world, branch.id, old)
    assert old not in "".join(traceback.format_exception(caught.value))
