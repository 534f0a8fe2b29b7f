"""The project as Pulumi calls it, against the stand-in in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from components.resource import ProviderError
from components.xata import project as projects
from components.xata.project import ProjectInputs, ProjectProvider
from components.xata.provider import (
    BranchConnectionProvider,
    BranchProvider,
    BranchSettingsProvider,
)
from tests.components.xata.branches_world import ORGANIZATION, World
from tests.components.xata.managed import (
    Managed,
    branch_inputs,
)

if TYPE_CHECKING:
    from components.resource import Provider


def project_inputs(**changes: Any) -> dict[str, Any]:
    """The inputs of a project."""
    return {
        "organization": ORGANIZATION,
        "name": "farm",
        "scaleToZeroBaseEnabled": True,
        "scaleToZeroBaseMinutes": 30,
        "scaleToZeroChildEnabled": False,
        "scaleToZeroChildMinutes": 45,
        "adopt": "",
        **changes,
    }


def test_a_project_is_made_and_shows_no_change(world: World) -> None:
    """Its defaults are on the server, and a refresh shows nothing."""
    project = Managed(ProjectProvider)
    assert project.up(**project_inputs()) == "create"
    halves = world.other.project(ORGANIZATION, project.id).configuration.scale_to_zero
    assert (halves.base_branches.enabled, halves.base_branches.minutes) == (True, 30)
    assert (halves.child_branches.enabled, halves.child_branches.minutes) == (False, 45)
    assert project.outputs["projectId"] == project.id
    assert project.refresh()
    assert project.plan(**project_inputs()) == "same"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "print farm"),
        ("scaleToZeroBaseEnabled", False),
        ("scaleToZeroBaseMinutes", 60),
        ("scaleToZeroChildEnabled", True),
        ("scaleToZeroChildMinutes", 60),
        ("adopt", "prj_" + "0" * 26),
    ],
)
@pytest.mark.usefixtures("world")
def test_each_input_of_a_project_is_changed_in_place(key: str, value: Any) -> None:
    """The id stays, the other half of the defaults stays, and then nothing is left to do."""
    project = Managed(ProjectProvider)
    project.up(**project_inputs())
    first, changed = project.id, project_inputs(**{key: value})
    assert project.up(**changed) == "update"
    assert project.id == first
    assert project.refresh()
    assert project.plan(**changed) == "same"
    assert project.refresh()
    assert project.plan(**project_inputs()) == "update"


def test_a_project_changed_by_others_is_healed(world: World) -> None:
    """Renamed and reset: drift in two inputs, set back by the next run."""
    project = Managed(ProjectProvider)
    project.up(**project_inputs())
    projects.update_project(
        world.other,
        ORGANIZATION,
        project.id,
        ProjectInputs.of(
            {**project_inputs(name="other"), "scaleToZeroBaseEnabled": False, "scaleToZeroChildMinutes": 45}
        ),
    )
    assert project.refresh()
    assert project.inputs["name"] == "other"
    assert project.inputs["scaleToZeroBaseEnabled"] is False
    assert project.up(**project_inputs()) == "update"
    assert world.other.project(ORGANIZATION, project.id).name == "farm"


def test_a_deleted_project_is_gone(world: World) -> None:
    """A refresh says so; whatever else goes wrong fails it."""
    project = Managed(ProjectProvider)
    project.up(**project_inputs())
    world.fault("GET", "project", status=403, message="access denied")
    with pytest.raises(ProviderError):
        project.refresh()
    world.other.delete_project(ORGANIZATION, project.id)
    assert not project.refresh()


def test_a_project_is_deleted_only_when_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is as persistent as its branches."""
    project = Managed(ProjectProvider)
    project.up(**project_inputs())
    with pytest.raises(ProviderError, match="INFRA_ALLOW_DELETE"):
        project.provider.delete(project.id, project.outputs)
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "farm")
    project.down()
    assert "farm" not in {one.name for one in world.other.projects(ORGANIZATION)}


@pytest.mark.parametrize("kind", [ProjectProvider, BranchProvider, BranchSettingsProvider, BranchConnectionProvider])
def test_without_a_key_the_error_names_the_variable(
    kind: type[Provider[Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key comes from the environment alone."""
    monkeypatch.delenv("XATA_API_KEY", raising=False)
    assert "key" not in " ".join(kind.inputs.names()).lower()
    with pytest.raises(ProviderError, match="XATA_API_KEY"):
        kind().create({**branch_inputs(), "projectId": "p", "branchId": "b", "readyTimeoutSeconds": 1})
