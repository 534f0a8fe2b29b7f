"""The one comment of ours below a pull request: found again, changed, never doubled.

It is ours when it begins with our marker and was written by whoever we write as. A comment of somebody else that has
the marker, copied or on purpose, is not touched: its author could change it after us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from components.errors import AmbiguousError, NotFoundError, PermissionDeniedError
from operations.review.render import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.github.client import Client
    from components.github.models import Comment

Outcome = Literal["written", "changed", "unchanged"]

TRIES: Final = 3


def publish(client: Client, repository: str, number: int, body: str) -> tuple[Outcome, str]:
    """Have exactly one comment of ours with this text; what was done, and the comment's address.

    Two runs at once may both find none and write one each: whoever writes looks again afterwards, and the oldest stays.

    Raises:
        ApiError: As its tree says.
    """
    is_ours = _author(client)
    for _ in range(TRIES):
        ours = _ours(client, repository, number, is_ours)
        if not ours:
            created = _written(client, repository, number, body)
            ours = _ours(client, repository, number, is_ours)
            if created is not None and {one.id for one in ours} <= {created.id}:
                return "written", created.html_url  # a list may tell a comment a moment later
            if not ours:
                continue
        kept, *doubled = ours
        try:
            changed = kept if _same(kept, body) else client.update_comment(repository, kept.id, body)
        except NotFoundError:
            continue  # somebody has deleted it since
        for one in doubled:
            client.delete_comment(repository, one.id)
        return "unchanged" if changed is kept and not doubled else "changed", changed.html_url
    return "written", client.create_comment(repository, number, body).html_url


def _written(client: Client, repository: str, number: int, body: str) -> Comment | None:
    """Write it; None when no answer says whether it was: the list does."""
    try:
        return client.create_comment(repository, number, body)
    except AmbiguousError:
        return None


def _ours(client: Client, repository: str, number: int, is_ours: Callable[[Comment], bool]) -> list[Comment]:
    """Our comments over all pages, the oldest first."""
    return [one for one in client.comments(repository, number) if (one.body or "").startswith(MARKER) and is_ours(one)]


def _same(comment: Comment, body: str) -> bool:
    """Whether it says this already; GitHub keeps line ends in its own way, and none at the end."""
    return (comment.body or "").replace("\r\n", "\n").rstrip() == body.rstrip()


def _author(client: Client) -> Callable[[Comment], bool]:
    """Tells comments of ours from others'. A workflow's token has no user of its own: it writes as an app's bot."""
    try:
        login = client.user().login
    except PermissionDeniedError:
        return lambda comment: comment.user is not None and comment.user.type == "Bot"
    return lambda comment: comment.user is not None and comment.user.login == login
