"""A dev stack in Docker, while Docker does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from components.postgres.choice import Record, write_record
from operations import out_of_reach
from operations.engines import pulumi_cli, recorded
from operations.engines.recorded import Recorded
from operations.errors import ChangesRefusedError
from operations.workspace import Workspace
from pulumi_embedded.state import PendingOperation, ResourceState, Snapshot
from stacks.config import read
from stacks.home import record_file
from tests.operations.doubles import FakeEngine

if TYPE_CHECKING:
    from pathlib import Path

CONTAINER = Recorded(name="database-container", kind="container:Container", called="db")
VOLUME = Recorded(name="database-volume", kind="volume:Volume", called="db-data", retain=True)
URN = "urn:pulumi:dev::infra::"
STACK = f"{URN}pulumi:pulumi:Stack::infra-dev"
DOCKER = f"{URN}docker:index/container:Container::database-container"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A stack whose database was put into a container, and whose daemon is gone."""
    (tmp_path / "Pulumi.yaml").write_text("name: infra\nruntime: python\n")
    made = Workspace(
        folder=tmp_path,
        stack="dev",
        backend_url=f"file://{tmp_path}/state",
        passphrase="test",
        environ={"DOCKER_HOST": f"unix://{tmp_path}/no.sock", "PULUMI_HOME": str(tmp_path)},
    )
    record = Record(home="docker", because="a Docker daemon answers", docker_port=15432, clone="here")
    write_record(record_file(tmp_path, {"PULUMI_BACKEND_URL": made.backend_url}), record)
    (tmp_path / "state").mkdir(exist_ok=True)
    return made


def leave(workspace: Workspace, kind: Any, *, yes: bool = True, database: str = "auto") -> FakeEngine:
    """Let what cannot be reached be left."""
    engine = FakeEngine(there=(VOLUME, CONTAINER))
    out_of_reach.leave(engine, workspace, read("dev", {"infra:database": database}), kind, yes=yes)
    return engine


@pytest.mark.parametrize(("kind", "database"), [("destroy", "auto"), ("destroy", "docker"), ("up", "embedded")])
def test_what_cannot_be_reached_is_named_and_left(
    workspace: Workspace, kind: str, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stack is moved or taken down without its daemon, and what is left can be removed by name."""
    assert leave(workspace, kind, database=database).asked == ["drop docker"]
    said = capsys.readouterr().err
    assert "the Docker container db and the volume with its data db-data cannot be reached, because" in said
    assert "docker rm --force db; docker volume rm db-data" in said


def test_nothing_is_left_without_consent(workspace: Workspace) -> None:
    """Without --yes nothing is forgotten, and both ways are named."""
    with pytest.raises(ChangesRefusedError, match="nothing was changed") as caught:
        leave(workspace, "destroy", yes=False)
    assert "./infra destroy STACK --yes" in caught.value.next_step


@pytest.mark.parametrize("yes", [True, False])
def test_a_refresh_forgets_nothing(workspace: Workspace, *, yes: bool) -> None:
    """What is only looked at is not left, and the command that leaves it is named."""
    with pytest.raises(ChangesRefusedError, match="cannot be reached") as caught:
        leave(workspace, "refresh", yes=yes, database="embedded")
    assert "./infra up STACK --yes" in caught.value.next_step


@pytest.mark.parametrize(("kind", "database"), [("up", "auto"), ("refresh", "auto"), ("up", "docker")])
def test_what_stays_in_docker_is_not_forgotten(workspace: Workspace, kind: str, database: str) -> None:
    """A run that is to work on the container waits for its daemon."""
    assert leave(workspace, kind, database=database).asked == []


def test_a_plugin_s_resources_are_taken_out_of_a_state(workspace: Workspace) -> None:
    """They go with their provider, every mention of them and the note of one that was cut off; the rest stays."""
    provider = f"{URN}pulumi:providers:docker::default"
    role = ResourceState(urn=f"{URN}pulumi-python:dynamic/postgres:DockerRole::r", type="role", dependencies=[DOCKER])
    role.property_dependencies = {"containerId": [DOCKER]}
    gone = ResourceState(urn=DOCKER, type="docker:index/container:Container", provider=f"{provider}::1", parent=STACK)
    there = [
        ResourceState(urn=STACK, type="pulumi:pulumi:Stack", custom=False),
        ResourceState(urn=provider, type="pulumi:providers:docker", id="1"),
        gone,
        role,
    ]
    opened = recorded.store(workspace, "test")
    opened.save(Snapshot(resources=there, pending_operations=[PendingOperation(resource=gone, type="creating")]))
    recorded.drop(workspace, "test", "docker", lock_timeout=1)
    left = recorded.store(workspace, "test").load()
    assert [one.type for one in left.resources] == ["pulumi:pulumi:Stack", "role"]
    assert left.resources[1].dependencies == []
    assert left.pending_operations == []
    exported = {
        "resources": [
            {"urn": provider, "type": "pulumi:providers:docker"},
            {"urn": DOCKER, "type": gone.type},
            {"urn": role.urn, "type": "role", "dependencies": [DOCKER], "propertyDependencies": {"a": [DOCKER]}},
        ],
        "pending_operations": [{"resource": {"type": gone.type}, "type": "creating"}],
    }
    assert pulumi_cli.without(exported, "docker") == {
        "resources": [{"urn": role.urn, "type": "role", "dependencies": [], "propertyDependencies": {"a": []}}],
        "pending_operations": [],
    }
