"""Which previews go and which stay: a table of every reason, and what must never happen whatever is seen."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.xata.branches.names import PERSISTENT, is_preview
from components.xata.branches.ownership import last_day, mark, marked_stack, until
from operations.previews.decisions import Branch, Pull, Reason, Seen, Verdict, looks_like_preview, number_of
from operations.previews.decisions import decide_sweep as decide

if TYPE_CHECKING:
    from collections.abc import Sequence

TODAY = date(2026, 11, 28)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
KEEP = "keep-preview"
OPEN, CLOSED, UNKNOWN = Pull(state="open"), Pull(state="closed"), Pull(state="unknown")
UNASKED = Pull(state="unasked", unread="GitHub is away")
ROOT = Branch(id="root", name="main", description=mark("foundation"))


def _branch(name: str = "pr-7", description: str | None = mark("pr-7"), **more: Any) -> Branch:
    return Branch(id=f"id-{name}", name=name, **{"parent": "root", "description": description, **more})


def _decide(*branches: Branch, pull: Pull | None = CLOSED, **more: Any) -> list[Verdict]:
    without_github = more.pop("without_github", False)
    pulls = {} if pull is None else dict.fromkeys(range(100), pull)
    seen = Seen(branches=[ROOT, *branches], pulls=pulls, today=TODAY, **more)
    return decide(seen, keep_label=KEEP, without_github=without_github)


ENDED = mark("pr-7", until(YESTERDAY))
LIVING = mark("pr-7", until(TODAY))


@pytest.mark.parametrize(
    ("branch", "pull", "reason", "says"),
    [
        (_branch(), CLOSED, Reason.CLOSED, "its pull request is closed"),
        (_branch(description=LIVING), CLOSED, Reason.CLOSED, "its pull request is closed"),
        (_branch(description=ENDED), OPEN, Reason.EXPIRED, "its life ended with 2026-11-27"),
        (_branch(description=ENDED), CLOSED, Reason.EXPIRED, "2026-11-27"),
        (_branch(description=ENDED), UNKNOWN, Reason.EXPIRED, "2026-11-27"),
        (_branch(description=LIVING), OPEN, Reason.OPEN, "open, and it lives until 2026-11-28"),
        (_branch(), OPEN, Reason.OPEN, "its pull request is open"),
        (_branch(description=mark("pr-7", "until 2026-02-30")), OPEN, Reason.OPEN, "open"),
        (_branch(), UNKNOWN, Reason.UNKNOWN, "does not know"),
        (_branch(), UNASKED, Reason.UNASKED, "GitHub is away"),
        (_branch(description=ENDED), UNASKED, Reason.UNASKED, "GitHub is away"),
        (_branch(), None, Reason.UNASKED, "nobody asked"),
        (_branch(), Pull(state="closed", labels=("x", KEEP)), Reason.KEPT, KEEP),
        (_branch(description=ENDED), Pull(state="open", labels=(KEEP,)), Reason.KEPT, KEEP),
        (_branch(), Pull(state="closed", labels=("keep",)), Reason.CLOSED, "closed"),
        (_branch(description=None), CLOSED, Reason.NOT_OURS, "without our mark"),
        (_branch(description="until 2026-01-01"), CLOSED, Reason.NOT_OURS, "without our mark"),
        (_branch(description="INFRA STACK pr-7"), CLOSED, Reason.NOT_OURS, "without our mark"),
        (_branch(description=mark("pr-8", until(YESTERDAY))), CLOSED, Reason.NOT_OURS, "marked as the branch of pr-8"),
        (_branch(description=mark("staging")), CLOSED, Reason.NOT_OURS, "marked as the branch of staging"),
        (_branch(parent=None), CLOSED, Reason.NOT_OURS, "root branch"),
        (_branch(description=None, unread="403"), CLOSED, Reason.UNREADABLE, "403"),
        (_branch("pr-07", mark("pr-07")), CLOSED, Reason.NAME, "pr-<number>"),
        (_branch("PR-7", mark("PR-7")), CLOSED, Reason.NAME, "pr-<number>"),
        (_branch("pr-7-copy", mark("pr-7-copy")), CLOSED, Reason.NAME, "pr-<number>"),
        (_branch("pr-7\n", mark("pr-7")), CLOSED, Reason.NAME, "pr-<number>"),
        (_branch("pr-1234567890", mark("pr-1234567890")), CLOSED, Reason.NAME, "pr-<number>"),
    ],
)
def test_every_reason(branch: Branch, pull: Pull | None, reason: Reason, says: str) -> None:
    """Name, mark, label, life and pull request, in this order; the last day of a life is still part of it."""
    (verdict,) = _decide(branch, pull=pull)
    assert verdict.reason is reason
    assert says in verdict.detail
    assert verdict.goes is (reason in {Reason.CLOSED, Reason.EXPIRED})


@pytest.mark.parametrize("name", [*sorted(PERSISTENT), "feature-7", "print", "apr-7", "release"])
def test_what_does_not_look_like_a_preview_is_no_subject(name: str) -> None:
    """Persistent branches and strangers' are not even listed, whatever mark they carry."""
    assert _decide(_branch(name, mark("pr-7", until(YESTERDAY)))) == []


def test_a_parent_stays_while_it_has_children() -> None:
    """Whoever they belong to, and even when they go themselves: the next sweep takes the parent."""
    parent, child = _branch(), _branch("pr-8", mark("pr-8"), parent="id-pr-7")
    stranger = _branch("copy", None, parent="id-pr-7")
    first, second = _decide(parent, child)
    assert (first.name, first.goes) == ("pr-8", True)
    assert (second.name, second.reason) == ("pr-7", Reason.CHILDREN)
    assert [one.reason for one in _decide(parent, stranger)] == [Reason.CHILDREN]
    assert "copy" in _decide(parent, stranger)[0].detail


def test_of_two_branches_of_one_name_none_goes() -> None:
    """Which one is meant cannot be told."""
    twin = Branch(id="other", name="pr-7", parent="root", description=mark("pr-7"))
    assert [one.reason for one in _decide(_branch(), twin)] == [Reason.NOT_OURS] * 2


def test_without_github_only_an_ended_life_counts() -> None:
    """That has to be said; then no label can keep it, and the detail says so."""
    ended, living, endless = _branch(description=ENDED), _branch(description=LIVING), _branch()
    (verdict,) = _decide(ended, pull=UNASKED, without_github=True)
    assert verdict.reason is Reason.EXPIRED
    for branch in (living, endless):
        (verdict,) = _decide(branch, pull=UNASKED, without_github=True)
        assert verdict.reason is Reason.UNASKED


def test_what_is_left_of_a_preview_goes_when_its_pull_request_is_closed() -> None:
    """A state or a Worker without a branch has no life to end: only the pull request decides."""
    left: dict[str, Any] = {"states": frozenset({"pr-7"}), "workers": {"pr-7": "app-pr-7", "pr-8": "app-pr-8"}}
    first, second = _decide(pull=CLOSED, **left)
    assert (first.name, first.branch, first.worker, first.state) == ("pr-7", None, "app-pr-7", True)
    assert (second.name, second.goes, second.state) == ("pr-8", True, False)
    for pull in (OPEN, UNKNOWN, UNASKED, Pull(state="closed", labels=(KEEP,))):
        assert not any(one.goes for one in _decide(pull=pull, **left))
    assert not any(one.goes for one in _decide(pull=UNASKED, without_github=True, **left))


def test_worker_and_state_stay_with_a_branch_that_stays() -> None:
    """They are told with it, and go only with it."""
    left: dict[str, Any] = {"states": frozenset({"pr-7"}), "workers": {"pr-7": "app-pr-7"}}
    (verdict,) = _decide(_branch(description=None), **left)
    assert (verdict.reason, verdict.worker, verdict.state) == (Reason.NOT_OURS, "app-pr-7", True)


def test_a_stack_that_somebody_works_on_stays() -> None:
    """Its lock says who."""
    (verdict,) = _decide(_branch(), states=frozenset({"pr-7"}), locked={"pr-7": "ann@host, process 4"})
    assert verdict.reason is Reason.LOCKED
    assert "ann@host" in verdict.detail


def test_what_goes_comes_first_and_numbers_count_as_numbers() -> None:
    """The table is read from the top."""
    names = [f"pr-{number}" for number in (10, 9, 2)]
    branches = [_branch(name, mark(name)) for name in names]
    odd = _branch("PR-1", None)
    seen = Seen(branches=[odd, *branches], pulls={10: CLOSED, 9: OPEN, 2: CLOSED}, today=TODAY)
    assert [one.name for one in decide(seen, keep_label=KEEP)] == ["pr-2", "pr-10", "pr-9", "PR-1"]


NAMES = st.sampled_from(
    [*sorted(PERSISTENT), *(f"pr-{number}" for number in range(1, 6)), "pr-0", "PR-1", "pr-1-x", "feature", "pr-1\n"]
)
DESCRIPTIONS = st.one_of(
    st.none(),
    st.builds(mark, NAMES.filter(lambda name: name.replace("-", "").isalnum())),
    st.builds(
        lambda name, day: mark(name, until(day)),
        st.sampled_from([f"pr-{number}" for number in range(1, 6)]),
        st.dates(YESTERDAY - timedelta(days=2), TOMORROW),
    ),
    st.sampled_from(["infra stack", "mine", "infra stack pr-1 until never"]),
)
PULLS = st.builds(
    Pull,
    state=st.sampled_from(["open", "closed", "unknown", "unasked"]),
    labels=st.sampled_from([(), (KEEP,), ("other",)]),
)


@st.composite
def _projects(draw: st.DrawFn) -> Seen:
    count = draw(st.integers(0, 8))
    branches = [
        Branch(
            id=f"b{number}",
            name=draw(NAMES),
            parent=draw(st.sampled_from([None, "root", *(f"b{other}" for other in range(count))])),
            description=draw(DESCRIPTIONS),
            unread=draw(st.sampled_from(["", "", "", "403"])),
        )
        for number in range(count)
    ]
    previews = st.sampled_from([f"pr-{number}" for number in range(1, 6)])
    return Seen(
        branches=branches,
        pulls=draw(st.dictionaries(st.integers(1, 5), PULLS)),
        states=draw(st.frozensets(previews)),
        workers=draw(st.dictionaries(previews, st.just("worker"))),
        locked=draw(st.dictionaries(previews, st.just("somebody"), max_size=1)),
        today=TODAY,
    )


def _children(seen: Seen, branch: Branch) -> Sequence[Branch]:
    return [other for other in seen.branches if other.parent == branch.id]


@given(seen=_projects(), without_github=st.booleans())
def test_whatever_is_seen_nothing_wrong_ever_goes(seen: Seen, without_github: bool) -> None:  # noqa: FBT001 - drawn
    """Never a persistent branch, never without our mark, never open and alive, never a parent, never what is kept."""
    for verdict in decide(seen, keep_label=KEEP, without_github=without_github):
        if not verdict.goes:
            continue
        assert is_preview(verdict.name)
        assert verdict.name not in PERSISTENT | seen.locked.keys()
        pull = seen.pulls.get(number_of(verdict.name), UNASKED)
        assert KEEP not in pull.labels or pull.state == "unasked"
        branch, end = verdict.branch, None
        if branch is not None:
            assert branch.name == marked_stack(branch.description) == verdict.name
            assert not _children(seen, branch)
            assert not branch.unread
            end = last_day(branch.description)
        dead = end is not None and end < TODAY
        assert pull.state == "closed" or (dead and (pull.state != "unasked" or without_github))


@given(seen=_projects())
def test_whatever_is_seen_every_preview_gets_a_word(seen: Seen) -> None:
    """Each branch that looks like a preview's, each state and each Worker is told once, with a reason."""
    verdicts = decide(seen, keep_label=KEEP)
    told = [one.branch.id for one in verdicts if one.branch]
    assert sorted(told) == sorted(one.id for one in seen.branches if looks_like_preview(one.name))
    there = {branch.name for branch in seen.branches}
    assert sorted(one.name for one in verdicts if one.branch is None) == sorted({*seen.states, *seen.workers} - there)
    assert all(one.detail for one in verdicts)
