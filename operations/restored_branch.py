"""Restoring a backup into a new branch (`restoreFromBackup` in the API document).

The service restores the latest point it has; a moment cannot be chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.errors import ApiError, GoneError, LifecycleError, MissingError, NotFoundError, RefusedError
from components.xata.api.models import Restore
from components.xata.branches.adopt import read_named
from components.xata.branches.clock import SYSTEM
from components.xata.branches.create import Ensured
from components.xata.branches.find import read_branch
from components.xata.branches.names import check_branch_name
from components.xata.branches.ownership import mark, marked_stack
from components.xata.branches.settle import settle

if TYPE_CHECKING:
    from components.xata.api.client import Client
    from components.xata.api.models import Branch
    from components.xata.branches.adopt import Seen
    from components.xata.branches.clock import Clock
    from components.xata.branches.place import Place


def restore_into(
    client: Client, place: Place, source_id: str, *, name: str, stack: str, clock: Clock = SYSTEM
) -> Ensured:
    """Restore the latest point of a branch's backup into a new branch, a child of it, marked as `stack`'s.

    An existing branch is never touched: the name must be free.

    Raises:
        ConfigurationError: The name is not one we create.
        RefusedError: The name is taken.
        LifecycleError: The backup has nothing to restore yet, or the region keeps none.
        MissingError: The source is not there.
        LifecycleError: No answer said whether the branch exists.
    """
    check_branch_name(name)
    restore = Restore(name=name, description=mark(stack))
    before = read_named(client, place, name)
    if before.branch is not None:
        raise _taken(before.branch)
    if not any(branch.id == source_id for branch in before.branches):
        raise MissingError(
            f"the branch {source_id}, whose backup is to be restored, is not in the project",
            next_step="check the id; the backup of a deleted branch cannot be restored",
        )

    def taken(doubtful: bool) -> Ensured | None:  # noqa: FBT001 - settle() passes it by position
        return _ours(read_named(client, place, name), source_id, stack, doubtful=doubtful)

    return settle(
        f"the branch {name!r}", create=lambda: _restored(client, place, source_id, restore), find=taken, clock=clock
    )


def _ours(seen: Seen, source_id: str, stack: str, *, doubtful: bool) -> Ensured | None:
    branch = seen.branch
    if branch is None:
        return None
    if doubtful and marked_stack(branch.description) == stack and branch.parent_id == source_id:
        return Ensured(branch=branch, adopted=False)
    raise _taken(branch)


def _taken(branch: Branch) -> RefusedError:
    return RefusedError(
        f"a branch {branch.name!r} ({branch.id}) exists already, and restoring never touches an existing branch",
        next_step="restore under another name",
    )


def _restored(client: Client, place: Place, source_id: str, restore: Restore) -> Ensured:
    try:
        return Ensured(branch=client.restore(place.organization, place.project, source_id, restore), adopted=False)
    except NotFoundError as error:
        raise _nothing_to_restore(client, place, source_id, error) from error


def _nothing_to_restore(client: Client, place: Place, source_id: str, error: ApiError) -> LifecycleError:
    """The service answers 404 alike when the branch is gone, its region keeps no backups, or no point exists yet."""
    try:
        source = read_branch(client, place, source_id)
    except GoneError as lost:
        return lost
    if not source.backups_enabled:
        why, next_step = f"its region {source.region} keeps no backups", "dump and restore the data instead"
    else:
        why, next_step = "there is no restore point yet", "try again later: the first one follows the first full backup"
    return LifecycleError(
        f"the branch {source.name!r} ({source_id}) cannot be restored: {why} ({error.message})", next_step=next_step
    )
