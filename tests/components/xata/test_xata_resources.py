"""The Xata resources on the embedded engine, in processes of their own, against the stand-in over a socket."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import pulumi_embedded as engine
from cloud_sandbox.xata.databases import NoDatabases
from cloud_sandbox.xata.service import Service
from cloud_sandbox.xata.settings import Key, Settings
from components.xata.api.client import Client
from components.xata.api.models import BranchCreation, ClusterConfiguration, ProjectCreation
from pulumi_embedded.values import UNKNOWN
from tests.components.xata.branches_world import IMAGE, KEY, ORGANIZATION, REGION, TYPE
from tests.contract.served import served
from tests.engine.stack import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).parent / "programs" / "branch"

BRANCH: dict[str, Any] = {
    "organization": ORGANIZATION,
    "project": "warehouse-manager",
    "name": "staging",
    "stack": "staging",
    "region": REGION,
    "parent": "main",
}
SETTINGS: dict[str, Any] = {
    "description": "infra stack staging",
    "scale_to_zero_enabled": True,
    "scale_to_zero_minutes": 30,
    "backup_retention_days": 7,
    "backup_time": "*:02:30",
}
CONNECTION: dict[str, Any] = {"rotation": "", "ready_timeout_seconds": 60}


class Stack:
    """A stack with one branch, and the stand-in it is made at."""

    def __init__(self, folder: Path, api: str) -> None:
        self.folder, self.api, self.seen = folder, api, Recorder()
        self.other = Client(key=KEY, base_url=api)
        shutil.copytree(PROGRAM, folder / "project", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "project" / "components").symlink_to(PROJECT / "components")  # whose providers are the project's own
        self.xata_project = self.other.create_project(ORGANIZATION, ProjectCreation(name="warehouse-manager")).id
        root = ClusterConfiguration(image=IMAGE, region=REGION, instance_type=TYPE, replicas=0)
        self.other.create_branch(ORGANIZATION, self.xata_project, BranchCreation(name="main", configuration=root))
        self.want()

    def want(
        self,
        *,
        protect: bool = False,
        branch: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        connection: dict[str, Any] | None = None,
    ) -> None:
        """Write what the program declares: the usual, with these changes."""
        wanted = {
            "protect": protect,
            "branch": BRANCH | (branch or {}),
            "settings": SETTINGS | (settings or {}),
            "connection": CONNECTION | (connection or {}),
        }
        (self.folder / "wanted.json").write_text(json.dumps(wanted))

    def want_nothing(self) -> None:
        """Let the program declare nothing."""
        (self.folder / "wanted.json").write_text("{}")

    def run(self, kind: engine.Kind, *, refresh: bool = True, **environment: str) -> engine.Result:
        """Run, and remember what was reported."""
        self.seen = Recorder()
        request = engine.Request(
            kind=kind,
            project_folder=self.folder / "project",
            stack="dev",
            backend_url=f"file://{self.folder}",
            passphrase="correct horse",
            refresh=refresh,
            environment={
                "WANTED": str(self.folder / "wanted.json"),
                "XATA_API_BASE_URL": self.api,
                "XATA_API_KEY": KEY,
                **environment,
            },
        )
        return engine.run(request, self.seen)

    def up(self) -> engine.Result:
        """Bring the stack up; the result is a success."""
        result = self.run("up")
        assert result.succeeded, result.errors
        return result

    def there(self) -> dict[str, str]:
        """The names of the branches there are, with their ids."""
        return {branch.name: branch.id for branch in self.other.branches(ORGANIZATION, self.xata_project)}

    def calls(self) -> list[str]:
        """The calls since the last look, as methods and paths."""
        found = httpx.get(f"{self.api}/sandbox/calls").json()["calls"]
        httpx.delete(f"{self.api}/sandbox/calls")
        return [f"{call['method']} {call['path']}" for call in found]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack whose stand-in is served from a thread."""
    service = Service(Settings(organization=ORGANIZATION, keys=(Key(token=KEY),)), databases=NoDatabases())
    with served(service) as api:
        made = Stack(tmp_path, api)
        yield made
        made.other.close()


def _steps(stack: Stack) -> set[str]:
    return set(stack.seen.steps())


def _nothing(result: engine.Result) -> bool:
    changes = result.changes
    return result.succeeded and not (changes.create or changes.update or changes.replace or changes.delete)


def _plan(stack: Stack) -> tuple[engine.Result, set[str]]:
    """Preview, and make sure that it wrote nothing."""
    stack.calls()
    result = stack.run("preview")
    assert {call.split()[0] for call in stack.calls()} <= {"GET"}
    return result, _steps(stack)


def test_rotation_is_planned_as_another_url(stack: Stack) -> None:
    """The plan says that the connection string will be another one, and it is; a setting leaves it known."""
    first = stack.up()
    stack.want(settings={"backup_retention_days": 14})
    planned, steps = _plan(stack)
    assert steps == {"update settings"}
    assert planned.outputs["url"].value == first.outputs["url"].value
    stack.want(connection={"rotation": "2026-Q4"})
    planned, steps = _plan(stack)
    assert steps == {"update connection"}
    assert planned.outputs["url"].value == UNKNOWN
    assert stack.up().outputs["url"].value != first.outputs["url"].value
    assert _nothing(stack.up())


def test_a_rename_behind_our_back_is_healed_with_the_id_kept(stack: Stack) -> None:
    """The branch gets its name back, and what hangs on its id is not planned to change."""
    first = stack.up()
    httpx.patch(
        f"{stack.api}/organizations/{ORGANIZATION}/projects/{stack.xata_project}/branches/{stack.there()['staging']}",
        json={"name": "mine"},
        headers={"Authorization": f"Bearer {KEY}"},
    ).raise_for_status()
    stack.run("refresh")
    planned, steps = _plan(stack)
    assert steps == {"update branch"}
    assert planned.outputs["url"].value == first.outputs["url"].value
    assert stack.up().outputs["branchId"].value == stack.there()["staging"] == first.outputs["branchId"].value


def test_a_branch_deleted_behind_our_back_is_made_again(stack: Stack) -> None:
    """The refresh finds all three gone, and the next up makes them."""
    first = stack.up()
    stack.other.delete_branch(ORGANIZATION, stack.xata_project, stack.there()["staging"])
    assert stack.run("refresh").changes.delete == 3
    second = stack.up()
    assert second.changes.create == 3
    assert second.outputs["branchId"].value == stack.there()["staging"] != first.outputs["branchId"].value


def test_nothing_deletes_a_protected_branch(stack: Stack) -> None:
    """Neither destroy nor a program without it; unprotected, the provider still refuses, until it is named."""
    stack.want(protect=True)
    stack.up()
    assert not stack.run("destroy").succeeded
    stack.want_nothing()
    assert not stack.run("up").succeeded
    stack.want()
    stack.up()
    refused = stack.run("destroy")
    assert not refused.succeeded
    assert "INFRA_ALLOW_DELETE=staging" in " ".join(refused.errors)
    assert "staging" in stack.there()
    assert stack.run("destroy", INFRA_ALLOW_DELETE="staging").succeeded
    assert stack.there().keys() == {"main"}
