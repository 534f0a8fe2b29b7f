"""Projects: declared, ensured, set and deleted.

Module path and class name of the provider are a contract with recorded state.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import override

from components.declared import About, Declared
from components.errors import (
    AmbiguousError,
    BusyError,
    GoneError,
    LifecycleError,
    MissingError,
    NotFoundError,
    RefusedError,
)
from components.resource import Properties, Provider, Resource, state
from components.xata.api.models import ProjectCreation, ProjectPatch, ProjectScaleToZero, ScaleToZero
from components.xata.branches.clock import SYSTEM, Deadline
from components.xata.branches.ownership import ALLOW_DELETE, allowed_names, marked_stack, require_replaceable
from components.xata.branches.ready import pause_after
from components.xata.branches.remove import confirm_gone
from components.xata.branches.settle import settle
from components.xata.inputs import Flag, Minutes, ProjectName, Reference
from components.xata.provider import client_for

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from components.xata.api import models
    from components.xata.api.client import Client
    from components.xata.branches.clock import Clock
    from components.xata.branches.settings import Differences

PATCH_ATTEMPTS = 5
READ_BACK_SECONDS = 10.0

_OFF = ScaleToZero(enabled=False, minutes=30)


class ProjectInputs(Declared):
    """A Xata project. What is None is left to the service: scale-to-zero off, 30 minutes."""

    organization: Annotated[Reference, About("The organization's id.", replaces=True)]
    name: Annotated[ProjectName, About("What it is called; another name renames it.")]
    scale_to_zero_base_enabled: Annotated[
        Flag | None, About("Whether branches without parent sleep when idle, unless they say otherwise.")
    ] = None
    scale_to_zero_base_minutes: Annotated[Minutes | None, About("After how many minutes.")] = None
    scale_to_zero_child_enabled: Annotated[Flag | None, About("The same for branches with a parent.")] = None
    scale_to_zero_child_minutes: Annotated[Minutes | None, About("After how many minutes.")] = None
    adopt: Annotated[str, About("The id of an existing project to take over, whoever made it.")] = ""


class ProjectState(ProjectInputs):
    """A project that was made or taken over. Its id is the resource's id."""

    project_id: str = ""
    created_at: str = ""
    adopted: bool = False
    api: Annotated[str, About("The address of the server it was made at.")] = ""


class ProjectProvider(Provider[ProjectInputs, ProjectState]):
    """A project, and its defaults for branches that are made without settings of their own.

    `adopt` speaks about the moment of birth; a later change of it is recorded and changes nothing on the server.
    """

    delete_before_replace = True  # names are unique in an organization

    @override
    def require_replaceable(self, olds: Properties, news: Properties, replaces: list[str]) -> None:
        require_replaceable("project", olds, news, replaces)

    @override
    def create_resource(self, new: ProjectInputs) -> tuple[str, ProjectState]:
        client = client_for("")
        ensured = ensure_project(client, new.organization, new)
        return ensured.project.id, self._made(client, new, ensured.project, adopted=ensured.adopted)

    @override
    def update_resource(self, resource_id: str, old: ProjectState, new: ProjectInputs) -> ProjectState:
        client = client_for(old.api)
        found = update_project(client, old.organization, resource_id, new)
        return self._made(client, new, found, adopted=old.adopted)

    @override
    def read_resource(self, resource_id: str, old: ProjectState) -> ProjectState | None:
        try:
            found = client_for(old.api).project(old.organization, resource_id)
        except NotFoundError:
            return None
        seen = {name: value for name, (_, value) in project_differences(old, found).items()}
        return ProjectState.of({**old.properties(), **seen})

    @override
    def delete_resource(self, resource_id: str, old: ProjectState) -> None:
        delete_project(client_for(old.api), old.organization, resource_id, name=old.name, environment=os.environ)

    @staticmethod
    def _made(client: Client, new: ProjectInputs, found: models.Project, *, adopted: bool) -> ProjectState:
        created = found.created_at.isoformat()
        return state(ProjectState, new, project_id=found.id, created_at=created, adopted=adopted, api=client.base_url)


class Project(Resource, provider=ProjectProvider, module="xata", name="Project"):
    """A Xata project. Its id is the resource's id."""


@dataclass(frozen=True, kw_only=True)
class EnsuredProject:
    """A project, and whether it was there before."""

    project: models.Project
    adopted: bool


def ensure_project(client: Client, organization: str, spec: ProjectInputs, *, clock: Clock = SYSTEM) -> EnsuredProject:
    """Make the project, or take over the one of this name: empty, with a branch of ours, or named by `adopt`.

    Settings of an adopted project are brought to the specification.

    Raises:
        MissingError: The project to adopt is not there.
        RefusedError: The project is a stranger's, or the one to adopt bears another name.
        LifecycleError: No answer said whether it exists.
    """
    existing = _find(client, organization, spec)
    if existing is not None:
        return EnsuredProject(project=_taken_over(client, organization, existing, spec, clock), adopted=True)
    creation = ProjectCreation(name=spec.name, scale_to_zero=_scale_to_zero(spec, _OFF, _OFF))

    def taken(doubtful: bool) -> EnsuredProject | None:  # noqa: FBT001 - settle() passes it by position
        found = _find(client, organization, spec)
        if found is None:
            return None
        return EnsuredProject(project=_taken_over(client, organization, found, spec, clock), adopted=not doubtful)

    return settle(
        f"the project {spec.name!r}",
        create=lambda: EnsuredProject(project=client.create_project(organization, creation), adopted=False),
        find=taken,
        clock=clock,
    )


def _find(client: Client, organization: str, spec: ProjectInputs) -> models.Project | None:
    projects = client.projects(organization)
    named = [project for project in projects if project.name == spec.name]
    if len(named) > 1:
        ids = ", ".join(sorted(project.id for project in named))
        raise RefusedError(
            f"{len(named)} projects are called {spec.name!r} ({ids}), and which one is meant cannot be told",
            next_step="rename all but one of them",
        )
    found = named[0] if named else None
    if spec.adopt and (found is None or found.id != spec.adopt):
        other = next((project.name for project in projects if project.id == spec.adopt), None)
        if other is None:
            raise MissingError(
                f"the project {spec.adopt} that {spec.name!r} shall take over is not in the organization",
                next_step="correct the id to adopt; or remove it, and a new project is created",
            )
        raise RefusedError(
            f"the project {spec.adopt} that {spec.name!r} shall take over is called {other!r}",
            next_step=f"rename it to {spec.name} in Xata, or correct the id to adopt",
        )
    return found


def _taken_over(
    client: Client, organization: str, project: models.Project, spec: ProjectInputs, clock: Clock
) -> models.Project:
    if spec.adopt != project.id and not _is_ours(client, organization, project):
        raise RefusedError(
            f"a project {project.name!r} exists already and none of its branches is ours: id {project.id}, "
            f"created {project.created_at:%Y-%m-%d %H:%M} UTC",
            next_step=f"to take it over, give adopt={project.id}; to use it as it is, set infra:project to that id "
            "and leave out the foundation",
        )
    return update_project(client, organization, project.id, spec, clock=clock)


def _is_ours(client: Client, organization: str, project: models.Project) -> bool:
    """Empty, so that nothing can be lost, or with a branch that carries our mark; lists leave the mark out."""
    branches = client.branches(organization, project.id)
    for branch in sorted(branches, key=lambda one: (one.parent_id is not None, one.created_at)):
        try:
            description = client.branch(organization, project.id, branch.id).description
        except NotFoundError:
            continue
        if marked_stack(description) is not None:
            return True
    return not branches


def project_differences(spec: ProjectInputs, project: models.Project) -> Differences:
    """Where a project differs from the specification: input name to (declared, found)."""
    base, child = _halves(project)
    found = {
        "name": project.name,
        "scaleToZeroBaseEnabled": base.enabled,
        "scaleToZeroBaseMinutes": base.minutes,
        "scaleToZeroChildEnabled": child.enabled,
        "scaleToZeroChildMinutes": child.minutes,
    }
    declared = spec.properties()
    return {name: (declared[name], seen) for name, seen in found.items() if declared.get(name, seen) != seen}


def _halves(project: models.Project) -> tuple[ScaleToZero, ScaleToZero]:
    scale_to_zero = project.configuration.scale_to_zero
    return scale_to_zero.base_branches, scale_to_zero.child_branches


def _scale_to_zero(spec: ProjectInputs, base: ScaleToZero, child: ScaleToZero) -> ProjectScaleToZero | None:
    """Both halves, the undeclared values as they are: the service resets a half that is left out."""
    if not any(name.startswith("scaleToZero") for name in spec.properties()):
        return None
    return ProjectScaleToZero(
        base_branches=ScaleToZero(
            enabled=base.enabled if spec.scale_to_zero_base_enabled is None else spec.scale_to_zero_base_enabled,
            minutes=base.minutes if spec.scale_to_zero_base_minutes is None else spec.scale_to_zero_base_minutes,
        ),
        child_branches=ScaleToZero(
            enabled=child.enabled if spec.scale_to_zero_child_enabled is None else spec.scale_to_zero_child_enabled,
            minutes=child.minutes if spec.scale_to_zero_child_minutes is None else spec.scale_to_zero_child_minutes,
        ),
    )


def update_project(
    client: Client, organization: str, project_id: str, spec: ProjectInputs, *, clock: Clock = SYSTEM
) -> models.Project:
    """Rename and set a project, and read it back; one read and no write when nothing differs.

    Raises:
        ConflictError: Another project bears the name.
        GoneError: It was deleted.
        LifecycleError: It reads back other values.
    """
    project = _read(client, organization, project_id)
    for attempt in range(1, PATCH_ATTEMPTS + 1):
        found = project_differences(spec, project)
        if not found:
            return project
        patch = ProjectPatch(
            name=spec.name if "name" in found else None,
            scale_to_zero=_scale_to_zero(spec, *_halves(project)) if found.keys() - {"name"} else None,
        )
        try:
            client.update_project(organization, project_id, patch)
        except (AmbiguousError, BusyError):  # a request sets values, so sending it again changes nothing more
            if attempt == PATCH_ATTEMPTS:
                raise
            clock.sleep(attempt)
            project = _read(client, organization, project_id)
        else:
            break
    return _read_back(client, organization, project_id, spec, clock)


def _read_back(client: Client, organization: str, project_id: str, spec: ProjectInputs, clock: Clock) -> models.Project:
    deadline = Deadline(READ_BACK_SECONDS, clock)
    while True:
        project = _read(client, organization, project_id)
        found = project_differences(spec, project)
        if not found:
            return project
        if not deadline.pause(pause_after(deadline.elapsed)):
            named = "; ".join(f"{name}: declared {want!r}, found {have!r}" for name, (want, have) in found.items())
            raise LifecycleError(
                f"the project {project.name!r} ({project_id}) is not what was declared: {named}",
                next_step="run it again; if it stays so, look who else changes the project",
            )


def _read(client: Client, organization: str, project_id: str) -> models.Project:
    try:
        return client.project(organization, project_id)
    except NotFoundError as error:
        raise GoneError(
            f"the project {project_id} is gone, so somebody deleted it: {error.message}",
            next_step="./infra refresh foundation takes note of it, then ./infra up foundation creates it again",
        ) from error


def delete_project(
    client: Client,
    organization: str,
    project_id: str,
    *,
    name: str,
    environment: Mapping[str, str],
    clock: Clock = SYSTEM,
) -> bool:
    """Delete an empty project that `INFRA_ALLOW_DELETE` names, and confirm that it is gone.

    Nobody may be creating a branch in it meanwhile: the service would leave that branch in a deleted project, where no
    request reaches it.

    Returns:
        False when it was gone already.

    Raises:
        RefusedError: It is not named, was renamed, or still holds branches.
        LifecycleError: The service took the request and still shows the project.
    """
    if not require_project_removable(client, organization, project_id, name=name, environment=environment):
        return False
    deleted = client.delete_project(organization, project_id)
    confirm_gone(lambda: client.project(organization, project_id), f"the project {name!r} ({project_id})", clock)
    return deleted


def require_project_removable(
    client: Client,
    organization: str,
    project_id: str,
    *,
    name: str,
    environment: Mapping[str, str],
    leaving: Collection[str] = (),
) -> bool:
    """Ask for everything that keeps a project from being deleted, as `delete_project` does; False when it is gone.

    Args:
        client: The API.
        organization: Its id.
        project_id: Which project.
        name: What it was called when it was made.
        environment: Holds `INFRA_ALLOW_DELETE`.
        leaving: The ids of branches that are deleted before it.

    Raises:
        RefusedError: It is not named, was renamed, or holds other branches.
    """
    _require_allowed(name, environment)
    try:
        project = client.project(organization, project_id)
        _require_allowed(project.name, environment)
        branches = [one for one in client.branches(organization, project_id) if one.id not in leaving]
    except NotFoundError:
        return False
    if branches:
        there = ", ".join(sorted(branch.name for branch in branches))
        raise RefusedError(
            f"the project {project.name!r} ({project_id}) still holds {len(branches)} branches: {there}",
            next_step="delete them first; those that no stack of ours made are deleted where they were made",
        )
    return True


def _require_allowed(name: str, environment: Mapping[str, str]) -> None:
    if name not in allowed_names(environment):
        raise RefusedError(
            f"the project {name!r} is protected: with it everything in it would be gone for good",
            next_step=f"if it may go, name it: {ALLOW_DELETE}={name}",
        )


def require_removable(things: Mapping[str, Mapping[str, Any]]) -> None:
    """Ask whether a stack's project may be deleted, for the guard of its deletion.

    Raises:
        RefusedError: It may not go.
        PermissionDeniedError: The key may not delete it.
        ApiError: The API does not answer, so nothing is known.
    """
    project, leaving = things["project"], [things["branch"]["id"]] if "branch" in things else []
    client, organization, id_ = client_for(project["api"]), project["organization"], project["id"]
    if require_project_removable(
        client, organization, id_, name=project["name"], environment=os.environ, leaving=leaving
    ):
        client.require_changeable(organization, id_)
