"""Whatever happens between any two requests: an answer in words, nothing twice, and the next run converges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from components.errors import InfraError
from components.xata.branches import credentials, settings
from components.xata.branches.create import ensure_branch
from components.xata.branches.ready import wait_until_healthy
from components.xata.branches.remove import delete_branch
from components.xata.inputs import BranchIdentity, Settings
from tests.components.xata.branches_world import REGION, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NAME = "pr-7"
MARK = "infra stack pr-7"
SPEC = BranchIdentity(name=NAME, stack=NAME, region=REGION, parent="main")
WANTED = Settings(description=MARK, backup_retention_days=7, replicas=1)


def create(world: World) -> str:
    """Ensure the preview; its id."""
    return ensure_branch(world.client, world.place, SPEC, clock=world.clock).branch.id


def whole(world: World) -> None:
    """The life of a deployment: create, set, wait, connect, rotate."""
    branch_id = create(world)
    settings.apply(world.client, world.place, branch_id, WANTED, timeout_seconds=300, clock=world.clock)
    wait_until_healthy(world.client, world.place, branch_id, timeout_seconds=300, clock=world.clock)
    old = credentials.connect_when_ready(
        world.client, world.place, branch_id, timeout_seconds=300, clock=world.clock
    ).endpoints.password
    credentials.rotate(world.client, world.place, branch_id, old_password=old, timeout_seconds=300, clock=world.clock)


def outcome(world: World) -> InfraError | None:
    """Run a deployment; the error it ends in, which says what to do next."""
    try:
        whole(world)
    except InfraError as error:
        caught = error
    else:
        return None
    assert caught.message
    assert caught.next_step
    return caught


def remove(world: World) -> None:
    """Delete what create made, if it is there."""
    for name, branch_id in world.there().items():
        if name == NAME:
            delete_branch(world.client, world.place, branch_id, name=NAME, environment={}, clock=world.clock)


def new_world(**chosen: Any) -> World:
    """A world in which things take time."""
    world = World(pace="time", hibernated=1, transient=2, secret=1, rotation=2, **chosen)
    world.root()
    world.seconds += 1000
    return world


def after(world: World, number: int) -> None:
    """What holds after any accident: one more run, and everything is there once and as declared."""
    world.faults.clear()
    world.meddle = lambda _number: None
    for _ in range(2):
        whole(world)
    names = [branch.name for branch in world.other.branches(world.place.organization, world.place.project)]
    assert names.count("main") == 1, number
    assert names.count(NAME) == 1, number
    assert settings.differences(WANTED, world.read(world.there()[NAME])) == {}
    remove(world)
    assert NAME not in world.there()


@pytest.mark.parametrize("edition", ["april", "june", "august", "current"])
@pytest.mark.parametrize("prefix", [False, True])
def test_every_edition_of_the_service(edition: str, prefix: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """The same life with each published version, and with both spellings of the state."""
    world = new_world(edition=edition, status_prefix=prefix)
    whole(world)
    after(world, 0)


def _sampled(names: Iterable[str]) -> list[Any]:
    """Each name and each request in every run, all pairs in thorough ones: the state machine mixes them anyway."""
    return [
        pytest.param(name, number, marks=[] if (number + index) % 4 == 0 else [pytest.mark.thorough])
        for number in range(16)
        for index, name in enumerate(names)
    ]


@pytest.mark.parametrize(("what", "number"), _sampled(["delete", "rename", "sleep", "rotate"]))
def test_somebody_else_between_any_two_requests(what: str, number: int) -> None:
    """Deleted, renamed, put to sleep or rotated: an answer in words or a result, and the next run converges."""
    world = new_world()
    acts: dict[str, Callable[[str], None]] = {
        "delete": world.delete,
        "rename": lambda branch_id: world.change(branch_id, name="kept"),
        "sleep": lambda branch_id: world.change(branch_id, hibernate=True),
        "rotate": lambda branch_id: world.rotate(branch_id) if world.has_secret(branch_id) else None,
    }

    def meddle(call: int) -> None:
        if call == number and NAME in world.there():
            acts[what](world.there()[NAME])

    world.meddle = meddle
    error = outcome(world)
    assert error is None or what in {"delete", "rename"}, error
    if "kept" in world.there():
        world.delete(world.there()["kept"])
    after(world, number)


TROUBLE: dict[str, dict[str, Any]] = {
    "cut": {"kind": "cut"},
    "lost": {"kind": "lose"},
    "always lost": {"kind": "lose", "times": 10_000},
    "500": {"status": 500, "message": "Internal Error (Request ID: req_x)"},
    "always 500": {"status": 500, "message": "Internal Error (Request ID: req_x)", "times": 10_000},
    "503": {"status": 503, "message": "Service temporarily unavailable.", "headers": {"Retry-After": "30"}},
    "429": {"status": 429, "message": "slow down"},
    "409": {"status": 409, "message": "branch [x] was modified concurrently, please retry"},
    "no JSON": {"status": 200, "body": {"unexpected": [1]}},
    "401": {"status": 401, "message": "invalid token"},
}


@pytest.mark.parametrize(("trouble", "number"), _sampled(TROUBLE))
def test_trouble_at_any_request(number: int, trouble: str) -> None:
    """Every fault at every request: an answer in words or a result, bounded, and the next run converges."""
    world = new_world()

    def meddle(call: int) -> None:
        if call == number:
            method = world.calls[-1].partition(" ")[0]
            world.fault(method, ".*", **TROUBLE[trouble])

    world.meddle = meddle
    before = len(world.calls)
    outcome(world)
    assert len(world.calls) - before < 300
    after(world, number)


class Killed(BaseException):
    """The process ends, without a chance to tidy up."""


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("number", range(16))
def test_killed_at_any_request(number: int, done: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """D13: the run ends before or after any request: the next one makes nothing twice and leaves nothing behind."""
    world = new_world()

    def meddle(call: int) -> None:
        if call == number:
            if done:
                world.carry_out_last()
            raise Killed

    world.meddle = meddle
    with pytest.raises(Killed):
        whole(world)
    after(world, number)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("number", range(4))
def test_killed_while_deleting(number: int, done: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """The next run finds it gone, or deletes it."""
    world = new_world()
    create(world)
    base = len(world.calls)

    def meddle(call: int) -> None:
        if call == base + number:
            if done:
                world.carry_out_last()
            raise Killed

    world.meddle = meddle
    with pytest.raises(Killed):
        remove(world)
    world.meddle = lambda _number: None
    remove(world)
    assert list(world.there()) == ["main"]
