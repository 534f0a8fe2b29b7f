"""The life of a Worker preview, which wrangler makes: its secrets are kept right, and it goes with its stack.

`wrangler preview` uploads the first deployment with the secrets; before it there is nothing to tell them to. What we
own carries our tag, and a preview of the same name without it is somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import NotFoundError, RefusedError
from components.worker.api.models import SECRET_TEXT
from components.worker.secrets.claim import app_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from components.worker.api.client import Client
    from components.worker.api.models import PreviewDeployment
    from components.worker.secrets.target import Target


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A preview as it is.

    Attributes:
        label: The first label of its address.
        url: Its address; empty where the account has none to give.
        deployment: The newest one; None before the first.
    """

    label: str
    url: str
    deployment: PreviewDeployment | None

    def is_owned(self, name: str) -> bool:
        """Whether nobody else deployed to it last; one without a deployment holds nothing."""
        return self.deployment is None or self.deployment.annotation("tag") == app_tag(name)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Which of the names are no secrets of it; none of them before the first deployment."""
        if self.deployment is None:
            return []
        found = {key for key, binding in self.deployment.env.items() if binding.type == SECRET_TEXT}
        return sorted(set(names) - found)


def look(client: Client, target: Target, name: str) -> Seen | None:
    """The preview of this name; None when there is none.

    Raises:
        ApiError: As its tree says.
    """
    try:
        found = client.preview(*target.arguments, name)
    except NotFoundError:
        return None
    try:
        deployment = client.preview_deployment(*target.arguments, name)
    except NotFoundError:
        deployment = None
    return Seen(label=f"{found.slug}-{target.script}", url=found.urls[0] if found.urls else "", deployment=deployment)


def put(client: Client, target: Target, name: str, values: Mapping[str, str]) -> Seen | None:
    """Give the preview these secrets, in force at once; nothing where nothing is deployed yet.

    Raises:
        RefusedError: Somebody else deployed to it.
        ApiError: As its tree says.
    """
    seen = look(client, target, name)
    if seen is None or seen.deployment is None:
        return seen
    require_owned(seen, target, name)
    client.change_preview(*target.arguments, name, values, tag=app_tag(name))
    return look(client, target, name)


def require_owned(seen: Seen, target: Target, name: str) -> None:
    """Refuse to tell a stranger's preview secrets.

    Raises:
        RefusedError: Somebody else deployed to it.
    """
    if not seen.is_owned(name):
        raise RefusedError(
            f"the preview {name} of {target} was deployed by somebody else: it lacks our tag ({app_tag(name)})",
            next_step=f"deploy to it with ./infra wrangler deploy {name}, or delete it where it was made",
        )


def remove(client: Client, target: Target, name: str) -> bool:
    """Delete the preview, if it is ours; False when it is gone, or somebody else's.

    Raises:
        ApiError: As its tree says.
    """
    seen = look(client, target, name)
    return seen is not None and seen.is_owned(name) and client.delete_preview(*target.arguments, name)
