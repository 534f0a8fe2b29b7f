"""What a pull request asks of its environment."""

from __future__ import annotations

import pytest

from operations.previews.decisions import FORK_NOTE, PullRequest, State, Verb
from operations.previews.decisions import decide_step as decide


@pytest.mark.parametrize(
    ("state", "fork", "verb", "why"),
    [
        ("open", False, "up", "pull request #7 is open"),
        ("open", True, "nothing", f"pull request #7 is open, but {FORK_NOTE}"),
        ("closed", False, "down", "pull request #7 is closed"),
        ("closed", True, "down", "pull request #7 is closed"),
        ("merged", False, "down", "pull request #7 is merged"),
        ("merged", True, "down", "pull request #7 is merged"),
        ("gone", False, "down", "there is no pull request #7"),
    ],
)
def test_what_is_true_now_decides(state: State, fork: bool, verb: Verb, why: str) -> None:  # noqa: FBT001 - a parameter of the table
    """Open goes up unless it is a fork's, everything else comes down, and the reason names the pull request."""
    decision = decide(PullRequest(number=7, state=state, is_from_fork=fork))
    assert (decision.verb, decision.why) == (verb, why)


@pytest.mark.parametrize(
    ("state", "verb", "why"),
    [
        ("open", "up", "pull request #7 is open"),
        ("closed", "nothing", "pull request #7 is closed, and has the label keep-preview"),
        ("merged", "nothing", "pull request #7 is merged, and has the label keep-preview"),
    ],
)
def test_a_label_keeps_what_a_sweep_would_keep(state: State, verb: Verb, why: str) -> None:
    """A closed pull request with the label is left to whoever set it; while it is open the label changes nothing."""
    decision = decide(PullRequest(number=7, state=state, keep_label="keep-preview"))
    assert (decision.verb, decision.why) == (verb, why)
