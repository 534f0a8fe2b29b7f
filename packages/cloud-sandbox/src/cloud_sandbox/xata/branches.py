"""Branches: list, read, delete, credentials and their rotation, restore points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloud_sandbox.wire import Reply, moment
from cloud_sandbox.xata import bodies, ids, life, messages, shapes
from cloud_sandbox.xata.accounts import username
from cloud_sandbox.xata.messages import ClusterError, RefusedError
from cloud_sandbox.xata.policy import may_see
from cloud_sandbox.xata.projects import require_enabled
from cloud_sandbox.xata.world import MICRO

if TYPE_CHECKING:
    from cloud_sandbox.xata.models import Branch
    from cloud_sandbox.xata.world import Call, World

USER = shapes.USER


def ordered_refusal(call: Call) -> None:
    """Let the clusters service refuse when that was ordered.

    Raises:
        ClusterError: With the ordered code.
    """
    if call.fault and call.fault.cluster:
        raise ClusterError(call.fault.cluster, call.fault.message or "ordered")


def list_branches(world: World, call: Call) -> Reply:
    """GET …/branches: since June only what the key may see."""
    with world.mutex:
        world.project(call.organization, call.project)
        found = world.branches_of(call.project)
        if not world.settings.is_april:
            found = [one for one in found if may_see(one.id, call.key.branches)]
        return Reply(body={"branches": [shapes.listed(world, one) for one in found]})


def _running(world: World, call: Call) -> Branch:
    """The branch of the path, whose cluster exists; rotated credentials are in force when they are due."""
    with world.mutex:
        branch = world.branch(call.organization, call.project, call.branch)
        if branch.life.gone:
            raise messages.cluster_not_found(branch.id)
    world.finish_rotation(branch)
    return branch


def get_branch(world: World, call: Call) -> Reply:
    """GET …/branches/{branchID}: one look at its life."""
    branch = _running(world, call)
    with world.mutex:
        body = shapes.full(world, branch)
        life.count_read(branch, world.now)
    return Reply(body=body)


def delete_branch(world: World, call: Call) -> Reply:
    """DELETE …/branches/{branchID}: neither children nor a create that runs are looked at.

    The older server keeps a row without a cluster.
    """
    with world.lock(call.branch):
        with world.mutex:
            branch = world.branch(call.organization, call.project, call.branch)
        try:
            ordered_refusal(call)
        except ClusterError as problem:
            if problem.code != "NotFound":
                raise messages.internal(str(problem)) from problem
            branch.life.gone = True
        if branch.life.gone and world.settings.is_april:
            raise messages.cluster_not_found(branch.id)
        branch.terminated = True  # first, so that a create that runs sees it and takes its copy back
        try:
            world.remove_database(branch)
        except RefusedError:
            branch.terminated = False
            raise
    return Reply(status=204)


def get_credentials(world: World, call: Call) -> Reply:
    """GET …/credentials: the user is checked before the branch. The newer shape takes `xata` for granted."""
    user = username(call)
    if user != USER and not (user is None and world.settings.shape == "six"):
        raise messages.invalid("username", f"only the {USER} user credentials can be retrieved", branch=call.branch)
    with world.mutex:
        try:
            branch = world.branch(call.organization, call.project, call.branch)
        except RefusedError as refusal:
            raise other_wording(refusal, call.branch) from refusal
    world.finish_rotation(branch)
    with world.mutex:
        now = world.now
        readable = life.has_secret(branch, now) and not branch.life.gone
        body = shapes.credentials(world, branch)
        if not branch.life.blocked:
            branch.life.secret.read()
    if not readable:
        raise messages.no_credentials(branch.id)
    return Reply(body=body)


def other_wording(refusal: RefusedError, branch: str) -> RefusedError:
    """The other wording some operations use for an unknown branch; an unknown project keeps its own."""
    same = str(refusal) == str(messages.branch_not_found(branch))
    return messages.cluster_not_found(branch) if same else refusal


def source_branch(world: World, call: Call) -> Branch:
    """The branch of the path for operations with that other wording. The mutex is held."""
    try:
        return world.branch(call.organization, call.project, call.branch)
    except RefusedError as refusal:
        raise other_wording(refusal, call.branch) from refusal


def rotate_credentials(world: World, call: Call) -> Reply:
    """POST …/credentials/rotate: the secret goes at once, the new one comes later; without a secret it fails (500)."""
    require_enabled(world, call)
    body = bodies.read(call.request, bodies.ROTATION)
    if body.get("username", "") != USER:
        raise messages.invalid("username", f"only the {USER} user credentials can be rotated", branch=call.branch)
    with world.mutex:
        branch = source_branch(world, call)
    world.finish_rotation(branch)
    with world.mutex:
        if branch.life.gone or not life.has_secret(branch, world.now):
            raise messages.internal("secrets not found")
        try:
            ordered_refusal(call)
        except ClusterError as problem:
            raise messages.internal(str(problem)) from problem
        branch.cluster.new_password = ids.password(world.source)
        branch.life.secret = life.wait(world.settings, world.settings.rotation, world.now)
    world.finish_rotation(branch)
    return Reply(status=204)


def list_backups(world: World, call: Call) -> Reply:
    """GET …/backups: not built, whatever is asked for."""
    del world, call
    raise messages.not_implemented()


def get_backup(world: World, call: Call) -> Reply:
    """GET …/backups/{backupID}: the backup of a branch has its id. Fails (500) in a region without backups."""
    backup = call.values["backupID"]
    with world.mutex:
        try:
            branch = world.branch(call.organization, call.project, backup)
        except RefusedError as refusal:
            missing = str(other_wording(refusal, backup)) != str(refusal)
            raise (messages.backup_not_found(backup) if missing else refusal) from refusal
        if branch.cluster.backup is None or branch.life.gone:
            raise messages.internal("no object store for this branch")
        body: dict[str, Any] = {"branchID": branch.id, "description": f"Continuous backup for branch {branch.id}"}
        now = world.now
        if life.is_restorable(branch, now):
            first = branch.life.restorable_since // MICRO * MICRO  # whole seconds, as the backup tool writes them
            body["earliestRestore"] = moment(first)
        body["id"] = branch.id
        if "earliestRestore" in body:
            body["latestRestore"] = moment(max(first, now // MICRO * MICRO))
        if not branch.life.blocked:
            branch.life.restorable.read()
        return Reply(body=body)
