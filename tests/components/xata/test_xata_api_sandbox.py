"""The client against the stand-in of the service: every method's good path, and what faults on the way make of it."""

from __future__ import annotations

import random
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import httpx
import pytest

from cloud_sandbox.faults import Fault
from cloud_sandbox.transport import handler
from cloud_sandbox.xata.databases import NoDatabases
from cloud_sandbox.xata.service import Service
from cloud_sandbox.xata.settings import DEFAULT_ORGANIZATION, Key, Settings
from components import errors
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

if TYPE_CHECKING:
    from cloud_sandbox.xata.settings import Edition

KEY = "xau_SandboxKeyOfTheTests"
ORGANIZATION = DEFAULT_ORGANIZATION
REGION = "us-east-1"
EDITIONS: tuple[Edition, ...] = ("april", "june", "august", "current")


class World:
    """A stand-in, a client of it, and one clock for both."""

    def __init__(self, *, edition: Edition = "current", status_prefix: bool = True, keys: tuple[Key, ...] = ()) -> None:
        self.time = 1_800_000_000.0
        settings = Settings(edition=edition, status_prefix=status_prefix, keys=keys or (Key(token=KEY),))
        self.service = Service(
            settings,
            databases=NoDatabases(),
            clock=lambda: self.time,
            sleep=self.sleep,
            source=random.Random(4),  # noqa: S311 - a throw-away stand-in that a test can repeat
        )
        self.client = Client(
            key=KEY,
            base_url="http://xata.localhost",
            transport=httpx.MockTransport(handler(self.service, sleep=self.sleep)),
            clock=lambda: self.time,
            sleep=self.sleep,
            now=lambda: self.time,
        )

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

    def project(self) -> str:
        """A new project."""
        return self.client.create_project(ORGANIZATION, ProjectCreation(name="app")).id

    def root(self, project: str, name: str = "main") -> str:
        """A new root branch on the first image and size on offer."""
        configuration = ClusterConfiguration(
            image=self.client.images(ORGANIZATION, REGION)[0].name,
            region=REGION,
            instance_type=self.client.instance_types(ORGANIZATION, REGION)[0].name,
        )
        creation = BranchCreation(
            name=name,
            configuration=configuration,
            description="infra stack foundation",
            backup_configuration=BackupConfiguration(retention_days=7, time="*:02:30"),
            scale_to_zero=ScaleToZero(enabled=False, minutes=30),
        )
        return self.client.create_branch(ORGANIZATION, project, creation).id


def _short(fault: Fault) -> str:
    ordered = {name: value for name, value in asdict(fault).items() if value and name not in {"nth", "times"}}
    return " ".join(f"{name} {value}" for name, value in ordered.items())


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("status_prefix", [True, False])
def test_every_method_understands_the_service(edition: Edition, status_prefix: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """From an empty organization to two branches and back, in each published version of the service."""
    world = World(edition=edition, status_prefix=status_prefix)
    client = world.client
    assert [found.id for found in client.organizations()] == [ORGANIZATION]
    assert REGION in {region.id for region in client.regions(ORGANIZATION)}
    assert client.default_project_limits(ORGANIZATION).max_branches >= 100
    project = world.project()
    both = ProjectScaleToZero(
        base_branches=ScaleToZero(enabled=False, minutes=30), child_branches=ScaleToZero(enabled=True, minutes=15)
    )
    assert client.update_project(ORGANIZATION, project, ProjectPatch(scale_to_zero=both)).id == project
    assert client.project(ORGANIZATION, project).configuration.scale_to_zero == both
    assert [found.id for found in client.projects(ORGANIZATION)] == [project]

    root = world.root(project)
    child = client.create_branch(ORGANIZATION, project, BranchCreation(name="staging", parent_id=root))
    assert child.parent_id == root
    assert {found.name for found in client.branches(ORGANIZATION, project)} == {"main", "staging"}
    found = client.branch(ORGANIZATION, project, root)
    assert (found.status.kind, found.region, found.parent_id) == ("healthy", REGION, None)
    assert found.backup_configuration == BackupConfiguration(retention_days=7, time="*:02:30")
    assert client.update_branch(ORGANIZATION, project, root, BranchPatch(description="ours", replicas=1)).id == root
    assert client.branch(ORGANIZATION, project, root).configuration.replicas == 1

    before = client.credentials(ORGANIZATION, project, root)
    assert (before.hostname is not None) == (edition in {"august", "current"})
    client.rotate_credentials(ORGANIZATION, project, root)
    assert client.credentials(ORGANIZATION, project, root).password != before.password
    assert client.backup(ORGANIZATION, project, root).branch_id == root
    restored = client.restore(ORGANIZATION, project, root, Restore(name="again"))
    assert restored.parent_id == root

    assert [client.delete_branch(ORGANIZATION, project, id_) for id_ in (restored.id, child.id, root)] == [True] * 3
    assert client.delete_branch(ORGANIZATION, project, root) is False
    assert client.delete_project(ORGANIZATION, project) is True
    with pytest.raises(errors.NotFoundError):
        client.project(ORGANIZATION, project)


def test_limits_are_told_by_the_versions_that_know_them() -> None:
    """Where a version has no such operation the error says that, and not that something is gone."""
    assert World(edition="june").client.organization_limits(ORGANIZATION).max_branches_per_hour > 0
    with pytest.raises(errors.NotOfferedError):
        World(edition="april").client.organization_limits(ORGANIZATION)
    for edition in ("april", "june"):
        world = World(edition=edition)
        with pytest.raises(errors.NotOfferedError):
            world.client.project_limits(ORGANIZATION, world.project())


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(status=status) for status in (408, 429, 500, 502, 503, 504)),
        Fault(status=429, retry_after="2"),
        Fault(status=503, retry_after="30"),
        Fault(cut="before"),
        Fault(cut="in"),
        Fault(lose_answer=True),
        Fault(delay=26.0),
    ],
    ids=_short,
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_one_fault_is_not_seen_by_reads_and_deletes(method: str, fault: Fault) -> None:
    """Whatever goes wrong once, before or after the work, the outcome is the same."""
    world = World()
    project = world.project()
    branch = world.root(project)
    world.service.faults.add(fault)
    if method == "GET":
        assert world.client.branch(ORGANIZATION, project, branch).id == branch
    else:
        assert world.client.delete_branch(ORGANIZATION, project, branch) is True
        assert world.client.branches(ORGANIZATION, project) == []


@pytest.mark.parametrize(
    "fault", [Fault(cut="in"), Fault(lose_answer=True), Fault(malformed=True), Fault(delay=66.0)], ids=_short
)
def test_a_create_whose_answer_is_lost_is_made_once(fault: Fault) -> None:
    """The error says that the outcome is open, and the service has seen one create."""
    world = World()
    project = world.project()
    world.root(project)
    world.service.faults.add(replace(fault, method="POST"))
    with pytest.raises(errors.AmbiguousError):
        world.root(project, name="second")
    assert sorted(found.name for found in world.client.branches(ORGANIZATION, project)) == ["main", "second"]


def test_a_missing_permission_is_named() -> None:
    """A key that may read and not write learns the scope it lacks."""
    world = World(keys=(Key(token=KEY, scopes=("project:read", "org:read")),))
    assert world.client.projects(ORGANIZATION) == []
    with pytest.raises(errors.PermissionDeniedError, match="lacks the scope project:write"):
        world.project()
