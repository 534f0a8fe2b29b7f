"""The gateway and the states of a branch: asleep, waking, copied, gone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Entrance, FakeRoutes

WAIT_SECONDS = 30


def looks_of(routes: FakeRoutes, monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """A semaphore that is released each time the gateway looks at a branch."""
    looks, route = threading.Semaphore(0), routes.route

    def counted(branch_id: str) -> Any:
        looks.release()
        return route(branch_id)

    monkeypatch.setattr(routes, "route", counted)
    return looks


def held_until(
    entrance: Entrance, monkeypatch: pytest.MonkeyPatch, branch: str, release: Callable[[], object]
) -> psycopg.Connection[Any]:
    """Connect to a branch, see that the gateway looks at it again and again, then let it be ready."""
    looks = looks_of(entrance.routes, monkeypatch)
    with ThreadPoolExecutor(1) as pool:
        connecting = pool.submit(entrance.connect, branch)
        for _ in range(3):
            assert looks.acquire(timeout=WAIT_SECONDS)
        assert not connecting.done()
        release()
        return connecting.result(WAIT_SECONDS)


def test_a_sleeping_branch_is_woken(entrance: Entrance) -> None:
    """A connection to a branch that sleeps for want of use wakes it and gets in."""
    branch = entrance.create()
    entrance.routes.states[branch] = "asleep"
    with entrance.connect(branch) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
    assert entrance.routes.woken == [branch]


def test_a_connection_is_held_while_its_branch_gets_ready(entrance: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits and gets in when the branch is ready."""
    branch = entrance.create()
    states = entrance.routes.states
    states[branch] = "not-ready"
    with held_until(entrance, monkeypatch, branch, lambda: states.update({branch: "ready"})) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_is_held_while_its_branch_is_copied(entrance: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ready branch lets nobody in while a child is made of it."""
    branch = entrance.create()
    hold = entrance.branches.holds.hold(branch)
    hold.__enter__()
    with held_until(entrance, monkeypatch, branch, lambda: hold.__exit__(None, None, None)) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("not-ready", "branch is reactivating, please retry"),
        ("manually-asleep", "branch is hibernated, reactivate it to continue"),
    ],
)
def test_a_branch_that_does_not_get_ready_is_refused(entrance: Entrance, state: Any, text: str) -> None:
    """The hold has an end, and a branch put to sleep by hand is not woken at all."""
    branch = entrance.create()
    entrance.routes.states[branch] = state
    entrance.gateway._hold_seconds = 0
    with pytest.raises(psycopg.OperationalError, match=text):
        entrance.connect(branch)
    assert entrance.routes.woken == []


def test_a_held_connection_ends_when_its_branch_goes(entrance: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a branch that was deleted."""
    branch = entrance.create()
    states = entrance.routes.states
    states[branch] = "not-ready"
    with pytest.raises(psycopg.OperationalError, match=f"branch not found: {branch}"):
        held_until(entrance, monkeypatch, branch, lambda: states.update({branch: "gone"}))


def test_sessions_end_with_their_branch(entrance: Entrance) -> None:
    """When a branch's database goes, its sessions are told so by Postgres, and others go on."""
    branch, other = entrance.create(), entrance.create()
    with entrance.connect(branch) as session, entrance.connect(other) as neighbour:
        entrance.branches.databases.drop(branch)
        entrance.end(branch)
        with pytest.raises(psycopg.errors.AdminShutdown):
            session.execute("SELECT 1")
        assert neighbour.execute("SELECT 1").fetchone() == (1,)


def test_the_gateway_ends_sessions_by_itself(entrance: Entrance) -> None:
    """The sessions of a branch end at the gateway's word too."""
    branch = entrance.create()
    with entrance.connect(branch) as session:
        entrance.end(branch)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT pg_sleep(60)")


def test_an_open_session_keeps_its_branch_in_use(entrance: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that asks nothing is use all the same, as on the service."""
    branch = entrance.create()
    touched = threading.Semaphore(0)
    monkeypatch.setattr(entrance.routes, "touch", lambda _: touched.release())
    with entrance.connect(branch):
        for _ in range(3):
            assert touched.acquire(timeout=WAIT_SECONDS)
