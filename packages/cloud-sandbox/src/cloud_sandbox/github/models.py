"""What the repository holds: pull requests, and the comments below them. Plain data, as JSON in a snapshot."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cloud_sandbox.errors import SandboxError
from cloud_sandbox.github.settings import BOT


class ControlError(SandboxError):
    """A test ordered what cannot be; the text says which part."""


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


def judged(told: dict[str, Any]) -> dict[str, Any]:
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
