"""Changing a branch. All of it or nothing: when the cluster part fails, the name stays as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cloud_sandbox.wire import Reply
from cloud_sandbox.xata import bodies, life, messages, rules, shapes
from cloud_sandbox.xata.branches import ordered_refusal
from cloud_sandbox.xata.messages import ClusterError, RefusedError
from cloud_sandbox.xata.models import Backup, Branch, Cluster
from cloud_sandbox.xata.projects import require_enabled

if TYPE_CHECKING:
    from cloud_sandbox.xata.world import Call, World

CLUSTER_FIELDS = (
    "backupConfiguration",
    "hibernate",
    "image",
    "instanceType",
    "postgresConfigurationParameters",
    "preloadLibraries",
    "replicas",
    "scaleToZero",
    "storage",
)
NEEDS_CLUSTER = ("postgresConfigurationParameters", "preloadLibraries", "image")
NOT_WITH_IMAGE = ("postgresConfigurationParameters", "instanceType", "preloadLibraries")


def update_branch(world: World, call: Call) -> Reply:
    """PATCH …/branches/{branchID}. `null` is the same as absent."""
    require_enabled(world, call)
    body = bodies.read(call.request, bodies.BRANCH_UPDATE)
    _check_body(world, call, body)
    with world.mutex:
        branch = world.branch(call.organization, call.project, call.branch)
        _check_name(world, branch, body.get("name"))
        try:
            cluster = _change_cluster(world, call, branch, body) if set(body) & set(CLUSTER_FIELDS) else branch.cluster
        except ClusterError as problem:
            raise _refusal(problem, branch.id) from problem
        _write(world, branch, cluster, body)
        return Reply(body=shapes.short(world, branch, public=False))


def _check_body(world: World, call: Call, body: dict[str, Any]) -> None:
    """What is checked before the branch is looked for."""
    branch = call.branch
    if not body:
        text = f"branch [{branch}]: at least one of the request fields needs to be set"
        raise messages.invalid("all", text, branch=branch)
    limits = rules.limits(world.settings, world.organization(call.organization))
    replicas = body.get("replicas")
    if world.settings.is_april:
        if replicas is not None and replicas < 0:
            text = f"branch [{branch}]: cannot set number of replicas to less than 0"
            raise messages.invalid("configuration", text, branch=branch)
    else:
        rules.check_description(world.settings, world.organization(call.organization), body.get("description"))
        if replicas is not None:
            rules.check_replicas(branch, replicas, limits["minInstancesPerBranch"], limits["maxInstancesPerBranch"])
    if world.settings.is_current:
        rules.check_storage_wish(branch, body.get("storage"), limits["maxStorageGBPerBranch"])
    if "image" in body and any(name in body for name in NOT_WITH_IMAGE):
        others = "postgres configuration parameters, instance type, or preload libraries"
        text = f"image cannot be updated together with {others}"
        raise messages.invalid("image", text, branch=branch)
    rules.check_backup(branch, body.get("backupConfiguration"))


def _check_name(world: World, branch: Branch, name: str | None) -> None:
    """An empty name is accepted here; a taken one is not, and its own one is."""
    if name is None:
        return
    rules.check_stored(name)
    if any(other.name == name and other is not branch for other in world.branches_of(branch.project)):
        raise messages.branch_exists(name)


def _refusal(problem: ClusterError, branch: str) -> RefusedError:
    match problem.code:
        case "NotFound":
            return messages.cluster_not_found(branch)
        case "InvalidArgument":
            return messages.invalid("configuration", str(problem), branch=branch)
        case "PermissionDenied":
            return messages.update_forbidden(branch)
        case "Aborted":
            return messages.branch_changed(branch)
        case _:
            return messages.internal(str(problem))


def _change_cluster(world: World, call: Call, branch: Branch, body: dict[str, Any]) -> Cluster:
    """The cluster as it will be; nothing is written yet.

    Raises:
        RefusedError: A value is refused by the service.
        ClusterError: The cluster is gone, or its resource refuses a value.
    """
    changed = replace(branch.cluster)
    size = body.get("instanceType", rules.CUSTOM_SIZE)
    if size != rules.CUSTOM_SIZE:
        _require_size(world, call, branch.id, size)
    if branch.life.gone and (size != rules.CUSTOM_SIZE or any(name in body for name in NEEDS_CLUSTER)):
        raise messages.cluster_not_found(branch.id)
    if world.settings.is_current and body.get("storage", changed.storage) < changed.storage:
        text = f"storage size cannot be decreased (current: {changed.storage} GB)"
        raise messages.invalid("storage", text, branch=branch.id)
    if size != rules.CUSTOM_SIZE:
        changed.size = size
    changed.parameters = changed.parameters | body.get("postgresConfigurationParameters", {})
    changed.libraries = body.get("preloadLibraries", changed.libraries)
    if "backupConfiguration" in body:
        changed.backup = _backup(branch, body["backupConfiguration"])
    if "image" in body:
        try:
            changed.image = world.catalogue.upgrade(body["image"], changed.image)
        except ValueError as error:
            raise messages.invalid("image", str(error), branch=branch.id) from error
    _check_resource(world, call, branch, body)
    changed.replicas = body.get("replicas", changed.replicas)
    changed.storage = body.get("storage", changed.storage)
    if "scaleToZero" in body:
        changed.scale = rules.branch_scale(body["scaleToZero"])
    return changed


def _require_size(world: World, call: Call, branch: str, size: str) -> None:
    limits = rules.limits(world.settings, world.organization(call.organization))
    try:
        world.catalogue.instance_type(size, limits["maxAllowedInstanceType"])
    except ValueError as error:
        text = f"unknown instance type {size}" if world.settings.is_april else str(error)
        raise messages.invalid("configuration", f"branch [{branch}]: {text}", branch=branch) from error


def _backup(branch: Branch, given: dict[str, Any]) -> Backup:
    """The schedule with what was given; the rest stays."""
    rules.check_backups_offered(branch.id, given, offered=branch.cluster.backup is not None)
    present, wish = branch.cluster.backup, rules.backup_wish(given)
    if present is None:
        raise messages.internal("a region with backups has branches without a schedule")
    return Backup(time=wish.time or present.time, days=wish.days or present.days)


def _check_resource(world: World, call: Call, branch: Branch, body: dict[str, Any]) -> None:
    """What only the clusters service refuses."""
    if branch.life.gone:
        raise ClusterError("NotFound", "cluster not found")
    ordered_refusal(call)
    if "storage" in body:
        rules.check_storage(branch.id, body["storage"], branch.cluster.storage, shrinks=world.settings.is_april)
    minutes = rules.branch_scale(body["scaleToZero"]).minutes if "scaleToZero" in body else None
    instances = body["replicas"] + 1 if "replicas" in body else None
    rules.check_resource(branch.id, instances=instances, minutes=minutes)


def _write(world: World, branch: Branch, cluster: Cluster, body: dict[str, Any]) -> None:
    """Commit. Only a name or a description moves the time of the last change."""
    branch.cluster = cluster
    if "name" in body or "description" in body:
        branch.name = body.get("name", branch.name)
        described = body.get("description", branch.description)
        branch.description = (described or None) if world.settings.is_current else described
        branch.updated = world.now
    if body.get("hibernate") is True:
        world.put_to_sleep(branch, by="manual")
    elif body.get("hibernate") is False:
        life.wake(world.settings, branch, world.now)
