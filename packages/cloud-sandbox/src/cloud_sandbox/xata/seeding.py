"""Branches by the thousand, for whoever tests with many: rows like those of their parent, without a database."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cloud_sandbox.errors import SandboxError
from cloud_sandbox.xata import ids

if TYPE_CHECKING:
    from cloud_sandbox.xata.models import Branch
    from cloud_sandbox.xata.world import World


class SeedError(SandboxError):
    """An order to make what cannot be; the text says which part."""


def seed(world: World, data: dict[str, Any]) -> dict[str, Any]:
    """Make branches: {"parent": name, "branches": [{"name": …, "description": …, "parent": name}, …]}.

    Limits are not looked at, and nothing can connect to what is made.

    Returns:
        The ids by name.

    Raises:
        SeedError: A name is taken or missing, or a parent is not there.
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
        raise SeedError(f"name is one that no branch has yet, not {name!r}")
    if above is None:
        raise SeedError(f"there is no parent {parent!r}")
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
