"""Many previews at once in one project, each made as a run of its own makes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from components.xata.api.client import Client
from components.xata.branches.create import Ensured, ensure_branch
from components.xata.branches.credentials import Ready, connect_when_ready, renew
from components.xata.branches.place import Place
from components.xata.branches.remove import delete_branch
from components.xata.inputs import BranchIdentity
from tests.contract.served import served
from tests.contract.standin import KEY, ORGANIZATION, StandIn
from tests.contract.tour import REGION, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 50
REQUESTS_PER_HOUR = 5000
"""The vendor's limit, as its gateway's published configuration has it."""


@pytest.fixture
def standin() -> Iterator[tuple[StandIn, Place, Client]]:
    """A stand-in with the limits of a paying organization, whose root branch was made long ago."""
    made = StandIn(limits={}, pace="time", hibernated=0.2, transient=0.3, secret=0.1)
    http = made.http()
    project = http.post(f"/organizations/{ORGANIZATION}/projects", json={"name": "one"}).json()["id"]
    root = {"name": "main", "mode": "custom", "configuration": ROOT}
    http.post(f"/organizations/{ORGANIZATION}/projects/{project}/branches", json=root).raise_for_status()
    made.service.world.advance(3700)
    made.service.log.clear()
    with served(made.service) as url:
        client = Client(key=KEY, base_url=url)
        yield made, Place(organization=ORGANIZATION, project=project), client
        client.close()


def test_fifty_previews_at_once_are_fifty_branches(standin: tuple[StandIn, Place, Client]) -> None:
    """[E1] Each gets a branch, an id and a password that it was not made with, within limits; all can be deleted."""
    made, place, client = standin

    def whole(number: int) -> tuple[Ensured, Ready]:
        spec = BranchIdentity(name=f"pr-{number}", stack=f"pr-{number}", region=REGION, parent="main")
        ensured = ensure_branch(client, place, spec)
        born = connect_when_ready(client, place, ensured.branch.id)
        ready = renew(client, place, born)
        assert ready.endpoints.password != born.endpoints.password
        return ensured, ready

    def delete(number: int) -> bool:
        ensured, _ = found[number - 1]
        return delete_branch(client, place, ensured.branch.id, name=f"pr-{number}", environment={})

    with ThreadPoolExecutor(COUNT) as pool:
        found = list(pool.map(whole, range(1, COUNT + 1)))
        calls = made.service.log.listed()
        assert len({ensured.branch.id for ensured, _ in found}) == COUNT
        assert len({ready.endpoints.password for _, ready in found}) == COUNT
        assert len({ready.endpoints.direct.host for _, ready in found}) == COUNT
        made_branches = [one for one in calls if one["method"] == "POST" and one["path"].endswith("/branches")]
        assert sum(call["status"] == 201 for call in made_branches) == COUNT
        assert len(calls) <= REQUESTS_PER_HOUR
        assert {call["status"] for call in calls} <= {200, 201, 204, 404, 409}  # 409: the project is busy, asked again
        assert {one.name for one in made.branches(place.project)} == {"main", *(f"pr-{n}" for n in range(1, COUNT + 1))}
        assert all(pool.map(delete, range(1, COUNT + 1)))
    assert {one.name for one in made.branches(place.project)} == {"main"}


def test_fifty_runs_of_one_preview_are_one_branch(standin: tuple[StandIn, Place, Client]) -> None:
    """[E1] However many ask for the same branch at the same moment, one is made and all get it."""
    made, place, client = standin
    spec = BranchIdentity(name="pr-1", stack="pr-1", region=REGION, parent="main")
    with ThreadPoolExecutor(COUNT) as pool:
        found = list(pool.map(lambda _: ensure_branch(client, place, spec), range(COUNT)))
    assert len({one.branch.id for one in found}) == 1
    assert sum(not one.adopted for one in found) == 1
    assert [one.name for one in made.branches(place.project)].count("pr-1") == 1
