"""The client of GitHub against the stand-in: what it reads and writes, over all pages."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import errors
from components.github.client import connect, disconnect, repository_in
from tests.components.github.github_world import PERSON, REPOSITORY, TOKEN, Scripted, World


def test_a_pull_request_is_read_with_what_decides_about_it() -> None:
    """State, labels, commit, and whether its commits come from a fork."""
    world = World()
    world.service.world.change(7, {"labels": ["keep", "infra: allow x"], "sha": "a" * 40, "title": "`$(id)` <b>"})
    found = world.client.pull_request(REPOSITORY, 7)
    assert (found.is_open, found.label_names, found.head.sha) == (True, ("keep", "infra: allow x"), "a" * 40)
    assert (found.title, found.is_from_fork) == ("`$(id)` <b>", False)
    world.service.world.change(7, {"merged": True})
    merged = world.client.pull_request(REPOSITORY, 7)
    assert (merged.is_open, merged.merged_at is not None) == (False, True)


@pytest.mark.parametrize(("told", "fork"), [({}, False), ({"fork": "someone/app"}, True), ({"head_gone": True}, True)])
def test_a_fork_is_told_from_the_repository_itself(told: dict[str, object], fork: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Another repository is a fork, and one that was deleted was none of ours."""
    world = World()
    world.service.world.change(7, told)
    assert world.client.pull_request(REPOSITORY, 7).is_from_fork == fork


def test_a_comment_is_written_changed_and_deleted() -> None:
    """What is gone already is no error, and is told apart."""
    world = World()
    made = world.client.create_comment(REPOSITORY, 7, "one\n\n**two**")
    assert (made.body, made.user and made.user.login) == ("one\n\n**two**", "github-actions[bot]")
    world.client.update_comment(REPOSITORY, made.id, "three")
    assert [comment.body for comment in world.client.comments(REPOSITORY, 7)] == ["three"]
    assert world.client.delete_comment(REPOSITORY, made.id)
    assert not world.client.delete_comment(REPOSITORY, made.id)


def test_a_delete_whose_answer_was_lost_is_a_delete() -> None:
    """The repeat finds nothing, because the first attempt deleted it."""
    world = World()
    comment = world.say("gone soon")
    world.fault(method="DELETE", lose_answer=True)
    assert world.client.delete_comment(REPOSITORY, comment)


@settings(max_examples=settings().max_examples // 5)
@given(open_ones=st.integers(0, 260), closed=st.integers(0, 3))
def test_lists_are_read_over_all_pages(open_ones: int, closed: int) -> None:
    """Whatever their number, every open pull request and every comment is told once, in order."""
    world = World()
    for _ in range(open_ones):
        world.service.world.seed({})
    for _ in range(closed):
        world.service.world.seed({"state": "closed"})
    found = [pull.number for pull in world.client.open_pull_requests(REPOSITORY)]
    assert found == list(range(7, 8 + open_ones))
    wanted = [world.say(f"comment {number}") for number in range(open_ones)]
    world.say("elsewhere", number=found[-1]) if open_ones else None
    assert [one.id for one in world.client.comments(REPOSITORY, 7)] == wanted
    assert len(world.requests) == 2 * max(1, -(-open_ones // 100)) + (open_ones % 100 == 0 and open_ones > 0)


@settings(max_examples=settings().max_examples // 3)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=4), st.integers(150, 230))
def test_a_list_that_changes_while_it_is_read_tells_nothing_twice(
    changes: list[tuple[int, bool]], comments: int
) -> None:
    """Comments that come and go between two pages shift the rest; no comment is told twice, none is invented."""
    world = World()
    ids = [world.say(f"comment {number}") for number in range(comments)]

    def meddle(number: int) -> None:
        for at, adds in changes:
            if at == number and adds:
                world.say("late")
            elif at == number:
                world.service.world.comments.pop(next(iter(world.service.world.comments)), None)

    world.meddle = meddle
    found = [one.id for one in world.client.comments(REPOSITORY, 7)]
    assert found == sorted(set(found))
    if not any(adds is False for _, adds in changes):
        assert set(ids) <= set(found)


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.test/repos/x",
        "http://github.test/repos/x",
        "https://github.test:444/repos/x",
        "https://github.test@elsewhere.test/repos/x",
        "https://github.test.elsewhere.test/x",
        "https://github.test/../x",
        "//elsewhere.test/x",
        "/repos/x",
        "nonsense",
    ],
)
def test_the_token_goes_to_the_api_alone(link: str) -> None:
    """A next page on another server is refused, and nothing is sent there."""
    service = Scripted(httpx.Response(200, json=[], headers={"Link": f'<{link}>; rel="next"'}))
    with pytest.raises(errors.MalformedAnswerError, match="not below the API's address"):
        service.github().comments(REPOSITORY, 7)
    assert len(service.requests) == 1


def test_pages_may_lie_at_another_path_of_the_api() -> None:
    """GitHub leads from /repos/owner/name to /repositories/1; only the server has to stay the same."""
    following = httpx.Response(200, json=[{"id": 2, "body": "two"}])
    link = {"Link": '<https://github.test/api/v3/repositories/1/issues/7/comments?page=2>; rel="next", <x>; rel="last"'}
    service = Scripted(httpx.Response(200, json=[{"id": 1}], headers=link), following)
    found = service.github(base_url="https://github.test/api/v3").comments(REPOSITORY, 7)
    assert [comment.id for comment in found] == [1, 2]
    assert str(service.requests[0].url).endswith("/api/v3/repos/sandbox/app/issues/7/comments?per_page=100")


def test_pages_that_lead_in_a_circle_end() -> None:
    """The same page for ever is an error and no endless loop."""
    link = {"Link": '<https://github.test/repos/sandbox/app/issues/7/comments?page=2>; rel="next"'}
    service = Scripted(httpx.Response(200, json=[], headers=link))
    with pytest.raises(errors.MalformedAnswerError, match="lead in a circle"):
        service.github().comments(REPOSITORY, 7)
    assert len(service.requests) == 2


def test_whose_token_it_is_is_told_of_a_person_alone() -> None:
    """A workflow's token has no user, and GitHub says so."""
    world = World()
    with pytest.raises(errors.PermissionDeniedError, match="Resource not accessible by integration"):
        world.client.user()
    assert world.client_of(PERSON).user().login == "hubot"


@pytest.mark.parametrize("name", ["", "app", "a/b/c", "../app", "sandbox/..", "sandbox/a b", "a?b/c", "https://x/y"])
def test_a_repository_is_an_owner_and_a_name(name: str) -> None:
    """Anything else is refused before a call."""
    service = Scripted(httpx.Response(200, json=[]))
    with pytest.raises(errors.InputError, match="nothing was sent"):
        service.github().open_pull_requests(name)
    assert not service.requests


def test_the_environment_says_where_and_with_what() -> None:
    """The same address and token share a client; without a token, or with an address that is none, there is none."""
    environment = {"GITHUB_TOKEN": f" {TOKEN}\n", "GITHUB_API_URL": "http://127.0.0.1:9/"}
    try:
        assert connect(environment) is connect(environment)
        assert connect(environment).base_url == "http://127.0.0.1:9"
        assert connect({"GITHUB_TOKEN": TOKEN}).base_url == "https://api.github.com"
    finally:
        disconnect()
    with pytest.raises(errors.InputError, match="GITHUB_TOKEN is not set"):
        connect({})
    with pytest.raises(errors.InputError, match="characters that no token has"):
        connect({"GITHUB_TOKEN": "two words"})
    with pytest.raises(errors.InputError, match="does not begin with https"):
        connect({"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": "http://github.example"})
    assert repository_in({"GITHUB_REPOSITORY": "a/b.c"}) == "a/b.c"
    with pytest.raises(errors.InputError, match="no repository is named"):
        repository_in({})
