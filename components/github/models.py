"""What the API answers, as far as it is used. Fields that are not known are ignored. Texts are written by anybody.

Source: https://docs.github.com/rest/pulls/pulls and https://docs.github.com/rest/issues/comments.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from components.http.models import Identifier, Model


class User(Model, frozen=True, kw_only=True):
    """Who did something. `type` is User, Bot or Organization."""

    login: Identifier
    type: str = "User"


class Label(Model, frozen=True, kw_only=True):
    """A label."""

    name: str


class Repository(Model, frozen=True, kw_only=True):
    """A repository, as owner/name."""

    full_name: Identifier


class Side(Model, frozen=True, kw_only=True):
    """One side of a pull request: a branch, its newest commit, and its repository (none when it was deleted)."""

    ref: str
    sha: str
    repo: Repository | None = None


class PullRequest(Model, frozen=True, kw_only=True):
    """A pull request, as the API and the event files of workflows tell it."""

    number: Annotated[int, Meta(ge=1)]
    state: Literal["open", "closed"]
    title: str = ""
    draft: bool = False
    merged_at: str | None = None
    user: User | None = None
    labels: tuple[Label, ...] = ()
    head: Side
    base: Side

    @property
    def is_open(self) -> bool:
        """Whether it is neither merged nor closed."""
        return self.state == "open"

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of its labels."""
        return tuple(label.name for label in self.labels)

    @property
    def is_from_fork(self) -> bool:
        """Whether its commits lie in another repository, also in one that was deleted."""
        head, base = self.head.repo, self.base.repo
        return head is None or base is None or head.full_name.lower() != base.full_name.lower()


class Comment(Model, frozen=True, kw_only=True):
    """A comment below a pull request. `user` is missing where the account was deleted."""

    id: int
    body: str | None = None
    user: User | None = None
    html_url: str = ""
