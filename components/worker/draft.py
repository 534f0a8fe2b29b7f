"""A Worker without an app, made so that it has its secrets before the first deployment; and whose a Worker is.

`wrangler deploy` of an app that requires a secret stops at a Worker that has none, and secrets need a Worker. The draft
is the way out, as in `wrangler secret put`. Its version carries our tag, so that it is known whoever made it and
whatever became of the run: nothing else is ever deleted.

The Worker of a pull request goes with it, whatever was deployed to it. Its versions carry our tag with the stack's
name: the draft that it began as, and each that `./infra wrangler deploy` uploads. A Worker without such a version was
made by somebody else, whatever it is called, and is never deleted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from components.errors import AmbiguousError, ConflictError, NoVersionsError, RefusedError, WorkerNotFoundError
from components.worker.api.models import Upload
from components.worker.names import DRAFT_ANSWER, OWNER

if TYPE_CHECKING:
    from collections.abc import Collection

    from components.worker.api.client import Client
    from components.worker.api.models import Version
    from components.worker.names import Target

TAG: Final = "infra-draft"
"""On the version of a Worker that was made here."""
STUFFING_TAG: Final = "infra-code"
"""On the first version of a Worker that somebody else made without code."""
SECRET_CHANGE: Final = "secret"  # noqa: S105 - what Cloudflare says triggered a version
MOST_UPLOADS: Final = 3

_MODULE = "draft.mjs"
_CODE = f"""export default {{
  fetch() {{
    return new Response("{DRAFT_ANSWER}\\n", {{ status: 404 }});
  }},
}};
""".encode()
_OWNED_DRAFT: Final = re.compile(rf"infra-draft-({OWNER})")
_OWNED: Final = re.compile(rf"infra-(?:draft|app)-({OWNER})")


def make(client: Client, target: Target, *, worker_exists: bool = False, owner: str = "") -> None:
    """Upload the draft to a Worker of which it was just said that it is not there, or has no version.

    With an owner the Worker is that stack's from then on, whoever made it while it had no code.

    An upload goes over whatever is there, so it is made again only after another read. An app that was deployed in the
    moment between is put back.

    Raises:
        ConflictError: That happened: the app's version answers again, and the app has to be deployed once more so that
            the newest version is the app's.
        ApiError: As its tree says.
    """
    message = "made before the app, so that it has its secrets"
    tag = STUFFING_TAG if worker_exists else TAG
    if owner:
        tag = draft_tag(owner)
    upload = Upload(main_module=_MODULE, modules={_MODULE: _CODE}, message=message, tag=tag)
    for number in range(1, MOST_UPLOADS + 1):
        try:
            client.upload_script(*target.arguments, upload)
        except AmbiguousError:
            if has_code(client, target):
                break
            if number == MOST_UPLOADS:
                raise
        else:
            break
    _put_back(client, target)


def has_code(client: Client, target: Target) -> bool:
    """Whether the Worker is there and has a version."""
    try:
        return any(True for _ in client.versions(*target.arguments))
    except (WorkerNotFoundError, NoVersionsError):
        return False


def is_draft(client: Client, target: Target) -> bool:
    """Whether the Worker is a draft of ours and nothing but secrets was ever deployed or uploaded to it."""
    oldest: Version | None = None
    for version in client.versions(*target.arguments):
        if not _is_ours(version) and version.annotation("triggered_by") != SECRET_CHANGE:
            return False
        oldest = version
    return oldest is not None and oldest.annotation("tag") == TAG


def is_removable(client: Client, target: Target, names: Collection[str]) -> bool:
    """Whether the Worker is a draft of ours that holds nothing but these secrets."""
    bindings = client.settings(*target.arguments).bindings
    return {binding.name for binding in bindings} <= set(names) and is_draft(client, target)


def _is_ours(version: Version) -> bool:
    return version.annotation("tag") in {TAG, STUFFING_TAG} or bool(_OWNED_DRAFT.fullmatch(version.annotation("tag")))


def _put_back(client: Client, target: Target) -> None:
    versions = iter(client.versions(*target.arguments))
    late = next(versions, None)
    before = next((version for version in versions if not _is_ours(version)), None)
    if late is None or before is None or not _is_ours(late):
        return
    client.deploy(*target.arguments, before.id, message="put back: the draft came too late")
    raise ConflictError(
        f"somebody deployed to {target} in the moment in which its draft was made; that version answers again, but the "
        "newest one is the draft",
        next_step="deploy the app once more, then run the same command again",
    )


def draft_tag(owner: str) -> str:
    """The tag of the draft that a stack's Worker begins as."""
    return f"infra-draft-{owner}"


def app_tag(owner: str) -> str:
    """The tag of the app's versions that are deployed for a stack."""
    return f"infra-app-{owner}"


def is_owned(client: Client, target: Target, owner: str) -> bool | None:
    """Whether the Worker was made for this stack; None when it is not there, or nothing was ever uploaded to it.

    Raises:
        ApiError: As its tree says.
    """
    empty = True
    try:
        for version in client.versions(*target.arguments):
            empty = False
            found = _OWNED.fullmatch(version.annotation("tag"))
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


def remove_owned(client: Client, target: Target, owner: str) -> bool:
    """Delete the Worker with everything that was deployed to it, if it was made for this stack.

    Returns:
        Whether it was there and is gone; False for one that is not ours, which is left alone.

    Raises:
        ApiError: As its tree says.
    """
    return bool(is_owned(client, target, owner)) and client.delete_script(*target.arguments)
