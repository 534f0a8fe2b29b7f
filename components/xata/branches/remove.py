"""Deleting a branch: protected ones not at all, and every one only once it is gone.

The service itself checks nothing: neither children nor data (`deleteBranch` in the API document).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.errors import LifecycleError, NotFoundError, RefusedError
from components.xata.branches.clock import SYSTEM, Deadline
from components.xata.branches.names import aside_name
from components.xata.branches.ownership import (
    ALLOW_DELETE,
    allowed_names,
    require_deletable,
    require_name_deletable,
)
from components.xata.branches.ready import pause_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from components.xata.api.client import Client
    from components.xata.api.models import Branch, BranchSummary
    from components.xata.branches.clock import Clock
    from components.xata.branches.place import Place

CONFIRM_SECONDS = 10.0


def delete_branch(
    client: Client, place: Place, branch_id: str, *, name: str, environment: Mapping[str, str], clock: Clock = SYSTEM
) -> bool:
    """Delete a branch, if it may be, and confirm that it is gone.

    Args:
        client: The API.
        place: The project.
        branch_id: Which branch.
        name: What it was called when it was made.
        environment: Holds `INFRA_ALLOW_DELETE`.
        clock: The time.

    Returns:
        False when it was gone already.

    Raises:
        RefusedError: It is protected, not ours, renamed since, or has living children. Nothing was deleted.
        LifecycleError: The service took the request and still shows the branch.
    """
    if not require_removable(client, place, branch_id, name=name, environment=environment):
        return False
    deleted = client.delete_branch(place.organization, place.project, branch_id)
    confirm_gone(
        lambda: client.branch(place.organization, place.project, branch_id),
        f"the branch {name!r} ({branch_id})",
        clock,
    )
    return deleted


def require_removable(
    client: Client, place: Place, branch_id: str, *, name: str, environment: Mapping[str, str]
) -> bool:
    """Ask for everything that keeps a branch from being deleted, as `delete_branch` does; False when it is gone.

    Raises:
        RefusedError: It is protected, not ours, renamed since, or has living children.
    """
    require_name_deletable(name, environment)
    try:
        branch = client.branch(place.organization, place.project, branch_id)
    except NotFoundError:
        return False
    _require_same_name(branch, name, environment)
    require_deletable(branch.name, branch.description, environment)
    require_childless(client.branches(place.organization, place.project), branch, environment)
    return True


def delete_judged(
    client: Client, place: Place, branch_id: str, *, name: str, description: str | None, clock: Clock = SYSTEM
) -> bool:
    """Delete a preview that was judged by what it said of itself, if it still says the same; confirm that it is gone.

    Whoever judged it has looked at its children: the list of all branches is not read again for each.

    Args:
        client: The API.
        place: The project.
        branch_id: Which branch.
        name: What it was called when it was judged.
        description: What it said then.
        clock: The time.

    Returns:
        False when it was gone already.

    Raises:
        RefusedError: It is no preview, not ours, or another `up` or somebody has changed it since. Nothing was deleted.
        LifecycleError: The service took the request and still shows the branch.
    """
    require_deletable(name, description, {})
    try:
        branch = client.branch(place.organization, place.project, branch_id)
    except NotFoundError:
        return False
    if (branch.name, branch.description) != (name, description):
        raise RefusedError(
            f"the branch {name!r} ({branch_id}) was changed while it was judged: it is now called {branch.name!r} and "
            f"says {branch.description!r}",
            next_step="sweep again, which judges it anew",
        )
    deleted = client.delete_branch(place.organization, place.project, branch_id)
    confirm_gone(
        lambda: client.branch(place.organization, place.project, branch_id),
        f"the branch {name!r} ({branch_id})",
        clock,
    )
    return deleted


def confirm_gone(read: Callable[[], object], what: str, clock: Clock) -> None:
    """Read until the service says "not found": its 404 to a delete is no proof, older versions keep the row.

    Raises:
        LifecycleError: It can still be read.
    """
    deadline = Deadline(CONFIRM_SECONDS, clock)
    while True:
        try:
            read()
        except NotFoundError:
            return
        if not deadline.pause(pause_after(deadline.elapsed)):
            raise LifecycleError(
                f"{what} was to be deleted, and the service still shows it after {deadline.elapsed:.0f} s",
                next_step="run it again; if it stays so, report it to Xata's support: it may still cost money",
            )


def _require_same_name(branch: Branch, name: str, environment: Mapping[str, str]) -> None:
    if branch.name in {name, aside_name(name, branch.id), *allowed_names(environment)}:
        return
    raise RefusedError(
        f"the branch {branch.id} was made as {name!r} and is now called {branch.name!r}: somebody renamed it, perhaps "
        "to keep it",
        next_step=f"rename it back to {name}, or name it: {ALLOW_DELETE}={branch.name}",
    )


def require_childless(branches: Iterable[BranchSummary], branch: Branch, environment: Mapping[str, str]) -> None:
    """Refuse to delete a parent: naming it is not naming its children, which would live on as copies of what is gone.

    Args:
        branches: All of the project.
        branch: The one to delete.
        environment: Holds `INFRA_ALLOW_DELETE`.

    Raises:
        RefusedError: It has living children that are not named.
    """
    allowed = allowed_names(environment)
    children = sorted(other.name for other in branches if other.parent_id == branch.id and other.name not in allowed)
    if children:
        raise RefusedError(
            f"the branch {branch.name!r} ({branch.id}) has living children: {', '.join(children)}",
            next_step=f"delete them first; or, if they may live on without it, name them too: "
            f"{ALLOW_DELETE}={','.join([branch.name, *children])}",
        )
