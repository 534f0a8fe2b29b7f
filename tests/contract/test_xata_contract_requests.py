"""What the client asks for, judged by the service's own OpenAPI document."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from components.errors import ApiError
from components.http.service import Operation
from components.xata.api import client as api
from components.xata.api.client import Client
from components.xata.api.models import (
    BackupConfiguration,
    BranchCreation,
    BranchPatch,
    ClusterConfiguration,
    ProjectCreation,
    ProjectPatch,
    ProjectScaleToZero,
    Restore,
    ScaleToZero,
)
from tests.contract.document import judge, needs_document
from tests.contract.standin import KEY, LOCAL, ORGANIZATION, StandIn
from tests.contract.tour import IMAGE, REGION, SIZE

if TYPE_CHECKING:
    import httpx

pytestmark = needs_document

ASLEEP = ScaleToZero(enabled=True, minutes=15)
BACKUP = BackupConfiguration(retention_days=7, time="*:02:30")
SIZED = ClusterConfiguration(image=IMAGE, region=REGION, instance_type=SIZE, replicas=1, storage=250)
OPERATIONS = [one for one in vars(api).values() if isinstance(one, Operation)]


@cache
def _requests() -> list[httpx.Request]:
    """Every method of the client, with every field that it can send."""
    recorder = StandIn().recorded()
    client = Client(key=KEY, base_url=LOCAL, transport=recorder, budget_seconds=0)
    _catalogue(client)
    halves = ProjectScaleToZero(base_branches=ScaleToZero(enabled=False, minutes=30), child_branches=ASLEEP)
    project = client.create_project(ORGANIZATION, ProjectCreation(name="one", scale_to_zero=halves)).id
    client.update_project(ORGANIZATION, project, ProjectPatch(name="two", scale_to_zero=halves))
    client.project(ORGANIZATION, project)
    with suppress(ApiError):  # not implemented by the service
        client.project_limits(ORGANIZATION, project)
    _branches(client, project)
    client.delete_project(ORGANIZATION, project)
    client.close()
    return recorder.requests


def _catalogue(client: Client) -> None:
    client.organizations()
    client.regions(ORGANIZATION)
    client.instance_types(ORGANIZATION, REGION)
    client.images(ORGANIZATION)
    client.images(ORGANIZATION, REGION)
    client.organization_limits(ORGANIZATION)
    client.default_project_limits(ORGANIZATION)
    client.projects(ORGANIZATION)


def _branches(client: Client, project: str) -> None:
    root = BranchCreation(
        name="main", configuration=SIZED, description="infra stack x", scale_to_zero=ASLEEP, backup_configuration=BACKUP
    )
    main = client.create_branch(ORGANIZATION, project, root).id
    child = BranchCreation(name="a/b é", parent_id=main, description="x", scale_to_zero=ASLEEP)
    made = client.create_branch(ORGANIZATION, project, child).id
    for patch in (
        BranchPatch(name="child", description="y", scale_to_zero=ASLEEP, backup_configuration=BACKUP),
        BranchPatch(instance_type=SIZE, replicas=2, storage=250),
        BranchPatch(image=IMAGE),
        BranchPatch(hibernate=True),
        BranchPatch(hibernate=False),
    ):
        client.update_branch(ORGANIZATION, project, made, patch)
    client.branches(ORGANIZATION, project)
    client.branch(ORGANIZATION, project, made)
    client.credentials(ORGANIZATION, project, main)
    client.rotate_credentials(ORGANIZATION, project, main)
    client.backup(ORGANIZATION, project, main)
    restore = Restore(
        name="back", description="z", configuration=SIZED, scale_to_zero=ASLEEP, backup_configuration=BACKUP
    )
    back = client.restore(ORGANIZATION, project, main, restore).id
    for branch in (back, made, main):
        client.delete_branch(ORGANIZATION, project, branch)


def test_every_request_is_one_of_the_document() -> None:
    """[G1] Each method's path, query and body, with all fields it can send, is as the document says; no exceptions."""
    problems = {str(one) for request in _requests() for one in judge().of_request(request)}
    assert not problems


def test_every_request_carries_the_key_and_an_id() -> None:
    """Each request names the key in the one header that is for it, and itself by an id; the address holds neither."""
    identifiers = set()
    for request in _requests():
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert KEY not in str(request.url)
        identifiers.add(request.headers["x-request-id"])
    assert len(identifiers) == len(_requests())


def test_every_operation_was_asked_for() -> None:
    """No operation of the client is left out of the comparison."""
    asked = {judge().operation(request) for request in _requests()}
    assert "" not in asked
    assert len(asked) == len(OPERATIONS)
    sent = {(request.method, request.url.path.count("/")) for request in _requests()}
    assert sent == {(one.method, one.path.count("/")) for one in OPERATIONS}


def test_scopes_are_those_of_the_document() -> None:
    """What the client says a key must be allowed is what the document says."""
    wanted = {judge().operation(request): judge().scopes(request) for request in _requests()}
    assert all(wanted.values())
    assert sorted(one.permission for one in OPERATIONS) == sorted(
        scope for scopes in wanted.values() for scope in scopes
    )
