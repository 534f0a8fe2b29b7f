"""Whatever happens at any call: an answer in words, nothing of others touched, and the next run converges."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from components.errors import InfraError
from components.worker import changes
from tests.components.worker.workers_world import ACCOUNT, SCRIPT, TARGET, KilledError, World

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = {"DATABASE_URL": "old", "GOES": "away"}
NEW = {"DATABASE_URL": "new", "COMES": "along"}
MOST_CALLS = 8


def nothing(world: World) -> None:
    """No Worker."""


def draft(world: World) -> None:
    """Our draft, with the secrets of an earlier run."""
    changes.put(world.client, TARGET, OLD)


def app(world: World) -> None:
    """The app, with the secrets of an earlier run, and one of somebody else's."""
    world.deploy_app(ENVIRONMENT="staging")
    world.other.put_secret(ACCOUNT, SCRIPT, "THEIRS", "t")
    changes.put(world.client, TARGET, OLD)


BEGINNINGS: dict[str, Callable[[World], None]] = {found.__name__: found for found in (nothing, draft, app)}


def begin(name: str) -> World:
    """A world that begins so; calls are counted from here."""
    world = World()
    BEGINNINGS[name](world)
    world.calm()
    return world


def put(world: World) -> None:
    """One run of the deployment."""
    changes.put(world.client, TARGET, NEW, gone=["GOES"])


def remove(world: World) -> None:
    """One run of the destruction."""
    changes.remove(world.client, TARGET, [*OLD, *NEW])


def attempt(world: World, run: Callable[[World], None]) -> InfraError | None:
    """Run; the error it ends in, which says what to do next."""
    try:
        run(world)
    except KilledError:
        return None
    except InfraError as error:
        caught = error
    else:
        return None
    assert caught.message
    assert caught.next_step
    return caught


def theirs(name: str) -> dict[str, str]:
    """The secrets that are somebody else's."""
    return {"THEIRS": "t"} if name == "app" else {}


def require_set(world: World, name: str) -> None:
    """What holds after one more run."""
    world.calm()
    put(world)
    assert world.values() == {**NEW, **theirs(name)}
    assert world.main_module() == ("app.mjs" if theirs(name) else "draft.mjs")


def require_removed(world: World, name: str) -> None:
    """What holds after one more destruction: our draft is gone, the app of others is not."""
    world.calm()
    remove(world)
    assert world.there() == ({SCRIPT} if theirs(name) else set())
    assert not theirs(name) or world.values() == theirs(name)


@pytest.mark.parametrize("name", BEGINNINGS)
@pytest.mark.parametrize("moment", ["kill_before", "kill_after"])
@pytest.mark.parametrize("number", range(MOST_CALLS))
def test_killed_at_any_call_while_setting(name: str, moment: str, number: int) -> None:
    """[D13] The next run sets what is declared, and destroying leaves nothing of ours."""
    world = begin(name)
    setattr(world, moment, number)
    attempt(world, put)
    require_set(world, name)
    require_removed(world, name)


@pytest.mark.parametrize("name", BEGINNINGS)
@pytest.mark.parametrize("moment", ["kill_before", "kill_after"])
@pytest.mark.parametrize("number", range(MOST_CALLS))
def test_killed_at_any_call_while_removing(name: str, moment: str, number: int) -> None:
    """[D13] The next destruction finishes the work; a deployment instead sets everything again."""
    world = begin(name)
    setattr(world, moment, number)
    attempt(world, remove)
    require_removed(world, name)
    require_set(world, name)


@pytest.mark.parametrize("name", BEGINNINGS)
def test_the_sweep_reaches_every_call(name: str) -> None:
    """Whoever makes more calls makes the sweep longer."""
    for run in (put, remove):
        world = begin(name)
        run(world)
        assert 0 < len(world.requests) <= MOST_CALLS


TROUBLE: dict[str, dict[str, Any]] = {
    "429": {"status": 429, "retry_after": "3"},
    "429 without a time": {"status": 429},
    "500": {"status": 500},
    "503": {"status": 503},
    "cut before": {"cut": "before"},
    "cut in": {"cut": "in"},
    "lost": {"lose_answer": True},
    "malformed": {"malformed": True},
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", BEGINNINGS)
@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("number", range(1, MOST_CALLS + 1))
@pytest.mark.parametrize("run", [put, remove])
def test_trouble_once_at_any_call(run: Callable[[World], None], name: str, trouble: str, number: int) -> None:
    """Most of it is not even seen; the rest is told, and the next run converges."""
    world = begin(name)
    world.fault(nth=number, **TROUBLE[trouble])
    attempt(world, run)
    require_set(world, name)
    require_removed(world, name)


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "POST", "DELETE"])
def test_trouble_that_stays_ends_in_words(trouble: str, method: str) -> None:
    """[D2][D5] A service that never recovers is told within the budget, and heals with the next run."""
    for name in BEGINNINGS:
        for run in (put, remove):
            world = begin(name)
            world.fault(method=method, times=0, **TROUBLE[trouble])
            before = world.time
            attempt(world, run)
            assert world.time - before <= 300
            require_set(world, name)
            require_removed(world, name)


MEDDLERS: dict[str, Callable[[World], object]] = {
    "deleted": lambda world: world.other.delete_script(ACCOUNT, SCRIPT),
    "deployed": lambda world: world.deploy_app(),
    "uploaded": lambda world: world.upload_version() if world.there() else None,
    "secret": lambda world: world.other.put_secret(ACCOUNT, SCRIPT, "GOES", "back") if world.there() else None,
}


@pytest.mark.parametrize("name", BEGINNINGS)
@pytest.mark.parametrize("what", MEDDLERS)
@pytest.mark.parametrize("number", range(MOST_CALLS))
def test_somebody_else_between_any_two_calls(name: str, what: str, number: int) -> None:
    """Deleted, deployed, uploaded or set by others: a result or an error in words, and the next run converges."""
    world = begin(name)

    def meddle(call: int) -> None:
        if call == number:
            MEDDLERS[what](world)

    world.meddle = meddle
    attempt(world, put)
    world.calm()
    if world.there() and what in {"uploaded", "deployed"}:  # the app's newest version is to be deployed first
        world.deploy_app()
    put(world)
    assert {key: world.values().get(key) for key in NEW} == NEW
    assert "GOES" not in world.values()


@pytest.mark.parametrize("seed", range(40))
def test_a_random_mixture_converges(seed: int) -> None:
    """[D14] Faults, kills and meddlers in any order, repeatable by the seed."""
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    name = chance.choice(sorted(BEGINNINGS))
    world = begin(name)
    for _ in range(chance.randrange(1, 6)):
        world.requests.clear()
        for _ in range(chance.randrange(3)):
            world.fault(nth=chance.randrange(1, 9), **TROUBLE[chance.choice(sorted(TROUBLE))])
        world.kill_before, world.kill_after = chance.randrange(-1, 9), chance.randrange(-1, 9)
        attempt(world, chance.choice([put, remove]))
    require_set(world, name)
    require_removed(world, name)
