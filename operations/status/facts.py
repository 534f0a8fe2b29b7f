"""What is known of an environment, and why the rest is not. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from components.xata.api.models import Branch

T = TypeVar("T")

NOT_ASKED = "not asked"
LOCAL = "local"
"""The id of a branch that is a database of this machine."""


@dataclass(frozen=True, kw_only=True)
class Found(Generic[T]):
    """What a question brought.

    Attributes:
        value: The answer; None also where there is nothing.
        why: Why it is not known; empty where it is.
    """

    value: T | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Update:
    """One run that the state's history tells of.

    Attributes:
        kind: `update`, `refresh` or `destroy`, as Pulumi calls them.
        at: When it ended.
        by: Who ran it, as far as the engine wrote it down; empty where it did not.
        succeeded: Whether it ended well.
        database: Whether the check of the database had passed then; None where none is recorded.
        app: How the check of the Worker had ended then; empty where none is recorded.
    """

    kind: str
    at: datetime
    by: str = ""
    succeeded: bool = True
    database: bool | None = None
    app: str = ""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What the state says, which was read without its passphrase: secrets stay what they are.

    Attributes:
        outputs: The last deployment's outputs, but for the secret ones; empty after a destroy.
        api: The server that the branch was made at.
        parent: The name of the branch's parent.
        password_since: When the owner's present password came; None where nothing tells.
        app_password_since: When that of the app's own login came; None where it has none.
        updates: The newest runs, newest first.
    """

    outputs: Mapping[str, Any] = field(repr=False)
    api: str = ""
    parent: str = ""
    password_since: datetime | None = None
    app_password_since: datetime | None = None
    updates: Sequence[Update] = ()

    def passwords(self) -> list[tuple[str, datetime]]:
        """Whose password came when; the app's stands first, and is the owner's where nobody else is named."""
        app, owner = self.app_password_since, self.password_since
        found = [("app's password", app), ("owner's password" if app else "password", owner)]
        return [(whose, since) for whose, since in found if since]

    def text(self, output: str) -> str:
        """An output that is a text; empty where there is none."""
        return str(self.outputs.get(output) or "")

    @property
    def is_local(self) -> bool:
        """Whether the database is one of this machine."""
        return self.text("branchId") == LOCAL


@dataclass(frozen=True, kw_only=True)
class Health:
    """What the app's Worker, or a database on this machine, says of itself.

    Attributes:
        state: `waiting` while no app is deployed; `none` where there is nobody to ask.
        says: The same in words.
        next_step: What to do about it.
    """

    state: Literal["ok", "failing", "waiting", "none"]
    says: str
    next_step: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything about one environment.

    Attributes:
        name: The stack's name.
        branch_name: What its branch is called, by its file.
        parent_name: What its branch's parent is called, by the list of branches.
        has_file: Whether it has a file, or is a pull request's.
        state: What is recorded; no value where it was never deployed from here.
        branch: Its branch, as Xata tells it now; no value where there is none.
        restore_point: The newest moment that a backup leads back to; no value before the first.
        health: What the app, or the database of this machine, says.
        drift: What `drift` found: `none` or `drifted`.
    """

    name: str
    branch_name: str = ""
    parent_name: str = ""
    has_file: bool = True
    state: Found[Stored] = field(default_factory=Found)
    branch: Found[Branch] = field(default_factory=Found)
    restore_point: Found[datetime] = field(default_factory=Found)
    health: Found[Health] = field(default_factory=Found)
    drift: Found[str] = field(default_factory=lambda: Found(why=NOT_ASKED))


@dataclass(frozen=True, kw_only=True)
class Twig:
    """A branch of the project, whoever made it. `parent` is an id, and may name one that is gone."""

    id: str
    name: str
    parent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One look.

    Attributes:
        at: When.
        facts: The environments, in their order.
        branches: All branches of the project.
        notes: What could not be looked at, besides what rows say.
        calls: How often Xata was asked, lists included.
        app: What the app is called.
        complete: Whether no environment can have been passed over.
    """

    at: datetime
    facts: Sequence[Facts]
    branches: Sequence[Twig] = ()
    notes: Sequence[str] = ()
    calls: int = 0
    app: str = ""
    complete: bool = True
