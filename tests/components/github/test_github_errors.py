"""What goes wrong between us and GitHub: which error it is, what it says, and when a call is made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from components import errors
from tests.components.github.github_world import READER, REPOSITORY, STRANGER, TOKEN, Scripted, World, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.github.client import Client
    from tests.components.xata.scripted import Step

COMMENT = {"id": 1, "body": "text"}
CALLS: dict[str, Callable[[Client], Any]] = {
    "read": lambda client: client.comments(REPOSITORY, 7),
    "update": lambda client: client.update_comment(REPOSITORY, 1, "text"),
    "delete": lambda client: client.delete_comment(REPOSITORY, 1),
    "create": lambda client: client.create_comment(REPOSITORY, 7, "text"),
}
GOOD: dict[str, Any] = {"read": [], "update": COMMENT, "delete": None, "create": COMMENT}
TWICE = ("read", "update", "delete")
PRIMARY = "API rate limit exceeded for installation ID 1."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
AFTER_SENDING = (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("limited", "waits"),
    [
        (refused(429, "slow", retry_after="7"), 7.0),
        (refused(403, SECONDARY, retry_after="9"), 9.0),
        (refused(403, SECONDARY), 60.0),
        (refused(403, PRIMARY, x_ratelimit_remaining="0", x_ratelimit_reset="1800000020"), 20.0),
        (refused(429, PRIMARY, x_ratelimit_remaining="0", x_ratelimit_reset="1800000020"), 20.0),
        (
            refused(
                403,
                PRIMARY,
                x_ratelimit_remaining="0",
                x_ratelimit_reset="1800000020",
                date="Fri, 15 Jan 2027 08:00:05 GMT",
            ),
            15.0,
        ),
    ],
)
def test_a_rate_limit_is_waited_for_as_long_as_it_says(call: str, limited: Step, waits: float) -> None:
    """Nothing was done, so even a comment is written again; the time is that of GitHub's headers and clock."""
    service = Scripted(limited, httpx.Response(200, json=GOOD[call]))
    CALLS[call](service.github(budget_seconds=120))
    assert service.slept == [waits]


def test_a_rate_limit_beyond_the_budget_is_told_at_once() -> None:
    """Nobody waits an hour in silence: the error says when to come back."""
    limited = refused(403, PRIMARY, x_ratelimit_remaining="0", x_ratelimit_reset="1800003600")
    service = Scripted(limited)
    with pytest.raises(errors.BusyError, match="too many calls with this token") as caught:
        CALLS["read"](service.github())
    assert (len(service.requests), service.slept, caught.value.retry_after) == (1, [], 3600.0)
    assert caught.value.next_step == "try again in 3600 s: that is what GitHub asks for"


@pytest.mark.parametrize(
    ("answer", "error", "says", "next_step"),
    [
        (refused(401, "Bad credentials"), errors.UnauthorizedError, "unknown, expired or revoked", "GITHUB_TOKEN"),
        (
            refused(403, "Resource not accessible by integration"),
            errors.PermissionDeniedError,
            'GitHub answered 403 "Resource not accessible by integration": the token may not do this',
            "pull-requests: write",
        ),
        (refused(404, "Not Found"), errors.NotFoundError, "not there, or the token may not see it", "pull-requests"),
        (refused(410, "This issue was deleted"), errors.NotFoundError, "was deleted", "GITHUB_REPOSITORY"),
        (refused(422, "Validation Failed"), errors.InvalidError, "Validation Failed", "correct what"),
        (refused(501, "no route"), errors.NotOfferedError, "does not have the operation", "GITHUB_API_URL"),
        (httpx.Response(404, text="<html>"), errors.MalformedAnswerError, "something on the way", "proxies"),
        (httpx.Response(301, headers={"Location": "x"}), errors.MalformedAnswerError, "redirect", "GITHUB_API_URL"),
    ],
)
@pytest.mark.parametrize("call", ["update", "create"])
def test_each_refusal_is_its_own_error(
    call: str, answer: Step, error: type[errors.ApiError], says: str, next_step: str
) -> None:
    """The error tells what was tried, GitHub's own words, and what to do; nothing is asked twice."""
    service = Scripted(answer)
    with pytest.raises(error) as caught:
        CALLS[call](service.github())
    assert says in caught.value.message
    assert next_step in caught.value.next_step
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        refused(401, f"Bad credentials {TOKEN}", x_github_request_id=TOKEN),
        refused(422, f"body {TOKEN[::-1]} ghp_{'a' * 36} Bearer {TOKEN}"),
        httpx.Response(404, text=TOKEN, headers={"Content-Type": TOKEN}),
        httpx.Response(200, json=[{"id": TOKEN}]),
        httpx.ConnectError(TOKEN),
        httpx.ReadError(TOKEN),
    ],
)
@pytest.mark.parametrize("call", CALLS)
def test_the_token_is_in_no_text(call: str, answer: Step) -> None:
    """Neither a server that quotes it nor an exception of the library shows it, nor another token."""
    service = Scripted(answer)
    try:
        CALLS[call](service.github(budget_seconds=0))
    except errors.ApiError as error:
        told = f"{error} {error!r} {error.args} {vars(error)} {error.__cause__} {error.__context__}"
        assert TOKEN not in told
        assert "ghp_a" not in told


@pytest.mark.parametrize(
    ("token", "error", "says"),
    [
        (READER, errors.PermissionDeniedError, "Resource not accessible by integration"),
        (STRANGER, errors.NotFoundError, "Not Found"),
        ("ghs_unknown", errors.UnauthorizedError, "Bad credentials"),
    ],
)
def test_tokens_that_may_not_write_are_told_why(token: str, error: type[errors.ApiError], says: str) -> None:
    """A token that only reads, one of another repository, and one that nobody knows are three different errors."""
    world = World()
    with pytest.raises(error, match=says):
        world.client_of(token).create_comment(REPOSITORY, 7, "text")
    assert world.bodies == []


def test_a_token_that_may_only_read_reads() -> None:
    """Its pull requests and comments are there; writing is what needs more."""
    world = World()
    reader = world.client_of(READER)
    world.say("hello")
    assert [pull.number for pull in reader.open_pull_requests(REPOSITORY)] == [7]
    assert [comment.body for comment in reader.comments(REPOSITORY, 7)] == ["hello"]


def test_the_stand_ins_own_limit_is_one_the_client_waits_for() -> None:
    """After so many calls it refuses until its window ends; the client comes back then."""
    world = World(calls=2, window=30)
    for _ in range(3):
        world.client.pull_request(REPOSITORY, 7)
    assert len(world.requests) == 4
    assert world.time >= 1_800_000_030


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        ({"status": 502}, 2),
        ({"status": 403, "message": "API rate limit exceeded for installation ID 5."}, 2),
        ({"status": 429, "retry_after": "3"}, 2),
        ({"cut": "in"}, 2),
        ({"malformed": True}, 1),
    ],
)
def test_faults_of_the_stand_in_reach_the_client(fault: dict[str, Any], calls: int) -> None:
    """What can be ordered there is what GitHub does; a read survives all that may pass."""
    world = World(window=20)
    world.fault(**fault)
    try:
        world.client.pull_request(REPOSITORY, 7)
    except errors.MalformedAnswerError:
        assert fault == {"malformed": True}
    assert len(world.requests) == calls
