"""Whose the Worker of a preview is: made for one pull request, it goes with it, whatever was deployed to it.

Versions carry our tag with the stack's name: the draft that the Worker began as, and each that
`./infra wrangler deploy` uploads. A Worker without such a version was made by somebody else, whatever it is called,
and is never deleted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from components.errors import NoVersionsError, RefusedError, WorkerNotFoundError
from components.worker.secrets.names import OWNER

if TYPE_CHECKING:
    from components.worker.api.client import Client
    from components.worker.api.models import Version
    from components.worker.secrets.target import Target

_DRAFT: Final = re.compile(rf"infra-draft-({OWNER.pattern})")
_TAG: Final = re.compile(rf"infra-(?:draft|app)-({OWNER.pattern})")


def draft_tag(owner: str) -> str:
    """The tag of the draft that a stack's Worker begins as."""
    return f"infra-draft-{owner}"


def app_tag(owner: str) -> str:
    """The tag of the app's versions that are deployed for a stack."""
    return f"infra-app-{owner}"


def is_draft(version: Version) -> bool:
    """Whether this is the draft of a preview's Worker."""
    return bool(_DRAFT.fullmatch(version.annotation("tag")))


def is_owned(client: Client, target: Target, owner: str) -> bool | None:
    """Whether the Worker was made for this stack; None when it is not there, or nothing was ever uploaded to it.

    Raises:
        ApiError: As its tree says.
    """
    empty = True
    try:
        for version in client.versions(*target.arguments):
            empty = False
            found = _TAG.fullmatch(version.annotation("tag"))
            if found and found[1] == owner:
                return True
    except (WorkerNotFoundError, NoVersionsError):
        return None
    return None if empty else False


def require_owned(client: Client, target: Target, owner: str) -> None:
    """Refuse to tell a stranger's Worker the preview's secrets.

    Raises:
        RefusedError: The Worker is there, and was not made for this stack.
        ApiError: As its tree says.
    """
    if is_owned(client, target, owner) is False:
        raise RefusedError(
            f"{target} exists already and was not made for {owner}: none of its versions carries our tag "
            f"({draft_tag(owner)})",
            next_step="delete or rename it where it was made; or give the previews' Workers another name: "
            "infra:workerName in Pulumi.preview.yaml",
        )


def remove(client: Client, target: Target, owner: str) -> bool:
    """Delete the Worker with everything that was deployed to it, if it was made for this stack.

    Returns:
        Whether it was there and is gone; False for one that is not ours, which is left alone.

    Raises:
        ApiError: As its tree says.
    """
    return bool(is_owned(client, target, owner)) and client.delete_script(*target.arguments)
