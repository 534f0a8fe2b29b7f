"""What is there of our secrets. Values can never be read, so only names and kinds are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.worker.api.errors import NoVersionsError, WorkerNotFoundError
from components.worker.api.models import SECRET_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from components.worker.api.client import Client
    from components.worker.secrets.target import Target


def missing(client: Client, target: Target, names: Iterable[str]) -> list[str] | None:
    """Which of the names are no secrets (any more), for instance because they are plain variables now.

    Returns:
        The names in order; None when the Worker itself is gone.

    Raises:
        CloudflareError: As its tree says.
    """
    try:
        found = {secret.name for secret in client.secrets(*target.arguments) if secret.type == SECRET_TEXT}
    except NoVersionsError:
        found = set()
    except WorkerNotFoundError:
        return None
    return sorted(set(names) - found)
