"""What client and life cycle rely on, asked of the stand-in, and of the real service where a key for it is given.

Against the real service one branch `pr-<number>` is made in the project, as a child of a root branch, and deleted.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from components.errors import ConflictError, InvalidError, NotFoundError, RefusedError, UnauthorizedError
from components.xata.api.client import Client
from components.xata.api.models import BranchCreation, BranchPatch
from components.xata.branches.clock import SYSTEM, Clock
from components.xata.branches.create import ensure_branch
from components.xata.branches.credentials import connect_when_ready, rotate
from components.xata.branches.ownership import mark, marked_stack
from components.xata.branches.place import Place, find_organization, find_project
from components.xata.branches.remove import delete_branch
from components.xata.branches.settings import apply
from components.xata.inputs import BranchIdentity, Settings
from tests.contract.deviations import DEVIATIONS
from tests.contract.document import VARIABLE, Recorder, judge
from tests.contract.standin import KEY, LOCAL, ORGANIZATION, StandIn
from tests.contract.tour import REGION, ROOT, UNKNOWN_BRANCH, UNKNOWN_PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from components.xata.api.models import BranchSummary

PROJECT = "contract-tests"
URL_VARIABLE, KEY_VARIABLE = "XATA_API_BASE_URL", "XATA_API_KEY"
REAL = bool(os.environ.get(URL_VARIABLE) and os.environ.get(KEY_VARIABLE))
REASON = (
    f"set {URL_VARIABLE} (https://api.xata.tech) and {KEY_VARIABLE}; XATA_PROJECT_ID names the project where a branch"
    f" pr-<number> is made and deleted, else {PROJECT} is used"
)
PLACES = [
    "stand-in",
    pytest.param(
        "real", marks=[pytest.mark.xata, pytest.mark.skipif(not REAL, reason=REASON), pytest.mark.timeout(1800)]
    ),
]
OURS = "contract-test"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Where a test works: a client, a project with a root branch, and what travelled."""

    client: Client
    place: Place
    root: BranchSummary
    clock: Clock
    recorder: Recorder

    def stranger(self) -> Client:
        """The same service with a key that nobody has."""
        return Client(key="xau_" + "0" * 43, base_url=self.client.base_url, transport=self.recorder)


@pytest.fixture(params=PLACES)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """The stand-in or the real service; every answer is held against the document where there is one."""
    made = _real() if request.param == "real" else _standin()
    yield made
    if os.environ.get(VARIABLE):
        problems = [one for exchange in made.recorder.exchanges for one in judge().of_answer(exchange)]
        assert not {str(one) for one in problems if not any(known.covers(one) for known in DEVIATIONS)}
    made.client.close()


def _standin() -> Ground:
    now = [1_800_000_000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    standin = StandIn(clock=lambda: now[0], sleep=sleep, pace="time")
    http = standin.http()
    project = http.post(f"/organizations/{ORGANIZATION}/projects", json={"name": PROJECT}).json()["id"]
    root = {"name": "main", "mode": "custom", "configuration": ROOT}
    http.post(f"/organizations/{ORGANIZATION}/projects/{project}/branches", json=root).raise_for_status()
    sleep(60)
    recorder = standin.recorded()
    client = Client(key=KEY, base_url=LOCAL, transport=recorder, clock=lambda: now[0], sleep=sleep, now=lambda: now[0])
    clock = Clock(now=lambda: now[0], wall=lambda: now[0], sleep=sleep)
    return _ground(client, Place(organization=ORGANIZATION, project=project), clock, recorder)


def _real() -> Ground:
    recorder = Recorder(httpx.HTTPTransport())
    client = Client(key=os.environ[KEY_VARIABLE], base_url=os.environ[URL_VARIABLE], transport=recorder)
    organization = find_organization(client, os.environ.get("XATA_ORGANIZATION_ID", ""))
    project = find_project(client, organization, os.environ.get("XATA_PROJECT_ID") or PROJECT)
    return _ground(client, Place(organization=organization, project=project.id), SYSTEM, recorder)


def _ground(client: Client, place: Place, clock: Clock, recorder: Recorder) -> Ground:
    roots = [one for one in client.branches(place.organization, place.project) if one.parent_id is None]
    root = min(roots, key=lambda one: (one.name != "main", one.name))
    return Ground(client=client, place=place, root=root, clock=clock, recorder=recorder)


@pytest.fixture
def preview(ground: Ground) -> Iterator[BranchSummary]:
    """A branch of ours, of a name that nobody uses; it is deleted whatever happens."""
    name = f"pr-{random.SystemRandom().randrange(900_000_000, 1_000_000_000)}"
    spec = BranchIdentity(name=name, stack=OURS, region=ground.root.region, parent=ground.root.id)
    made = ensure_branch(ground.client, ground.place, spec, clock=ground.clock)
    try:
        assert not made.adopted
        yield made.branch
    finally:
        delete_branch(ground.client, ground.place, made.branch.id, name=name, environment={}, clock=ground.clock)


def test_the_catalogue_offers_what_the_stacks_ask_for(ground: Ground) -> None:
    """[A1] Regions, images, sizes and limits are told, and our defaults are among them."""
    organization = ground.place.organization
    assert REGION in {one.id for one in ground.client.regions(organization)}
    assert any(one.name.startswith("postgres:18.") for one in ground.client.images(organization))
    assert ground.client.instance_types(organization, ground.root.region)
    limits = ground.client.organization_limits(organization)
    assert limits.max_description_length >= len(mark("production"))
    assert limits.max_branches_per_project > 0


def test_a_preview_lives_and_dies(ground: Ground, preview: BranchSummary) -> None:
    """[A1][A5][A8] A branch is made, found again, gets ready, is set, rotated and deleted, and then it is gone."""
    client, place, clock = ground.client, ground.place, ground.clock
    spec = BranchIdentity(name=preview.name, stack=OURS, region=ground.root.region, parent=ground.root.id)
    again = ensure_branch(client, place, spec, clock=clock)
    assert (again.adopted, again.branch.id) == (True, preview.id)
    ready = connect_when_ready(client, place, preview.id, clock=clock)
    assert marked_stack(ready.branch.description) == OURS
    assert ready.branch.parent_id == ground.root.id
    assert ready.endpoints.direct.sslmode == "require"
    wanted = Settings(scale_to_zero_enabled=True, scale_to_zero_minutes=15)
    if ready.branch.backups_enabled:
        wanted = Settings(backup_retention_days=3, backup_time="*:02:30")
    apply(client, place, preview.id, wanted, clock=clock)
    rotated = rotate(client, place, preview.id, old_password=ready.endpoints.password, clock=clock)
    assert rotated.endpoints.password != ready.endpoints.password
    assert delete_branch(client, place, preview.id, name=preview.name, environment={}, clock=clock)
    with pytest.raises(NotFoundError):
        client.branch(place.organization, place.project, preview.id)
    assert preview.name not in {one.name for one in client.branches(place.organization, place.project)}


def test_a_taken_name_is_a_conflict(ground: Ground, preview: BranchSummary) -> None:
    """[D5] The same create again answers that the name is taken, which is how a lost answer is resolved."""
    creation = BranchCreation(name=preview.name, description=mark(OURS), parent_id=ground.root.id)
    with pytest.raises(ConflictError):
        ground.client.create_branch(ground.place.organization, ground.place.project, creation)


def test_what_is_not_there_is_said_to_be_gone(ground: Ground) -> None:
    """[A9] Unknown branches and projects are not found, and deleting what is gone is no error."""
    organization, project = ground.place.organization, ground.place.project
    with pytest.raises(NotFoundError):
        ground.client.branch(organization, project, UNKNOWN_BRANCH)
    with pytest.raises(NotFoundError):
        ground.client.branches(organization, UNKNOWN_PROJECT)
    with pytest.raises(NotFoundError):
        ground.client.credentials(organization, project, UNKNOWN_BRANCH)
    with pytest.raises((NotFoundError, InvalidError)):
        ground.client.update_branch(organization, project, UNKNOWN_BRANCH, BranchPatch(description="x"))
    assert ground.client.delete_branch(organization, project, UNKNOWN_BRANCH) is False


def test_a_wrong_key_is_refused(ground: Ground) -> None:
    """[D10] A key that nobody has is refused as such, whatever is asked for."""
    stranger = ground.stranger()
    with pytest.raises(UnauthorizedError):
        stranger.projects(ground.place.organization)
    with pytest.raises(UnauthorizedError):
        stranger.branch(ground.place.organization, ground.place.project, ground.root.id)


def test_a_root_branch_is_never_deleted_by_us(ground: Ground) -> None:
    """[F1] What is no preview of ours is refused before anything is asked."""
    with pytest.raises(RefusedError):
        delete_branch(
            ground.client, ground.place, ground.root.id, name=ground.root.name, environment={}, clock=ground.clock
        )
    assert not [one for one in ground.recorder.requests if one.method == "DELETE"]
