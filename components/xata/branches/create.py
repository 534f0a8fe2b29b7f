"""A branch of a given name exists and is ours: found, adopted or created."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import ConfigurationError, GoneError, NotFoundError, RefusedError
from components.xata.api.models import BranchCreation, ClusterConfiguration
from components.xata.branches.adopt import read_named, require_adoptable, take_over
from components.xata.branches.clock import SYSTEM
from components.xata.branches.find import resolve_branch
from components.xata.branches.names import is_preview, may_descend
from components.xata.branches.ownership import mark
from components.xata.branches.rename import set_aside
from components.xata.branches.settle import settle
from components.xata.inputs import RootConfiguration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.xata.api.client import Client
    from components.xata.api.models import Branch, BranchSummary
    from components.xata.branches.clock import Clock
    from components.xata.branches.place import Place
    from components.xata.inputs import BranchIdentity


@dataclass(frozen=True, kw_only=True)
class Ensured:
    """A branch, and how we came by it.

    Attributes:
        branch: As the service described it: id, name, parent_id, region, created_at.
        adopted: It was there before; False when this call made it.
    """

    branch: BranchSummary | Branch
    adopted: bool


def ensure_branch(
    client: Client,
    place: Place,
    spec: BranchIdentity,
    *,
    environment: Mapping[str, str] = os.environ,
    clock: Clock = SYSTEM,
) -> Ensured:
    """Make the branch, or take over the one that is there. Returns at once: the branch may not be ready.

    A new one costs two requests: the list of branches and the create. The parent need not be ready: the service then
    makes the child wait.

    Raises:
        ConfigurationError: The specification can never be met; nothing was sent that changes anything.
        MissingError: The parent, or the branch to adopt, is not there.
        RefusedError: The name belongs to a stranger, to several branches, or to one with another identity; or it is a
            preview's and there are as many as there may be.
        LifecycleError: No answer said whether the branch exists; running again finds it by its mark.
        ApiError: The service refused.
    """
    require_parent_allowed(spec, spec.parent or "")
    seen = read_named(client, place, spec.name)
    if spec.instead_of:
        seen = set_aside(client, place, spec.stack, seen, spec.instead_of, environment=environment)
    require_adoptable(spec, seen)
    if seen.branch is not None:
        return Ensured(branch=take_over(spec, seen.branch, seen.branches), adopted=True)
    _require_room(spec, seen.branches)
    creation = _creation(spec, seen.branches)

    def taken(doubtful: bool) -> Ensured | None:  # noqa: FBT001 - settle() passes it by position
        again = read_named(client, place, spec.name)
        if again.branch is None:
            return None
        return Ensured(branch=take_over(spec, again.branch, again.branches), adopted=not doubtful)

    return settle(
        f"the branch {spec.name!r}", create=lambda: _created(client, place, creation), find=taken, clock=clock
    )


def _require_room(spec: BranchIdentity, branches: Sequence[BranchSummary]) -> None:
    """Judged by the one list there is before the create: runs that begin at the same moment may pass it together."""
    previews = sum(is_preview(branch.name) for branch in branches)
    if spec.most_previews and previews >= spec.most_previews:
        raise RefusedError(
            f"the branch {spec.name!r} was not made: the project holds {previews} previews (pr-<number>), and "
            f"infra:mostPreviews allows {spec.most_previews}",
            next_step="./infra sweep lists those whose pull request is closed or whose life is over, and --yes removes "
            "them; or raise infra:mostPreviews in Pulumi.preview.yaml",
        )


def _created(client: Client, place: Place, creation: BranchCreation) -> Ensured:
    try:
        return Ensured(branch=client.create_branch(place.organization, place.project, creation), adopted=False)
    except NotFoundError as error:
        lost = f"its parent ({creation.parent_id})" if creation.parent_id else "its project"
        raise GoneError(
            f"the branch {creation.name!r} was not created: {lost} was deleted meanwhile: {error.message}",
            next_step=f"create {lost} again, or choose another one",
        ) from error


def _creation(spec: BranchIdentity, branches: Sequence[BranchSummary]) -> BranchCreation:
    description = mark(spec.stack)
    if spec.root is not None:
        declared = RootConfiguration.of(spec.root)
        root = ClusterConfiguration(
            image=declared.image,
            region=spec.region,
            instance_type=declared.instance_type,
            replicas=declared.replicas,
        )
        return BranchCreation(name=spec.name, description=description, configuration=root)
    parent = resolve_branch(branches, spec.parent or "")
    require_parent_allowed(spec, parent.name)
    if parent.region != spec.region:
        raise ConfigurationError(
            f"region: declared {spec.region} for {spec.name!r}; a child lives where its parent does, and "
            f"{parent.name!r} is in {parent.region}",
            next_step=f"set infra:region to {parent.region}, or choose a parent in {spec.region}",
        )
    return BranchCreation(name=spec.name, description=description, parent_id=parent.id)


def require_parent_allowed(spec: BranchIdentity, parent_name: str) -> None:
    """Keep copies of production's data out of previews and development.

    Raises:
        RefusedError: The parent is production and was not allowed by name.
    """
    if may_descend(spec.name, parent_name, allowed=spec.allow_parent, production=spec.production or ()):
        return
    raise RefusedError(
        f"the branch {spec.name!r} would be a child of {parent_name!r}, and a child is a copy of all its parent's data",
        next_step=f"set infra:parent to staging; or, if that copy is meant, infra:allowParent to {parent_name}",
    )
