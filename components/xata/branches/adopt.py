"""Taking over a branch that exists: whether it is ours, and whether it is what was declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import MissingError, NotFoundError, RefusedError
from components.xata.branches.find import only_branch, resolve_branch
from components.xata.branches.image import has_same_major
from components.xata.branches.ownership import marked_stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.xata.api.client import Client
    from components.xata.api.models import Branch, BranchSummary
    from components.xata.branches.place import Place
    from components.xata.inputs import BranchIdentity


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A project's branches, and the one that bears the name in question; None when none does."""

    branches: Sequence[BranchSummary]
    branch: Branch | None


def read_named(client: Client, place: Place, name: str) -> Seen:
    """List the branches, and read the one of this name in full: lists leave the mark out.

    One that is deleted or renamed between the two reads does not bear the name.

    Raises:
        RefusedError: Several bear the name.
    """
    branches = client.branches(place.organization, place.project)
    named = only_branch(branches, name)
    if named is None:
        return Seen(branches=branches, branch=None)
    try:
        branch = client.branch(place.organization, place.project, named.id)
    except NotFoundError:
        return Seen(branches=branches, branch=None)
    return Seen(branches=branches, branch=branch if branch.name == name else None)


def take_over(spec: BranchIdentity, branch: Branch, branches: Sequence[BranchSummary]) -> Branch:
    """The branch that bears the name, if it is ours and is what was declared.

    Raises:
        RefusedError: It is a stranger's, or differs in what cannot be changed.
    """
    require_ours(spec, branch)
    require_same_identity(spec, branch, branches)
    return branch


def require_adoptable(spec: BranchIdentity, seen: Seen) -> None:
    """See that an explicit adoption means the branch that bears the name; then nothing is ever created.

    Raises:
        RefusedError: The branch to adopt bears another name.
        MissingError: It is not there.
    """
    if not spec.adopt or (seen.branch is not None and seen.branch.id == spec.adopt):
        return
    wanted = next((branch for branch in seen.branches if branch.id == spec.adopt), None)
    if wanted is None:
        raise MissingError(
            f"the branch {spec.adopt} that {spec.name!r} shall take over is not in the project",
            next_step="correct infra:adoptBranch; or remove it, and a new branch is created",
        )
    raise RefusedError(
        f"the branch {spec.adopt} that {spec.name!r} shall take over is called {wanted.name!r}",
        next_step=f"rename it to {spec.name} in Xata, or correct infra:adoptBranch",
    )


def require_ours(spec: BranchIdentity, branch: Branch) -> None:
    """Refuse a stranger's branch: ours carries this stack's mark, or is adopted by its id.

    Raises:
        RefusedError: It is neither.
    """
    if spec.adopt == branch.id:
        return
    owner = marked_stack(branch.description)
    if owner == spec.stack:
        return
    whose = f"belongs to the stack {owner!r}" if owner else f"is not ours (its description is {branch.description!r})"
    raise RefusedError(
        f"a branch {branch.name!r} exists already and {whose}: id {branch.id}, "
        f"created {branch.created_at:%Y-%m-%d %H:%M} UTC",
        next_step=f"to take it over with its data, set infra:adoptBranch to {branch.id}; if not, rename one of the two",
    )


def require_same_identity(spec: BranchIdentity, branch: Branch, branches: Sequence[BranchSummary]) -> None:
    """Refuse a branch that differs in what cannot be changed.

    Raises:
        RefusedError: Its parent, region or major Postgres version is not what was declared; the message names each.
    """
    found = [
        _parent_difference(spec, branch, branches),
        _region_difference(spec, branch),
        _image_difference(spec, branch),
    ]
    if named := [difference for difference in found if difference]:
        raise RefusedError(
            f"the branch {branch.name!r} ({branch.id}) exists and is not what is declared, and this cannot be changed: "
            + "; ".join(named),
            next_step="declare what was found, or declare a branch of another name",
        )


def _parent_difference(spec: BranchIdentity, branch: Branch, branches: Sequence[BranchSummary]) -> str:
    living = {other.id: other.name for other in branches}
    found = living.get(branch.parent_id or "", branch.parent_id or "none")
    if spec.parent is None:
        return f"parent: declared none, found {found}" if branch.parent_id else ""
    try:
        declared = resolve_branch(branches, spec.parent)
    except MissingError:
        declared = None
    if declared is not None and branch.parent_id == declared.id:
        return ""
    # Children outlive their parent: the service leaves them its id, later none. Then a parent of that name is younger.
    orphan = branch.parent_id not in living
    if orphan and (declared is None or declared.created_at > branch.created_at):
        return ""
    return f"parent: declared {spec.parent}, found {found}"


def _region_difference(spec: BranchIdentity, branch: Branch) -> str:
    return "" if branch.region == spec.region else f"region: declared {spec.region}, found {branch.region}"


def _image_difference(spec: BranchIdentity, branch: Branch) -> str:
    declared = spec.root["image"] if spec.root else ""
    if not declared or has_same_major(declared, branch.configuration.image):
        return ""
    return f"image: declared {declared}, found {branch.configuration.image}"
