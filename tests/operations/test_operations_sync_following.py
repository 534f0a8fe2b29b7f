"""An environment follows its pull request until both fit."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.commands.sync import MOST_STEPS, Done, Followed, follow
from operations.errors import ExitCode
from operations.previews.decisions import PullRequest, State
from operations.previews.decisions import decide_step as decide

CHANGES = {"create": 1, "update": 0, "replace": 0, "delete": 0, "same": 0}


@dataclass
class World:
    """A pull request whose state is another one at each look, and its environment.

    `seen` are the states of the looks one after the other, the last for all that follow; `codes` what steps end with.
    """

    seen: list[State]
    codes: list[ExitCode] = field(default_factory=list)
    fork: bool = False
    did: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    looks: int = 0

    def look(self) -> PullRequest:
        """What it is now."""
        state = self.seen[min(self.looks, len(self.seen) - 1)]
        self.looks += 1
        return PullRequest(number=7, state=state, is_from_fork=self.fork)

    def up(self) -> Done:
        """Bring it up."""
        return self._done("up")

    def down(self) -> Done:
        """Take it down."""
        return self._done("down")

    def _done(self, verb: str) -> Done:
        self.did.append(verb)
        return Done(code=self.codes.pop(0) if self.codes else ExitCode.SUCCESS, changes=CHANGES)

    def followed(self) -> Followed:
        """What became of it."""
        return follow(self.look, self, self.said.append)


@pytest.mark.parametrize(
    ("seen", "did"),
    [
        (["open"], ["up"]),
        (["closed"], ["down"]),
        (["merged"], ["down"]),
        (["gone"], ["down"]),
        (["open", "closed"], ["up", "down"]),
        (["open", "gone"], ["up", "down"]),
        (["closed", "open"], ["down", "up"]),
        (["closed", "open", "merged"], ["down", "up", "down"]),
        (["open", "open", "closed"], ["up"]),
        (["closed", "merged"], ["down"]),
    ],
)
def test_what_happens_meanwhile_is_followed(seen: list[State], did: list[str]) -> None:
    """After each step it looks again, and what the pull request asks for at the end is what was done last."""
    world = World(seen)
    followed = world.followed()
    assert (world.did, followed.code, followed.fits) == (did, ExitCode.SUCCESS, True)
    assert world.looks == len(did) + 1


def test_a_fork_is_left_alone() -> None:
    """Nothing is done for a fork, and that is success."""
    world = World(["open"], fork=True)
    assert (world.followed().code, world.did, world.said) == (ExitCode.SUCCESS, [], [])


def test_what_was_decided_is_said_before_it_is_done() -> None:
    """Each step is told with its reason, the later ones as what is true by now."""
    world = World(["open", "closed"])
    world.followed()
    assert world.said == ["up: pull request #7 is open", "down: pull request #7 is closed now"]


def test_an_up_that_failed_while_the_pull_request_was_closed_is_taken_down() -> None:
    """What a failed `up` left is taken down when it is not wanted any more, and then all is well."""
    world = World(["open", "closed"], codes=[ExitCode.RESOURCE_FAILED])
    assert (world.followed().code, world.did) == (ExitCode.SUCCESS, ["up", "down"])


@pytest.mark.parametrize("code", [ExitCode.RESOURCE_FAILED, ExitCode.CHANGES_REFUSED, ExitCode.INTERRUPTED])
def test_a_failure_is_told_and_not_repeated(code: ExitCode) -> None:
    """The code of a step that did not end well is the sync's."""
    world = World(["open"], codes=[code])
    assert (world.followed().code, world.did) == (code, ["up"])


@pytest.mark.parametrize("code", [ExitCode.CHANGES_REFUSED, ExitCode.INTERRUPTED])
def test_whoever_says_no_has_the_last_word(code: ExitCode) -> None:
    """After a no or an interruption nothing else is done, whatever the pull request has become."""
    world = World(["open", "closed"], codes=[code])
    assert (world.followed().code, world.did, world.looks) == (code, ["up"], 1)


def test_a_pull_request_that_never_rests_ends_the_run() -> None:
    """One that is opened and closed without end is followed a few steps, and the run says that they do not fit."""
    world = World(["open", "closed"] * 20)
    followed = world.followed()
    assert (len(world.did), followed.fits, followed.code) == (MOST_STEPS, False, ExitCode.RESOURCE_FAILED)


@given(st.lists(st.sampled_from(["open", "closed", "merged", "gone"]), min_size=1, max_size=MOST_STEPS))
def test_at_the_end_they_fit(seen: list[State]) -> None:
    """However a pull request changes between looks, once it rests, the last step is what it asks for."""
    world = World(seen)
    followed = world.followed()
    assert followed.fits
    assert world.did[-1] == decide(PullRequest(number=7, state=seen[min(world.looks, len(seen)) - 1])).verb
    assert all(one != other for one, other in zip(world.did, world.did[1:], strict=False))
