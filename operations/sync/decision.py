"""What a pull request, as it is now, asks of its environment. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


def decide(pull_request: PullRequest) -> Decision:
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
