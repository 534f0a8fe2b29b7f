"""Who is told a database's URL: a Worker, or a preview of one, by the secret that its app reads.

Whoever is about to change the database's password asks first whether they can be told, and tells them at once: between
the two the app has no database. The resource that keeps the secrets (`Secrets`, `Preview`) is brought up after it.
Loads the HTTP client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from components.declared import about
from components.errors import InfraError
from components.worker import changes, preview
from components.worker.names import Target
from components.worker.secrets import client_for

if TYPE_CHECKING:
    from collections.abc import Mapping


class NotToldError(InfraError):
    """The password is new, and the app could not be told."""


class Told(Target):
    """Whose secret the database's URL is."""

    secret: Annotated[str, about("Its name.")]
    on_undeployed_version: Annotated[str, about("As `SecretsInputs` take it.")] = "error"
    owner: Annotated[str, about("As `SecretsInputs` take it; empty for a Worker that stays.")] = ""
    preview: Annotated[str, about("Which preview of the Worker; empty for the Worker itself.")] = ""

    def wishes(self) -> dict[str, str]:
        """How it is set, as arguments of `changes`."""
        return {"on_undeployed": self.on_undeployed_version, "owner": self.owner}


def require(properties: Mapping[str, Any]) -> bool:
    """Whether they are there to be told. Changes nothing.

    Args:
        properties: Those of `Told`.

    Raises:
        InfraError: They are there and could not be told now, or it cannot be found out.
    """
    client, told = client_for(""), Told.of(properties)
    if not told.preview:
        return changes.require(client, told, **told.wishes())
    found = preview.read(client, told, told.preview)
    if found is None or found.deployment is None:
        return False
    preview.require_owned(found, told, told.preview)
    changes.require_rights(client, told)
    return True


def tell(properties: Mapping[str, Any], url: str) -> None:
    """Set the secret.

    Raises:
        NotToldError: That failed. The next step is one that leads on.
    """
    client, told = client_for(""), Told.of(properties)
    values = {told.secret: url}
    try:
        if told.preview:
            preview.put(client, told, told.preview, values)
        else:
            changes.put(client, told, values, **told.wishes())
    except InfraError as error:
        message, next_step = error.message, error.next_step
    else:
        return
    raise NotToldError(
        f"the database has a new password, and {told} does not know it, so its app is without database: {message}",
        next_step=f"{next_step}; then bring the stack up: it finds the new password, and does not change it again",
    )
