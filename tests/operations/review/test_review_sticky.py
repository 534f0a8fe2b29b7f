"""One comment of ours below a pull request, whatever else happens there."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import errors
from operations.commands.comment import publish
from operations.review.render import MARKER
from tests.components.github.github_world import PERSON, READER, REPOSITORY, World

if TYPE_CHECKING:
    from collections.abc import Callable

BODY = f"{MARKER}\n\n## plan\n"
BOT = "github-actions[bot]"


def _ours(world: World) -> list[str]:
    return [
        one.body for one in world.service.world.comments.values() if one.login == BOT and one.body.startswith(MARKER)
    ]


def test_it_is_written_then_changed_then_left_alone() -> None:
    """The second run changes the first one's comment, and one that says the same writes nothing."""
    world = World()
    assert publish(world.client, REPOSITORY, 7, BODY)[0] == "written"
    outcome, url = publish(world.client, REPOSITORY, 7, f"{BODY}more\n")
    assert (outcome, "/pull/7#issuecomment-" in url) == ("changed", True)
    world.requests.clear()
    assert publish(world.client, REPOSITORY, 7, f"{BODY}more\n")[0] == "unchanged"
    assert [call.partition(" ")[0] for call in world.requests] == ["GET", "GET"]
    assert world.bodies == [f"{BODY}more\n"]


@pytest.mark.parametrize("before", [99, 100, 101, 250])
def test_it_is_found_on_any_page(before: int) -> None:
    """However many comments stand before it."""
    world = World()
    for number in range(before):
        world.say(f"comment {number}")
    world.say(f"{MARKER}\nold", login=BOT, kind="Bot")
    for number in range(3):
        world.say(f"later {number}")
    assert publish(world.client, REPOSITORY, 7, BODY)[0] == "changed"
    assert _ours(world) == [BODY]


def test_comments_of_others_are_not_touched() -> None:
    """Somebody who copies the marker keeps their comment: ours is written beside it."""
    world = World()
    theirs = f"{MARKER}\nall is well, merge it"
    world.say(theirs)
    world.say(f"quoted:\n{MARKER}", login=BOT, kind="Bot")
    assert publish(world.client, REPOSITORY, 7, BODY)[0] == "written"
    assert world.bodies == [theirs, f"quoted:\n{MARKER}", BODY]


def test_a_person_has_a_comment_of_their_own() -> None:
    """With a person's token the comment is theirs, and a bot's is not changed."""
    world = World()
    world.say(f"{MARKER}\nbot", login=BOT, kind="Bot")
    person = world.client_of(PERSON)
    assert publish(person, REPOSITORY, 7, BODY)[0] == "written"
    assert publish(person, REPOSITORY, 7, f"{BODY}2")[0] == "changed"
    assert world.bodies == [f"{MARKER}\nbot", f"{BODY}2"]


def test_what_was_doubled_before_becomes_one() -> None:
    """The oldest stays, where its readers know it."""
    world = World()
    for text in ("one", "two", "three"):
        world.say(f"{MARKER}\n{text}", login=BOT, kind="Bot")
    oldest = min(world.service.world.comments)
    publish(world.client, REPOSITORY, 7, BODY)
    assert list(world.service.world.comments) == [oldest]
    assert _ours(world) == [BODY]


def test_an_answer_that_is_lost_doubles_nothing() -> None:
    """Whether the comment was written is seen in the list."""
    world = World()
    world.fault(method="POST", lose_answer=True)
    publish(world.client, REPOSITORY, 7, BODY)
    assert _ours(world) == [BODY]


def test_a_comment_that_somebody_deletes_meanwhile_is_written_again() -> None:
    """Between finding and changing it."""
    world = World()
    world.say(f"{MARKER}\nold", login=BOT, kind="Bot")

    def meddle(number: int) -> None:
        if number == 2:
            world.service.world.comments.clear()

    world.meddle = meddle
    publish(world.client, REPOSITORY, 7, BODY)
    assert _ours(world) == [BODY]


WRONG: list[dict[str, Any]] = [
    {"status": 502},
    {"lose_answer": True},
    {"cut": "in"},
    {"cut": "before"},
    {"status": 429, "retry_after": "2"},
]
FAULTS = st.fixed_dictionaries(
    {"nth": st.integers(1, 6)},
    optional={"method": st.sampled_from(["GET", "POST", "PATCH", "DELETE"])},
).flatmap(lambda where: st.sampled_from(WRONG).map(lambda what: {**where, **what}))


@settings(max_examples=settings().max_examples // 2)
@given(st.lists(FAULTS, max_size=3), st.integers(0, 2), st.integers(0, 120))
def test_runs_converge_whatever_goes_wrong(faults: list[dict[str, Any]], doubled: int, others: int) -> None:
    """After any faults, one more run that goes well leaves exactly one comment of ours, and all of the others'."""
    world = World()
    for number in range(others):
        world.say(f"comment {number}")
    for _ in range(doubled):
        world.say(f"{MARKER}\nold", login=BOT, kind="Bot")
    for fault in faults:
        world.fault(**fault)
    with contextlib.suppress(errors.ApiError):
        publish(world.client, REPOSITORY, 7, f"{BODY}first")
    world.service.faults.clear()
    publish(world.client, REPOSITORY, 7, BODY)
    assert _ours(world) == [BODY]
    assert len(world.bodies) == others + 1


@settings(max_examples=settings().max_examples // 2)
@given(st.lists(st.booleans(), max_size=16), st.booleans())
def test_two_runs_at_once_leave_one_comment(turns: list[bool], there: bool) -> None:  # noqa: FBT001 - an example
    """Whatever the order of their calls: one comment stays, and it is that of one of the two."""
    world = World()
    if there:
        world.say(f"{MARKER}\nold", login=BOT, kind="Bot")
    _interleaved(world, turns, [f"{BODY}a", f"{BODY}b"])
    assert len(_ours(world)) == 1
    assert _ours(world)[0] in {f"{BODY}a", f"{BODY}b"}


def _interleaved(world: World, turns: list[bool], bodies: list[str]) -> None:
    """Run two at once: each waits for its turn before a call, and without turns left they go as they come."""
    order, condition, running = [int(turn) for turn in turns], threading.Condition(), {0, 1}
    names: dict[int, int] = {}

    def meddle(_number: int) -> None:
        me = names[threading.get_ident()]
        with condition:
            condition.wait_for(lambda: not order or order[0] == me or order[0] not in running, timeout=5)
            if order:
                order.pop(0)
            condition.notify_all()

    def run(me: int) -> None:
        names[threading.get_ident()] = me
        try:
            publish(world.client, REPOSITORY, 7, bodies[me])
        finally:
            with condition:
                running.discard(me)
                condition.notify_all()

    world.meddle = meddle
    threads = [threading.Thread(target=run, args=(me,)) for me in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


@pytest.mark.parametrize(
    ("prepare", "error"),
    [
        (lambda world: world.fault(status=404, times=0, path="comments", message="Not Found"), errors.NotFoundError),
        (lambda world: world.fault(status=502, times=0, path="comments"), errors.UnavailableError),
        (
            lambda world: world.fault(status=403, times=0, path="comments", retry_after="3600", message="rate limit"),
            errors.BusyError,
        ),
    ],
)
def test_what_github_refuses_is_told(prepare: Callable[[World], None], error: type[Exception]) -> None:
    """A lost permission, a failure that lasts, a limit that nobody waits for: each is its own error."""
    world = World()
    prepare(world)
    with pytest.raises(error):
        publish(world.client, REPOSITORY, 7, BODY)
    assert world.bodies == []


def test_a_token_that_may_only_read_is_told_what_it_lacks() -> None:
    """The next step names the permission, and that forks never have it."""
    world = World(token=READER)
    with pytest.raises(errors.PermissionDeniedError) as caught:
        publish(world.client, REPOSITORY, 7, BODY)
    assert "pull-requests: write" in caught.value.next_step
    assert "forks" in caught.value.next_step
