"""What the repository holds, pull requests and the comments below them, and the few ways in which it changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloud_sandbox.errors import ControlError
from cloud_sandbox.github import errors
from cloud_sandbox.github.settings import BOT
from cloud_sandbox.standin import Asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.github.settings import Settings, Token


def moment(seconds: float) -> str:
    """A time as the API writes it."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(kw_only=True)
class Pull:
    """A pull request. `fork` is the repository its commits come from, as owner/name; empty: the repository itself.

    `head_gone`: that repository was deleted. Times are in seconds since 1970.
    """

    number: int
    created: float
    updated: float
    title: str = "A change"
    body: str | None = None
    login: str = "octocat"
    state: str = "open"
    merged: bool = False
    closed: float | None = None
    draft: bool = False
    locked: bool = False
    head: str = ""
    sha: str = ""
    base: str = "main"
    fork: str = ""
    head_gone: bool = False
    labels: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Fill in what a test need not say."""
        self.head = self.head or f"change-{self.number}"
        self.sha = self.sha or hashlib.sha1(f"{self.number} {self.head}".encode(), usedforsecurity=False).hexdigest()


@dataclass(kw_only=True)
class Comment:
    """A comment below a pull request."""

    id: int
    number: int
    body: str
    created: float
    updated: float
    login: str = BOT
    type: str = "Bot"


KINDS: dict[str, type] = {
    **dict.fromkeys(("title", "body", "login", "state", "head", "sha", "base", "fork"), str),
    **dict.fromkeys(("merged", "draft", "locked", "head_gone"), bool),
    "labels": list,
}
"""What a test may say of a pull request, and its type."""


def _checked(told: dict[str, Any]) -> dict[str, Any]:
    """What a test says of a pull request, if it can be so.

    Raises:
        ControlError: A part is unknown or has another type.
    """
    for name, value in told.items():
        if name not in KINDS:
            raise ControlError(f"a pull request has no part {name!r}; known: number, {', '.join(sorted(KINDS))}")
        if type(value) is not KINDS[name]:
            raise ControlError(f"{name} is a {KINDS[name].__name__}, not {value!r}")
    if told.get("state", "open") not in {"open", "closed"} or not all(isinstance(one, str) for one in _labels(told)):
        raise ControlError("state is open or closed, and labels are texts")
    return told


def _labels(told: dict[str, Any]) -> list[Any]:
    return list(told.get("labels", []))


@dataclass(frozen=True, kw_only=True)
class Call(Asked):
    """A request that may be made: the values of its path, its query, and whose token it is."""

    token: Token

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
        given = _checked(dict(told))
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
