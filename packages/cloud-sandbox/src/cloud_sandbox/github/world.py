"""The state of the repository and the few ways in which it changes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from cloud_sandbox.github import errors
from cloud_sandbox.github.models import Comment, ControlError, Pull, judged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloud_sandbox.github.settings import Settings, Token
    from cloud_sandbox.wire import Request


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that may be made: the values of its path, its query, and whose token it is."""

    request: Request
    values: Mapping[str, str]
    token: Token

    @property
    def query(self) -> dict[str, str]:
        """The query's values by name, the last of each."""
        found = parse_qs(self.request.query, keep_blank_values=True)
        return {name: values[-1] for name, values in found.items()}

    @property
    def base(self) -> str:
        """What the addresses in an answer begin with: the caller's own word for this server."""
        return f"http://{self.request.headers.get('host', 'github.localhost')}"

    @property
    def body(self) -> dict[str, Any]:
        """The body's JSON object.

        Raises:
            ApiError: It is none.
        """
        try:
            found = json.loads(self.request.body or b"null")
        except ValueError:
            raise errors.unreadable() from None
        if not isinstance(found, dict):
            raise errors.no_object()
        return found


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an operation answers; no body for 204."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class World:
    """All there is. Whoever calls holds the service's lock."""

    settings: Settings
    clock: Callable[[], float]
    pulls: dict[int, Pull] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    last_comment: int = 1000
    """The id of the newest comment: ids only ever grow."""

    def pull(self, text: str) -> Pull:
        """A pull request by the number in a path.

        Raises:
            ApiError: 404.
        """
        found = self.pulls.get(_number(text))
        if found is None:
            raise errors.not_found()
        return found

    def comment(self, text: str) -> Comment:
        """A comment by the id in a path.

        Raises:
            ApiError: 404.
        """
        found = self.comments.get(_number(text))
        if found is None:
            raise errors.not_found()
        return found

    def seed(self, told: dict[str, Any]) -> Pull:
        """Open a pull request, as a test describes it; without a number it gets the next one.

        Raises:
            ControlError: A part is unknown or has another type, or the number is taken.
        """
        told = dict(told)
        number = told.pop("number", max(self.pulls, default=0) + 1)
        if type(number) is not int or number < 1 or number in self.pulls:
            raise ControlError(f"number is one that no pull request has yet, not {number!r}")
        now = self.clock()
        pull = Pull(number=number, created=now, updated=now)
        self.pulls[number] = pull
        try:
            return self.change(number, told)
        except ControlError:
            del self.pulls[number]
            raise

    def change(self, number: int, told: dict[str, Any]) -> Pull:
        """Change a pull request: close or reopen it, push to it (`sha`), label it.

        Raises:
            ControlError: A part is unknown or has another type.
            LookupError: There is none of that number.
        """
        if number not in self.pulls:
            raise LookupError(f"pull request {number}")
        pull = self.pulls[number]
        given = judged(dict(told))
        if given.get("merged"):
            given["state"] = "closed"
        for name, value in given.items():
            setattr(pull, name, value)
        pull.updated = self.clock()
        pull.closed = (pull.closed or pull.updated) if pull.state == "closed" else None
        pull.merged = pull.merged and pull.state == "closed"
        return pull

    def write(self, number: int, body: str, *, login: str, kind: str) -> Comment:
        """Write a comment below a pull request."""
        self.last_comment += 1
        now = self.clock()
        comment = Comment(
            id=self.last_comment, number=number, body=body, login=login, type=kind, created=now, updated=now
        )
        self.comments[comment.id] = comment
        return comment

    def snapshot(self) -> dict[str, Any]:
        """The whole memory as data that JSON can hold."""
        return {
            "pulls": [asdict(pull) for pull in self.pulls.values()],
            "comments": [asdict(comment) for comment in self.comments.values()],
            "lastComment": self.last_comment,
        }

    def restore(self, data: dict[str, Any]) -> None:
        """Continue from a snapshot."""
        self.pulls = {pull["number"]: Pull(**pull) for pull in data["pulls"]}
        self.comments = {comment["id"]: Comment(**comment) for comment in data["comments"]}
        self.last_comment = data["lastComment"]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0
