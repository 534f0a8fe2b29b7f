"""Projects: ensured, set and deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import (
    AmbiguousError,
    BusyError,
    GoneError,
    LifecycleError,
    MissingError,
    NotFoundError,
    RefusedError,
)
from components.xata.api.models import ProjectCreation, ProjectPatch, ProjectScaleToZero, ScaleToZero
from components.xata.branches.clock import SYSTEM, Deadline
from components.xata.branches.ownership import ALLOW_DELETE, allowed_names, marked_stack
from components.xata.branches.ready import pause_after
from components.xata.branches.remove import confirm_gone
from components.xata.branches.settle import settle

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from components.xata.api.client import Client
    from components.xata.api.models import Project
    from components.xata.branches.clock import Clock
    from components.xata.branches.settings import Differences
    from components.xata.inputs import ProjectInputs

PATCH_ATTEMPTS = 5
READ_BACK_SECONDS = 10.0

_OFF = ScaleToZero(enabled=False, minutes=30)


@dataclass(frozen=True, kw_only=True)
class EnsuredProject:
    """A project, and whether it was there before."""

    project: Project
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


def _find(client: Client, organization: str, spec: ProjectInputs) -> Project | None:
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


def _taken_over(client: Client, organization: str, project: Project, spec: ProjectInputs, clock: Clock) -> Project:
    if spec.adopt != project.id and not _is_ours(client, organization, project):
        raise RefusedError(
            f"a project {project.name!r} exists already and none of its branches is ours: id {project.id}, "
            f"created {project.created_at:%Y-%m-%d %H:%M} UTC",
            next_step=f"to take it over, give adopt={project.id}; to use it as it is, set infra:project to that id "
            "and leave out the foundation",
        )
    return update_project(client, organization, project.id, spec, clock=clock)


def _is_ours(client: Client, organization: str, project: Project) -> bool:
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


def project_differences(spec: ProjectInputs, project: Project) -> Differences:
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


def _halves(project: Project) -> tuple[ScaleToZero, ScaleToZero]:
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
) -> Project:
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


def _read_back(client: Client, organization: str, project_id: str, spec: ProjectInputs, clock: Clock) -> Project:
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


def _read(client: Client, organization: str, project_id: str) -> Project:
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
