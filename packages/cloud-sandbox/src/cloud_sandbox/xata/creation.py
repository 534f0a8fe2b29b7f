"""Creating branches: from a configuration, from a parent, and from a backup.

The order of the checks is the real server's (A caller sees the first one that fails). Everything that touches the
databases happens under the project's lock and before the branch is in the memory: a list during a create does not
show it, and a caller who is gone by then leaves nothing behind. So does a parent that is deleted meanwhile.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Any

from cloud_sandbox.wire import Reply
from cloud_sandbox.xata import bodies, ids, life, messages, rules, shapes
from cloud_sandbox.xata.branches import ordered_refusal, other_wording, source_branch
from cloud_sandbox.xata.catalogue import DEFAULT_LIBRARIES
from cloud_sandbox.xata.messages import ClusterError, RefusedError
from cloud_sandbox.xata.models import Backup, Branch, Cluster, Life, Project, ScaleToZero
from cloud_sandbox.xata.projects import HOUR, require_enabled
from cloud_sandbox.xata.world import MICRO, Call, World

NEW_ORGANIZATION_SECONDS, NEW_ORGANIZATION_BRANCHES = 12 * 3600, 10
ROOT_DEPTH = 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A creation whose request is in order. `origin`: the branch whose data it starts with."""

    body: dict[str, Any]
    region: str
    backups: bool
    parent: str | None
    cluster: dict[str, Any] | None
    origin: str | None
    restores: bool = False


def create_branch(world: World, call: Call) -> Reply:
    """POST …/branches."""
    require_enabled(world, call)
    _require_creation(world)
    with world.mutex:
        _check_new_organization(world, call)
    body, document = bodies.read_branch(call.request)
    _check_common(world, call, body)
    try:
        mode, special = bodies.branch_mode(document)
    except ValueError as error:
        text = f"failed to parse branch creation details - {error}"
        raise messages.invalid("body", text, branch=body["name"]) from error
    with world.mutex:
        if mode == "inherit":
            plan = _plan_child(world, call, body, special.get("parentID", ""))
        else:
            plan = _plan_root(world, call, body, special.get("configuration") or {})
    return _carry_out(world, call, plan)


def restore_backup(world: World, call: Call) -> Reply:
    """POST …/branches/{branchID}/restore: a new child from the source's latest restore point."""
    require_enabled(world, call)
    _require_creation(world)
    body = bodies.read(call.request, bodies.RESTORE)
    _check_common(world, call, body)
    with world.mutex:
        source = source_branch(world, call)
        configuration = body.get("configuration")
        if configuration is None:
            plan = _plan_child(world, call, body, source.id)
        else:
            region = configuration.get("region") or source.region
            if region != source.region:
                text = "restore must be in the same region as the source branch"
                raise messages.invalid("region", text, branch=body["name"])
            plan = _plan_root(world, call, body, {**configuration, "region": region})
    # The clusters service takes image, size and parameters from the parent, whatever the configuration says.
    return _carry_out(world, call, replace(plan, parent=source.id, cluster=None, origin=source.id, restores=True))


def _require_creation(world: World) -> None:
    if world.creation_disabled:
        raise messages.creation_disabled()


def _check_new_organization(world: World, call: Call) -> None:
    organization = world.organization(call.organization)
    existing = len(world.branches_of_organization(call.organization))
    age = float("inf") if organization.created is None else world.now / MICRO - organization.created
    if age < NEW_ORGANIZATION_SECONDS and existing >= NEW_ORGANIZATION_BRANCHES:
        raise messages.new_organization_limit(call.organization)


def _check_common(world: World, call: Call, body: dict[str, Any]) -> None:
    rules.check_description(world.settings, world.organization(call.organization), body.get("description"))
    if not body.get("name"):
        raise messages.invalid("name", "branch name is required")
    rules.check_backup(body["name"], body.get("backupConfiguration"))


def _plan_child(world: World, call: Call, body: dict[str, Any], parent: str) -> Plan:
    if world.child_creation_disabled:
        raise messages.creation_disabled()
    if not parent:
        raise messages.invalid("parentID", "parentId is required for 'inherit' mode", branch=body["name"])
    try:
        found = world.branch(call.organization, call.project, parent)
    except RefusedError as refusal:
        raise other_wording(refusal, parent) from refusal
    backups = _offers_backups(world, call, found.region)
    rules.check_backups_offered(body["name"], body.get("backupConfiguration"), offered=backups)
    return Plan(body=body, region=found.region, backups=backups, parent=parent, cluster=None, origin=parent)


def _offers_backups(world: World, call: Call, name: str) -> bool:
    region = world.catalogue.region(call.organization, name)
    return region is not None and region.backups


def _plan_root(world: World, call: Call, body: dict[str, Any], wanted: dict[str, Any]) -> Plan:
    name = body["name"]
    if not any(wanted.values()) and not any(wanted.get(key) is not None for key in OPTIONAL):
        raise messages.invalid("configuration", "configuration is required for 'custom' mode", branch=name)
    limits = rules.limits(world.settings, world.organization(call.organization))
    if world.settings.is_current:
        rules.check_storage_wish(name, wanted.get("storage"), limits["maxStorageGBPerBranch"])
    _check_replicas(world, name, wanted.get("replicas", 0), limits)
    try:
        image = world.catalogue.image(wanted.get("image", ""))
    except ValueError as error:
        raise messages.invalid("configuration", f"invalid image: {error}", branch=name) from error
    region = world.catalogue.region(call.organization, wanted.get("region", ""))
    if region is None:
        text = f"invalid region: region [{wanted.get('region', '')}] not found"
        raise messages.invalid("configuration", text, branch=name)
    try:
        size = world.catalogue.instance_type(wanted.get("instanceType", ""), limits["maxAllowedInstanceType"]).name
    except ValueError as error:
        raise messages.invalid("instanceType", str(error), branch=name) from error
    cluster = {
        "image": image,
        "size": size,
        "replicas": wanted.get("replicas", 0),
        "libraries": wanted.get("preloadLibraries") or list(DEFAULT_LIBRARIES),
        "parameters": wanted.get("postgresConfigurationParameters", {}),
        "storage": (world.settings.is_current and wanted.get("storage")) or rules.DEFAULT_STORAGE,
    }
    rules.check_backups_offered(name, body.get("backupConfiguration"), offered=region.backups)
    return Plan(body=body, region=region.id, backups=region.backups, parent=None, cluster=cluster, origin=None)


OPTIONAL = ("postgresConfigurationParameters", "preloadLibraries", "storage")


def _check_replicas(world: World, name: str, replicas: int, limits: dict[str, int]) -> None:
    """The older server only refuses less than none; its custom resource refuses more than four."""
    if not world.settings.is_april:
        rules.check_replicas(name, replicas, limits["minInstancesPerBranch"], limits["maxInstancesPerBranch"])
    elif replicas < 0:
        raise messages.invalid("configuration", "number of replicas must be at least zero", branch=name)


def _carry_out(world: World, call: Call, plan: Plan) -> Reply:
    """Under the project's lock: check what depends on others, provision, commit, answer."""
    with world.project_lock(call.project):
        with world.mutex:
            project = world.project(call.organization, call.project)
            branch = _draft(world, call, plan, project)
        try:
            _provision(world, call, plan, branch)
            _commit(world, plan, branch)
        except ClusterError as problem:
            raise _refusal(problem, plan) from problem
    with world.mutex:
        return Reply(status=201, body=shapes.short(world, branch))


def _refusal(problem: ClusterError, plan: Plan) -> RefusedError:
    if problem.code == "NotFound" and plan.parent is not None:
        return messages.cluster_not_found(plan.parent)
    if problem.code == "InvalidArgument":
        return messages.invalid("configuration", str(problem), branch=plan.body["name"])
    if problem.code == "FailedPrecondition" and plan.parent is not None and not plan.restores:
        return messages.parent_unhealthy(plan.parent)
    return messages.internal(str(problem))


def _draft(world: World, call: Call, plan: Plan, project: Project) -> Branch:
    """The branch as it would be; limits, tree and name are checked. The mutex is held."""
    _check_limits(world, call)
    parent = world.branch(call.organization, call.project, plan.parent) if plan.parent else None
    depth = _child_depth(world, parent) if parent else ROOT_DEPTH
    name = plan.body["name"]
    rules.check_stored(name)
    if any(other.name == name for other in world.branches_of(call.project)):
        raise messages.branch_exists(name)
    now = world.now
    branch = Branch(
        id=ids.branch_id(world.source),
        project=call.project,
        name=name,
        parent=plan.parent,
        description=plan.body.get("description") or None,
        region=plan.region,
        depth=depth,
        created=now,
        updated=now,
        cluster=_cluster(world, plan, project),
        life=Life(),
    )
    branch.life.blocked = parent is not None and not plan.restores and not life.is_up(parent.life, now)
    return branch


def _check_limits(world: World, call: Call) -> None:
    limits = rules.limits(world.settings, world.organization(call.organization))
    known = world.branches_of_organization(call.organization)
    most, hourly = limits["maxBranchesPerOrg"], limits["maxBranchesPerHour"]
    if most and sum(not one.terminated for one in known) >= most:
        raise messages.organization_branch_limit(call.organization, most)
    if hourly and sum(one.created > world.now - HOUR for one in known) >= hourly:
        raise messages.branch_rate(call.organization, hourly)
    per_project = limits["maxBranchesPerProject"]
    if len(world.branches_of(call.project)) >= per_project:
        raise messages.project_branch_limit(call.project, None if world.settings.is_april else per_project)


def _child_depth(world: World, parent: Branch) -> int:
    """The root may have any number of children; a child may have so many, and the tree is so deep at most."""
    if parent.depth == ROOT_DEPTH:
        return ROOT_DEPTH + 1
    if parent.depth >= world.settings.max_depth:
        raise messages.too_deep(parent.id, world.settings.max_depth)
    children = sum(one.parent == parent.id for one in world.branches_of(parent.project))
    if children >= world.settings.max_children:
        raise messages.too_many_children(parent.id, world.settings.max_children)
    return parent.depth + 1


def _cluster(world: World, plan: Plan, project: Project) -> Cluster:
    given, default = plan.body.get("scaleToZero"), project.child if plan.parent else project.base
    scale = ScaleToZero(enabled=default.enabled, minutes=default.minutes)
    if given is not None:
        scale = rules.branch_scale(given)
    wanted = plan.cluster
    if wanted is None:
        above = world.branches[plan.parent or ""].cluster
        wanted = {
            "image": above.image,
            "size": above.size,
            "replicas": 0,
            "libraries": list(above.libraries),
            "parameters": dict(above.parameters),
            "storage": above.storage,
        }
    return Cluster(scale=scale, backup=_backup(world, plan), password=ids.password(world.source), **wanted)


def _backup(world: World, plan: Plan) -> Backup | None:
    """The schedule: weekly on Sunday between two and six o'clock when none was given; never the parent's."""
    if not plan.backups:
        return None
    wish = rules.backup_wish(plan.body.get("backupConfiguration"))
    hour, minute = 2 + world.source.randrange(4), world.source.randrange(60)
    return Backup(time=wish.time or f"0:{hour:02d}:{minute:02d}", days=wish.days or rules.DEFAULT_RETENTION)


def _provision(world: World, call: Call, plan: Plan, branch: Branch) -> None:
    """Let the cell build it.

    Raises:
        ClusterError: The clusters service refuses.
        CallerGoneError: The caller is gone; nothing is left behind.
    """
    fault = call.fault
    _require_origin(world, plan)
    if plan.restores and not life.is_restorable(world.branches[plan.origin or ""], world.now):
        raise ClusterError("NotFound", "no continuous backup for source cluster")
    ordered_refusal(call)
    instances = branch.cluster.replicas + 1
    rules.check_resource(branch.id, instances=instances, minutes=branch.cluster.scale.minutes)
    if fault and fault.hold:
        world.sleep(fault.hold)
    try:
        world.databases.create(branch.id, parent_id=plan.origin, password=branch.cluster.password)
    except Exception as error:
        _clean(world, branch)
        _require_origin(world, plan)
        raise ClusterError("Internal", f"the database could not be made: {type(error).__name__}") from error
    if (fault and fault.abort) or call.request.gone():
        _clean(world, branch)
        raise messages.CallerGoneError
    if not branch.life.blocked:
        life.start(world.settings, branch.life, world.now)


def _require_origin(world: World, plan: Plan) -> None:
    """See that the branch whose data it starts with is still there.

    Raises:
        ClusterError: It was deleted, or its cluster is gone.
    """
    origin = world.branches[plan.origin] if plan.origin else None
    if origin is not None and (origin.terminated or origin.life.gone):
        raise ClusterError("NotFound", "cluster not found")


def _commit(world: World, plan: Plan, branch: Branch) -> None:
    """Show the branch to everybody.

    Raises:
        ClusterError: Its origin was deleted meanwhile; nothing is left behind.
    """
    try:
        with world.mutex:
            _require_origin(world, plan)
            world.branches[branch.id] = branch
    except ClusterError:
        _clean(world, branch)
        raise


def _clean(world: World, branch: Branch) -> None:
    with contextlib.suppress(Exception):
        world.databases.drop(branch.id)
