"""A branch's name: given, given back, and freed for a fresh copy that takes the branch's place.

A fresh copy of a preview bears the name of the branch that it replaces, and both are there until everybody uses the new
one. So the old one is renamed before: its id, its host and its data stay, and whoever is connected notices nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.errors import AmbiguousError, ConflictError, NotFoundError, RefusedError
from components.xata.api.models import BranchPatch
from components.xata.branches.adopt import read_named
from components.xata.branches.names import aside_name
from components.xata.branches.ownership import marked_stack
from components.xata.branches.remove import delete_branch, require_childless

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.xata.api.client import Client
    from components.xata.branches.adopt import Seen
    from components.xata.branches.place import Place


def rename(client: Client, place: Place, branch_id: str, name: str) -> None:
    """Give a branch this name; a lost answer is resolved by looking.

    Raises:
        ConflictError: Another branch bears it.
        ApiError: As its tree says.
    """
    try:
        client.update_branch(place.organization, place.project, branch_id, BranchPatch(name=name))
    except AmbiguousError:
        try:
            found = client.branch(place.organization, place.project, branch_id).name
        except NotFoundError:
            found = ""
        if found != name:
            raise


def set_aside(
    client: Client, place: Place, stack: str, seen: Seen, branch_id: str, *, environment: Mapping[str, str]
) -> Seen:
    """Free the name of a fresh copy: the branch of this id, if it still bears it, gets another one.

    Args:
        client: The API.
        place: The project.
        stack: Whose mark the branch must carry.
        seen: The branches, and the one that bears the name.
        branch_id: The branch that the copy takes the place of. When another one bears the name, that is the copy.
        environment: Holds `INFRA_ALLOW_DELETE`.

    Returns:
        What is seen afterwards.

    Raises:
        RefusedError: The branch is not ours, or has living children, so that it could not be deleted later.
        ApiError: As its tree says.
    """
    branch = seen.branch
    if branch is None or branch.id != branch_id:
        return seen
    if marked_stack(branch.description) != stack:
        raise RefusedError(
            f"the branch {branch.name!r} ({branch.id}) does not carry the mark of the stack {stack}, so it is not "
            "replaced by a fresh copy",
            next_step="delete it where it was made",
        )
    require_childless(seen.branches, branch, environment)  # it is deleted at the end, when nobody uses it any more
    rename(client, place, branch.id, aside_name(branch.name, branch.id))
    return read_named(client, place, branch.name)


def give_back(
    client: Client, place: Place, branch_id: str, name: str, *, found: str, environment: Mapping[str, str]
) -> None:
    """Give a branch its name back. One that was set aside gets it from the copy that a killed reset left behind.

    Nobody was told of that copy: what is recorded, and used, is the branch that was set aside.

    Args:
        client: The API.
        place: The project.
        branch_id: The branch.
        name: What it shall be called.
        found: What it is called.
        environment: Holds `INFRA_ALLOW_DELETE`.

    Raises:
        ConflictError: Another branch bears the name, and is not such a copy.
        ApiError: As its tree says.
    """
    try:
        rename(client, place, branch_id, name)
    except ConflictError:
        copy = read_named(client, place, name).branch
        if copy is None or copy.id == branch_id or found != aside_name(name, branch_id):
            raise
        if marked_stack(copy.description) != name:
            raise
        delete_branch(client, place, copy.id, name=name, environment=environment)
        rename(client, place, branch_id, name)
