"""The foundation, for teams that let the program own it: the Xata project and its root branch `main`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pulumi

from components.errors import ConfigurationError
from components.xata.branches.names import is_project_id
from components.xata.project import Project, ProjectInputs
from stacks import cloud
from stacks.outputs import export

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stacks.settings import FoundationSettings


def program(settings: FoundationSettings, folder: Path) -> None:
    """Declare the stack.

    Args:
        settings: The stack's configuration.
        folder: The project's folder, where relative paths start.

    Raises:
        ConfigurationError: The project is given by an id, so it is not this program's to make.
    """
    project = Project(
        "project",
        ProjectInputs(
            organization=cloud.organization(settings),
            name=project_name(settings),
            scale_to_zero_base_enabled=settings.sleeps_when_idle,
            scale_to_zero_base_minutes=settings.scale_to_zero_minutes,
            scale_to_zero_child_enabled=settings.sleeps_when_idle,
            scale_to_zero_child_minutes=settings.scale_to_zero_minutes,
            adopt=settings.adopt_project,
        ),
        pulumi.ResourceOptions(protect=settings.protect, retain_on_delete=settings.protect),
    )
    # The id, not the output of the same value: previews know it, whatever else changes on the project.
    database = cloud.xata_database(settings, folder, project=project.id, root=True)
    check = cloud.database_check(settings, database)
    cloud.guard(settings, database, after=[check], project=project)
    export(cloud.outputs(settings, database, check))


def project_name(settings: FoundationSettings, environment: Mapping[str, str] = os.environ) -> str:
    """What the project to make is called.

    Raises:
        ConfigurationError: An id is given instead.
    """
    given = cloud.project(settings, environment)
    if is_project_id(given):
        raise ConfigurationError(
            f"the foundation makes a Xata project by name, and the project is given by the id {given}",
            next_step="leave the foundation out, since the project exists; or set infra:project to its name, and "
            f"infra:adoptProject to {given} to let the program own it",
        )
    return given
