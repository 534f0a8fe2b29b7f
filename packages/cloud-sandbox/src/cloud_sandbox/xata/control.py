"""What the stand-in for Xata can be told below `/sandbox/`, besides what every stand-in can.

::

    POST /sandbox/clock                    {"advance": seconds}
    POST, DELETE /sandbox/branches         branches without databases (`seed`), by the thousand
    POST /sandbox/branches/{id}            {"statusType": "FAULT" or "" to end it, "status": text, "hibernate": bool,
                                            "clusterGone": bool}
    POST /sandbox/organizations/{id}       {"status", "tier", "created", "limits"}
    POST /sandbox/flags                    {"branchCreationDisabled": bool, "childBranchCreationDisabled": bool}
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from cloud_sandbox.errors import ControlError
from cloud_sandbox.xata import ids, life

if TYPE_CHECKING:
    from cloud_sandbox.standin import Orders
    from cloud_sandbox.xata.models import Branch
    from cloud_sandbox.xata.world import World

STATUS_TYPES = ("", "HEALTHY", "TRANSIENT", "FAULT", "HIBERNATED")
SECRETS = ("password", "new_password")


def orders(world: World) -> Orders:
    """The orders, by method and path."""
    return {
        ("POST", "branches"): lambda data, _: seed(world, data),
        ("DELETE", "branches"): lambda data, _: unseed(world, data),
        ("POST", "branches/*"): lambda data, which: _change_branch(world, data, which),
        ("POST", "clock"): lambda data, _: _advance(world, data),
        ("POST", "flags"): lambda data, _: _switch(world, data),
        ("POST", "organizations/*"): lambda data, which: _change_organization(world, data, which),
    }


def _advance(world: World, data: dict[str, Any]) -> None:
    seconds = data.get("advance")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise ControlError(f"advance is a number of seconds, not {seconds!r}")
    world.advance(seconds)


def _switch(world: World, data: dict[str, Any]) -> None:
    with world.mutex:
        world.creation_disabled = bool(data.get("branchCreationDisabled", world.creation_disabled))
        child = bool(data.get("childBranchCreationDisabled", world.child_creation_disabled))
        world.child_creation_disabled = child


def _change_organization(world: World, data: dict[str, Any], which: str) -> None:
    with world.mutex:
        organization = world.organization(which)
        known = {name: data[name] for name in ("status", "tier", "created", "limits", "name") if name in data}
        world.organizations[which] = replace(organization, **known)
        world.changed()


def _change_branch(world: World, data: dict[str, Any], which: str) -> None:
    with world.mutex:
        branch = world.branches.get(which)
        if branch is None or branch.terminated:
            raise LookupError(f"branch {which}")
        kind = str(data.get("statusType", "")).removeprefix("STATUS_TYPE_")
        if kind not in STATUS_TYPES:
            raise ControlError(f"statusType is one of {STATUS_TYPES}, not {kind!r}")
        if "statusType" in data:
            branch.life.fault = f"{kind}:{data.get('status', '')}" if kind else ""
        if data.get("hibernate") is True:
            world.put_to_sleep(branch, by="manual")
        elif data.get("hibernate") is False:
            life.wake(world.settings, branch, world.now)
        branch.life.gone = bool(data.get("clusterGone", branch.life.gone))
        world.changed()


def state(world: World) -> dict[str, Any]:
    """Projects and branches, without passwords."""
    with world.mutex:
        branches = [asdict(branch) for branch in world.branches.values()]
        projects = [asdict(project) for project in world.projects.values()]
    for branch in branches:
        for secret in SECRETS:
            branch["cluster"].pop(secret)
    return {"branches": branches, "now": world.now / 1e6, "projects": projects}


def forget(world: World) -> None:
    """Everything goes, databases too."""
    for project in list(world.projects):
        with world.lock(project):
            for branch in world.branches_of(project):
                world.remove_database(branch)
                branch.terminated = True
    with world.mutex:
        world.projects.clear()
        world.branches.clear()
        world.creation_disabled = world.child_creation_disabled = False
        world.changed()


def seed(world: World, data: dict[str, Any]) -> dict[str, Any]:
    """Make branches: {"parent": name, "branches": [{"name": …, "description": …, "parent": name}, …]}.

    Limits are not looked at, and nothing can connect to what is made.

    Returns:
        The ids by name.

    Raises:
        ControlError: A name is taken or missing, or a parent is not there.
    """
    with world.mutex:
        there = {branch.name: branch for branch in world.branches.values() if not branch.terminated}
        made: dict[str, str] = {}
        for wanted in data.get("branches") or []:
            branch = _made(world, there, wanted, str(wanted.get("parent") or data.get("parent")))
            there[branch.name] = world.branches[branch.id] = branch
            made[branch.name] = branch.id
            world.without_database.add(branch.id)
        world.changed()
        return made


def unseed(world: World, data: dict[str, Any]) -> None:
    """Take branches out of the memory, as if they had never been: {"names": [name, …]}. Only for those made here."""
    with world.mutex:
        names = set(data.get("names") or ())
        world.branches = {key: branch for key, branch in world.branches.items() if branch.name not in names}
        world.changed()


def _made(world: World, there: dict[str, Branch], wanted: dict[str, Any], parent: str) -> Branch:
    name, above = wanted.get("name"), there.get(parent)
    if not isinstance(name, str) or not name or name in there:
        raise ControlError(f"name is one that no branch has yet, not {name!r}")
    if above is None:
        raise ControlError(f"there is no parent {parent!r}")
    return replace(
        above,
        life=deepcopy(above.life),
        id=ids.branch_id(world.source),
        name=name,
        parent=above.id,
        description=wanted.get("description"),
        depth=above.depth + 1,
        created=world.now,
        updated=world.now,
        cluster=replace(above.cluster, parameters={}, libraries=[]),
    )
