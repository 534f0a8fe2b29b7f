"""Projects: list, create, read, change, delete."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from cloud_sandbox.wire import Reply
from cloud_sandbox.xata import bodies, messages, rules, shapes
from cloud_sandbox.xata.models import Project
from cloud_sandbox.xata.policy import may_see
from cloud_sandbox.xata.world import MICRO, Call, World

HOUR = 3600 * MICRO


def require_enabled(world: World, call: Call) -> None:
    """Refuse writes of a disabled organization. Deleting and reading stay possible."""
    if world.organization(call.organization).status != "enabled":
        raise messages.organization_disabled(call.organization)


def list_projects(world: World, call: Call) -> Reply:
    """GET …/projects: since June only what the key may see."""
    with world.mutex:
        own = [one for one in world.projects.values() if one.organization == call.organization and not one.terminated]
        if not world.settings.is_april:
            own = [one for one in own if may_see(one.id, call.key.projects)]
        return Reply(body={"projects": [shapes.project(one) for one in own]})


def get_project(world: World, call: Call) -> Reply:
    """GET …/projects/{projectID}."""
    with world.mutex:
        return Reply(body=shapes.project(world.project(call.organization, call.project)))


def _check_limits(world: World, organization: str) -> None:
    limits = rules.limits(world.settings, world.organization(organization))
    owned = [one for one in world.projects.values() if one.organization == organization]
    most, hourly = limits["maxProjects"], limits["maxProjectsPerHour"]
    if most and sum(not one.terminated for one in owned) >= most:
        raise messages.project_limit(organization, most)
    if hourly and sum(one.created > world.now - HOUR for one in owned) >= hourly:
        raise messages.project_rate(organization, hourly)


def _check_name(world: World, organization: str, name: str, *, but: str = "") -> None:
    rules.check_stored(name)
    for other in world.projects.values():
        same = other.organization == organization and other.name == name and not other.terminated
        if same and other.id != but:
            raise messages.project_exists(name)


def create_project(world: World, call: Call) -> Reply:
    """POST …/projects: limits before the name."""
    require_enabled(world, call)
    body = bodies.read(call.request, bodies.PROJECT, loose=True)
    configuration = body.get("configuration") or {}
    scale, filtering = configuration.get("scaleToZero", {}), configuration.get("ipFiltering") or {}
    name = body.get("name", "")
    with world.mutex:
        _check_limits(world, call.organization)
        if not name:
            raise messages.bad_project_name(name)
        _check_name(world, call.organization, name)
        now = world.now
        project = Project(
            id=world.identifier("prj"),
            organization=call.organization,
            name=name,
            created=now,
            updated=now,
            base=rules.project_scale(scale.get("baseBranches")),
            child=rules.project_scale(scale.get("childBranches")),
            filtering=filtering.get("enabled", False),
            cidrs=rules.cidrs(filtering.get("cidr") or []),
        )
        world.projects[project.id] = project
        return Reply(status=201, body=shapes.project(project))


def update_project(world: World, call: Call) -> Reply:
    """PATCH …/projects/{projectID}: a change of the address filter takes the project's lock."""
    require_enabled(world, call)
    body = bodies.read(call.request, bodies.PROJECT)
    if body.get("name") is None and body.get("configuration") is None:
        text = "at least one of the request fields needs to be set"
        raise messages.invalid("all", text, project=call.project)
    filtering = (body.get("configuration") or {}).get("ipFiltering")
    with ExitStack() as locks:
        if filtering is not None:
            locks.enter_context(world.project_lock(call.project))
        locks.enter_context(world.mutex)
        project = (
            _filtered_project(world, call) if filtering is not None else world.project(call.organization, call.project)
        )
        if body.get("name") is not None:
            _check_name(world, call.organization, body["name"], but=project.id)
        _change(world, project, body)
        return Reply(body=shapes.project(project))


def _filtered_project(world: World, call: Call) -> Project:
    """The project of a change of the address filter, which lists the branches first and says so when it fails."""
    try:
        return world.project(call.organization, call.project)
    except messages.RefusedError as refusal:
        raise messages.RefusedError(refusal.status, f"listing branches: {refusal}") from refusal


def _change(world: World, project: Project, body: dict[str, Any]) -> None:
    """Write what was given. Half a scale-to-zero resets the other half; an empty configuration touches the time."""
    configuration = body.get("configuration") or {}
    scale, filtering = configuration.get("scaleToZero"), configuration.get("ipFiltering")
    if body.get("name") is not None:
        project.name = body["name"]
    if scale is not None:
        project.base = rules.project_scale(scale.get("baseBranches"))
        project.child = rules.project_scale(scale.get("childBranches"))
    if filtering is not None:
        project.filtering = filtering.get("enabled", False)
        if filtering.get("cidr") is not None:
            project.cidrs = rules.cidrs(filtering["cidr"])
    project.updated = world.now


def delete_project(world: World, call: Call) -> Reply:
    """DELETE …/projects/{projectID}: refused while it has branches, and fine when it is deleted already."""
    with world.mutex:
        if world.branches_of(call.project):
            raise messages.project_not_empty(call.project)
        project = world.projects.get(call.project)
        if project is None or project.organization != call.organization:
            raise messages.project_not_found(call.project)
        project.terminated = True
    return Reply(status=204)
