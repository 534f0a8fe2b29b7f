"""What the API answers, as far as it is used. Fields that are not known are ignored. Texts are written by anybody.

Source: https://docs.github.com/rest/pulls/pulls and https://docs.github.com/rest/issues/comments.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Identifier = Annotated[str, Field(min_length=1)]


class Model(BaseModel):
    """What all models share: unknown fields ignored, no conversion of types, no changes."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)


class User(Model):
    """Who did something. `type` is User, Bot or Organization."""

    login: Identifier
    type: str = "User"


class Label(Model):
    """A label."""

    name: str


class Repository(Model):
    """A repository, as owner/name."""

    full_name: Identifier


class Side(Model):
    """One side of a pull request: a branch, its newest commit, and its repository (none when it was deleted)."""

    ref: str
    sha: str
    repo: Repository | None = None


class PullRequest(Model):
    """A pull request, as the API and the event files of workflows tell it."""

    number: int = Field(ge=1)
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


class Comment(Model):
    """A comment below a pull request. `user` is missing where the account was deleted."""

    id: int
    body: str | None = None
    user: User | None = None
    html_url: str = ""
