"""Who is told a database's URL: a Worker, or a preview of one, by the secret that its app reads.

Whoever is about to change the database's password asks first whether they can be told, and tells them at once: between
the two the app has no database. The resource that keeps the secrets (`Secrets`, `Preview`) is brought up after it.
Loads the HTTP client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.errors import InfraError
from components.worker.preview import life
from components.worker.properties import client_for
from components.worker.secrets import change, ready
from components.worker.secrets.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping


class NotToldError(InfraError):
    """The password is new, and the app could not be told."""


def require(told: Mapping[str, Any]) -> bool:
    """Whether they are there to be told. Changes nothing.

    Args:
        told: `account`, `script`, `secret` (its name), `onUndeployedVersion`, `owner`, and `preview` (of the Worker;
            empty for itself).

    Raises:
        InfraError: They are there and could not be told now, or it cannot be found out.
    """
    client, target = client_for({}), _target(told)
    if not told.get("preview"):
        return ready.require(client, target, **_wishes(told))
    seen = life.look(client, target, told["preview"])
    if seen is None or seen.deployment is None:
        return False
    life.require_owned(seen, target, told["preview"])
    ready.require_rights(client, target)
    return True


def tell(told: Mapping[str, Any], url: str) -> None:
    """Set the secret.

    Raises:
        NotToldError: That failed. The next step is one that leads on.
    """
    client, target, values = client_for({}), _target(told), {told["secret"]: url}
    try:
        if told.get("preview"):
            life.put(client, target, told["preview"], values)
        else:
            change.put(client, target, values, **_wishes(told))
    except InfraError as error:
        message, next_step = error.message, error.next_step
    else:
        return
    raise NotToldError(
        f"the database has a new password, and {target} does not know it, so its app is without database: {message}",
        next_step=f"{next_step}; then bring the stack up: it finds the new password, and does not change it again",
    )


def _wishes(told: Mapping[str, Any]) -> dict[str, str]:
    return {"on_undeployed": told["onUndeployedVersion"], "owner": told.get("owner") or ""}


def _target(told: Mapping[str, Any]) -> Target:
    return Target(account=told["account"], script=told["script"])
