"""Whether a Worker could be told another password now, asked without changing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloud_sandbox.cloudflare.settings import READ, Token
from components import errors
from components.worker import changes
from components.worker.names import Target
from tests.components.worker.workers_world import ACCOUNT, SCRIPT, TARGET, TOKEN, World

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "postgresql://xata:P4ss@host.example/app"


@pytest.fixture
def world() -> World:
    """An app with its secret."""
    made = World()
    made.deploy_app()
    changes.put(made.client, TARGET, {"DATABASE_URL": URL})
    made.calm()
    return made


def _rollout(world: World) -> None:
    world.upload_version()
    newest, before = (version.id for version in list(world.other.versions(ACCOUNT, SCRIPT))[:2])
    account = world.service.world
    account.deploy(account.worker(SCRIPT), ((before, 50.0), (newest, 50.0)), source="api", annotations={})


REFUSALS: dict[str, tuple[Callable[[World], None], type[errors.ApiError]]] = {
    "a version that is not deployed": (World.upload_version, errors.UndeployedVersionError),
    "two versions share the traffic": (_rollout, errors.UndeployedVersionError),
    "the service is down": (lambda world: world.fault(status=500, times=0), errors.UnavailableError),
}


def test_a_worker_that_can_be_told_is_left_as_it_is(world: World) -> None:
    """Three calls, and not one version more."""
    before = len(list(world.other.versions(ACCOUNT, SCRIPT)))
    assert changes.require(world.client, TARGET)
    assert len(list(world.other.versions(ACCOUNT, SCRIPT))) == before
    assert world.values() == {"DATABASE_URL": URL}
    assert [request.partition(" ")[0] for request in world.requests] == ["GET", "GET", "DELETE"]


@pytest.mark.parametrize("cause", REFUSALS)
def test_what_a_change_would_meet_is_met_before_it(world: World, cause: str) -> None:
    """The same error as that of the change, and nothing is changed."""
    spoil, error = REFUSALS[cause]
    spoil(world)
    with pytest.raises(error):
        changes.require(world.client, TARGET)
    with pytest.raises(error):
        changes.put(world.client, TARGET, {"DATABASE_URL": "other"})
    assert world.values() == {"DATABASE_URL": URL}


@pytest.mark.parametrize(
    ("token", "target"),
    [
        (Token(token=TOKEN, permissions=(READ,)), TARGET),
        (Token(token=TOKEN), Target(account="f" * 32, script=SCRIPT)),
        (Token(token=TOKEN, status="disabled"), TARGET),
    ],
)
def test_a_token_that_may_not_write_is_refused(token: Token, target: Target) -> None:
    """Reading alone is not enough, nor is another account."""
    world = World()
    world.deploy_app()
    object.__setattr__(world.service, "settings", World(tokens=(token,)).service.settings)
    with pytest.raises(errors.PermissionDeniedError):
        changes.require(world.client, target)


def test_a_worker_that_is_not_there_has_nothing_to_lose() -> None:
    """Nor has one without code."""
    world = World()
    assert not changes.require(world.client, TARGET)
    world.service.world.create(SCRIPT)
    assert not changes.require(world.client, TARGET)
