"""Whether a Worker's secrets can be changed now, found out without changing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from components.errors import NoVersionsError, UndeployedVersionError, WorkerNotFoundError
from components.worker.secrets import change, claim

if TYPE_CHECKING:
    from components.worker.api.client import Client
    from components.worker.secrets.target import Target

NOBODYS: Final = "INFRA_MAY_SECRETS_BE_CHANGED"
"""A secret that no Worker has: to remove it needs every right that a change needs, and changes nothing."""


def require(client: Client, target: Target, *, on_undeployed: str = "error", owner: str = "") -> bool:
    """Whether the Worker is there; one that is not has no secret to lose. What a change would raise now is raised.

    Args:
        client: The API.
        target: The Worker.
        on_undeployed: As `change.put` takes it.
        owner: As `change.put` takes it.

    Raises:
        RefusedError: There is an owner, and the Worker was not made for it.
        UndeployedVersionError: The newest version does not get all the traffic, and `on_undeployed` is `error`.
        ApiError: As its tree says; PermissionDeniedError where the token may read and not write.
    """
    if owner:
        claim.require_owned(client, target, owner)
    try:
        newest = next(client.versions(*target.arguments), None)
        if newest is None:
            return False
        if on_undeployed != "deploy" and not change.is_deployed(client, target, newest.id):
            raise change.undeployed(target)
    except (WorkerNotFoundError, NoVersionsError):
        return False
    require_rights(client, target)
    return True


def require_rights(client: Client, target: Target) -> None:
    """Ask to remove a secret that is not there, which is refused for that reason alone where all others allow it.

    Raises:
        ApiError: As its tree says.
    """
    try:
        client.delete_secret(*target.arguments, NOBODYS)
    except (UndeployedVersionError, NoVersionsError):
        return  # the token may write, and nothing else is asked here
