"""Which previews go, which stay, and why. Pure.

A preview goes when it has our name (`pr-<number>`), our mark in its branch's description, and either a pull request
that is closed or a life that has ended; not while its pull request has the label that keeps it. What is not known for
certain stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

from components.xata.branches.names import is_preview
from components.xata.branches.ownership import last_day, marked_stack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

_LIKE_A_PREVIEW: Final = re.compile(r"\W*pr\W*[-_ ]?\W*[0-9].*", re.IGNORECASE | re.DOTALL)


class Reason(StrEnum):
    """Why a preview goes or stays; programs read these words."""

    CLOSED = "closed"
    EXPIRED = "expired"
    NAME = "name"
    UNREADABLE = "unreadable"
    NOT_OURS = "not-ours"
    LOCKED = "locked"
    CHILDREN = "children"
    UNASKED = "not-asked"
    KEPT = "kept"
    OPEN = "open"
    UNKNOWN = "unknown"


KEEP_LABEL: Final = "keep-preview"
"""What keeps the environment of a pull request that is closed, or whose life has ended."""
GOES: Final = frozenset({Reason.CLOSED, Reason.EXPIRED})


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A branch of Xata's list.

    Attributes:
        id: Its id.
        name: Its name.
        parent: The id of its parent; None for a root branch.
        description: What it says, where it was read.
        unread: Why its description could not be read.
    """

    id: str
    name: str
    parent: str | None = None
    description: str | None = None
    unread: str = ""


@dataclass(frozen=True, kw_only=True)
class Pull:
    """A pull request, as GitHub tells it now.

    Attributes:
        state: `unknown` for a number that GitHub does not know, or does not show us; `unasked` where nobody could be
            asked.
        labels: Its labels.
        unread: Why nobody could be asked.
    """

    state: str
    labels: tuple[str, ...] = ()
    unread: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Everything that is known.

    Attributes:
        branches: All branches of the project.
        pulls: Pull requests by number; one that is missing was not asked about.
        states: Stacks that have a state.
        workers: Workers that bear a preview's name, by the name of that preview.
        locked: Stacks whose lock is held, and by whom.
        today: The day, UTC.
    """

    branches: Sequence[Branch]
    pulls: Mapping[int, Pull] = field(default_factory=dict)
    states: frozenset[str] = frozenset()
    workers: Mapping[str, str] = field(default_factory=dict)
    locked: Mapping[str, str] = field(default_factory=dict)
    today: date


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What becomes of one preview.

    Attributes:
        name: Its name.
        reason: Why.
        detail: The same in words.
        branch: Its branch; None when there is none (any more).
        worker: Its Worker's name; empty without one.
        state: Whether its stack has a state.
    """

    name: str
    reason: Reason
    detail: str
    branch: Branch | None = None
    worker: str = ""
    state: bool = False

    @property
    def goes(self) -> bool:
        """Whether it is removed."""
        return self.reason in GOES


def looks_like_preview(name: str) -> bool:
    """Whether somebody may take this name for a preview's, so that it deserves a word."""
    return is_preview(name) or bool(_LIKE_A_PREVIEW.fullmatch(name))


def number_of(name: str) -> int:
    """The pull request of a preview."""
    return int(name.removeprefix("pr-"))


def decide_sweep(seen: Seen, *, keep_label: str, without_github: bool = False) -> list[Verdict]:
    """Judge every branch that looks like a preview's, and every Worker and state that is left of one.

    Args:
        seen: What is known.
        keep_label: The label of pull requests whose preview stays.
        without_github: Remove what has outlived its life although GitHub was not asked, and nobody knows of labels.

    Returns:
        Those that go first, then by number and name.
    """
    there = {branch.name for branch in seen.branches}
    left = sorted(({*seen.states, *seen.workers} - there), key=number_of)
    candidates: list[tuple[str, Branch | None]] = [(one.name, one) for one in seen.branches]
    candidates = [one for one in candidates if looks_like_preview(one[0])] + [(name, None) for name in left]
    verdicts = []
    for name, branch in candidates:
        reason, detail = _reason_of(name, branch, seen, keep_label=keep_label, without_github=without_github)
        worker, state = seen.workers.get(name, ""), name in seen.states
        verdicts.append(Verdict(name=name, reason=reason, detail=detail, branch=branch, worker=worker, state=state))
    return sorted(verdicts, key=_order)


def _order(verdict: Verdict) -> tuple[bool, bool, int, str, str]:
    ours = is_preview(verdict.name)
    number = number_of(verdict.name) if ours else 0
    return not verdict.goes, not ours, number, verdict.name, verdict.branch.id if verdict.branch else ""


def _reason_of(
    name: str, branch: Branch | None, seen: Seen, *, keep_label: str, without_github: bool
) -> tuple[Reason, str]:
    if not is_preview(name):
        return Reason.NAME, "not the name of a preview: pr-<number>, without zeros before it"
    refused = _not_ours(branch, seen) if branch is not None else None
    if refused is None and name in seen.locked:
        refused = Reason.LOCKED, f"somebody works on its stack: {seen.locked[name]}"
    if refused is not None:
        return refused
    end = last_day(branch.description) if branch else None
    ended = end if end is not None and seen.today > end else None
    pull = seen.pulls.get(number_of(name), Pull(state="unasked"))
    if pull.state == "unasked" and not (ended and without_github):
        return Reason.UNASKED, f"what became of its pull request is not known: {pull.unread or 'nobody asked'}"
    if keep_label in pull.labels:
        return Reason.KEPT, f"its pull request has the label {keep_label}"
    if ended:
        return Reason.EXPIRED, f"its life ended with {ended}"
    return _of_pull(pull, end)


def _of_pull(pull: Pull, end: date | None) -> tuple[Reason, str]:
    """What the pull request alone decides."""
    if pull.state == "closed":
        return Reason.CLOSED, "its pull request is closed"
    if pull.state == "open":
        until = f", and it lives until {end}" if end else ""
        return Reason.OPEN, f"its pull request is open{until}"
    return Reason.UNKNOWN, "GitHub does not know its pull request, or does not show it to us"


def _not_ours(branch: Branch, seen: Seen) -> tuple[Reason, str] | None:
    """Why a branch is left alone whatever became of its pull request."""
    owner = marked_stack(branch.description)
    children = sorted(other.name for other in seen.branches if other.parent == branch.id)
    rules = (
        (Reason.UNREADABLE, branch.unread, f"whose it is could not be read: {branch.unread}"),
        (Reason.NOT_OURS, owner is None, "without our mark (infra stack pr-<number>): somebody else may have made it"),
        (Reason.NOT_OURS, owner != branch.name, f"marked as the branch of {owner}, so somebody renamed it"),
        (Reason.NOT_OURS, branch.parent is None, "a root branch, and no preview is one"),
        (
            Reason.NOT_OURS,
            sum(other.name == branch.name for other in seen.branches) > 1,
            "several branches bear this name, and which one is meant cannot be told",
        ),
        (Reason.CHILDREN, children, f"it has children: {', '.join(children)}"),
    )
    return next(((reason, words) for reason, applies, words in rules if applies), None)


State = Literal["open", "merged", "closed", "gone"]
Verb = Literal["up", "down", "nothing"]

FORK_NOTE = (
    "it comes from a fork, and code of a fork runs without secrets: it gets neither a plan nor an environment, and "
    "needs neither to be merged"
)


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """A pull request as GitHub tells it.

    Attributes:
        number: Its number.
        state: Open or not; gone when the repository has no pull request of this number.
        is_from_fork: Whether its commits lie in another repository, also in one that was deleted.
        keep_label: The label that keeps the environment of a closed pull request, where it has that; else empty.
    """

    number: int
    state: State
    is_from_fork: bool = False
    keep_label: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do with the environment, and why, as a sentence about the pull request."""

    verb: Verb
    why: str


def decide_step(pull_request: PullRequest) -> Decision:
    """Decide by what is true now, never by what an event said: events are late, repeated and out of order.

    A closed pull request is taken down whoever opened it: where there is nothing, that is nothing to do.
    """
    told = f"pull request #{pull_request.number}"
    if pull_request.state == "gone":
        return Decision(verb="down", why=f"there is no {told}")
    if pull_request.state != "open" and pull_request.keep_label:
        return Decision(
            verb="nothing", why=f"{told} is {pull_request.state}, and has the label {pull_request.keep_label}"
        )
    if pull_request.state != "open":
        return Decision(verb="down", why=f"{told} is {pull_request.state}")
    if pull_request.is_from_fork:
        return Decision(verb="nothing", why=f"{told} is open, but {FORK_NOTE}")
    return Decision(verb="up", why=f"{told} is open")
