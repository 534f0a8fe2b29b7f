"""Who is told a database's URL: a Worker, by the secret that its app reads.

Whoever is about to change the database's password asks first whether they can be told, and tells them at once: between
the two the app has no database. The resource that keeps the secrets (`Secrets`) is brought up after it.
Loads the HTTP client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from components.declared import About
from components.errors import InfraError
from components.worker import changes
from components.worker.names import Target
from components.worker.secrets import client_for

if TYPE_CHECKING:
    from collections.abc import Mapping


class NotToldError(InfraError):
    """The password is new, and the app could not be told."""


class Told(Target):
    """Whose secret the database's URL is."""

    secret: Annotated[str, About("Its name.")]
    owner: Annotated[str, About("As `SecretsInputs` take it; empty for a Worker that stays.")] = ""


def require(properties: Mapping[str, Any]) -> bool:
    """Whether they are there to be told. Changes nothing.

    Args:
        properties: Those of `Told`.

    Raises:
        InfraError: They are there and could not be told now, or it cannot be found out.
    """
    told = Told.of(properties)
    return changes.require(client_for(""), told, owner=told.owner)


def tell(properties: Mapping[str, Any], url: str) -> None:
    """Set the secret.

    Raises:
        NotToldError: That failed. The next step is one that leads on.
    """
    client, told = client_for(""), Told.of(properties)
    try:
        changes.put(client, told, {told.secret: url}, owner=told.owner)
    except InfraError as error:
        message, next_step = error.message, error.next_step
    else:
        return
    raise NotToldError(
        f"the database has a new password, and {told} does not know it, so its app is without database: {message}",
        next_step=f"{next_step}; then bring the stack up: it finds the new password, and does not change it again",
    )
