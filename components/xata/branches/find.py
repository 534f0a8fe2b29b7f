"""Branches by name: the API cannot search, so we list and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.errors import GoneError, MissingError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from components.xata.api.client import Client
    from components.xata.api.models import Branch, BranchSummary
    from components.xata.branches.place import Place


def only_branch(branches: Iterable[BranchSummary], name: str) -> BranchSummary | None:
    """The one branch of this name among `branches`; None when there is none.

    Raises:
        RefusedError: Several bear it; the message names their ids.
    """
    found = [branch for branch in branches if branch.name == name]
    if len(found) > 1:
        ids = ", ".join(sorted(branch.id for branch in found))
        raise RefusedError(
            f"{len(found)} branches are called {name!r} ({ids}), and which one is meant cannot be told",
            next_step="rename or delete all but one of them, or name the one by its id",
        )
    return found[0] if found else None


def resolve_branch(branches: Sequence[BranchSummary], name_or_id: str) -> BranchSummary:
    """The branch of this name, else of this id.

    Raises:
        MissingError: There is none; the message lists those there are.
        RefusedError: Several bear the name.
    """
    named = only_branch(branches, name_or_id)
    if named is not None:
        return named
    for branch in branches:
        if branch.id == name_or_id:
            return branch
    there = ", ".join(sorted(repr(branch.name) for branch in branches)) or "none"
    raise MissingError(
        f"there is no branch of the name or id {name_or_id!r} in the project; there are: {there}",
        next_step="create it (./infra up foundation makes main, ./infra up staging makes staging), or correct "
        "the name; names are case-sensitive",
    )


def read_branch(client: Client, place: Place, branch_id: str) -> Branch:
    """A branch in full.

    Raises:
        GoneError: It is not there any more.
    """
    try:
        return client.branch(place.organization, place.project, branch_id)
    except NotFoundError as error:
        raise gone(branch_id, error) from error


def gone(branch_id: str, error: NotFoundError) -> GoneError:
    """What is said about a branch that somebody deleted while we worked with it."""
    return GoneError(
        f"the branch {branch_id} is gone, so somebody deleted it: {error.message}",
        next_step="./infra refresh STACK takes note of it, then ./infra up STACK creates it again",
    )
