"""The stand-in for GitHub, judged by PyGithub over a real socket, and its control surface."""

from __future__ import annotations

import asyncio
import stat
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import github
import httpx
import pytest

from cloud_sandbox import server
from cloud_sandbox.errors import SetupError
from cloud_sandbox.github.service import Service
from cloud_sandbox.github.settings import DEFAULT_REPOSITORY, Settings, Token
from cloud_sandbox.persistence import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN, READER, PERSON, STRANGER = "ghs_writer", "ghs_reader", "github_pat_person", "ghs_stranger"
TOKENS = (
    Token(token=TOKEN),
    Token(token=READER, pulls="read", issues="read"),
    Token(token=PERSON, login="hubot", kind="user", pulls="none", issues="read"),
    Token(token=STRANGER, sees=False),
)
REPOSITORY = DEFAULT_REPOSITORY
WAIT_SECONDS = 30


async def _start(settings: Settings, folder: Path) -> server.Running:
    return await server.start(Service(settings), Recorder(folder), "the GitHub stand-in")


@contextmanager
def _serving(folder: Path, **settings: Any) -> Iterator[str]:
    """The stand-in in a thread of its own; its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="github-under-test")
    thread.start()

    def done(what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, loop).result(WAIT_SECONDS)

    try:
        running = done(_start(Settings(**{"tokens": TOKENS, **settings}), folder))
        try:
            yield running.url
        finally:
            done(running.stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        loop.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One stand-in for all tests of this file."""
    with _serving(tmp_path_factory.mktemp("github")) as url:
        yield url


@pytest.fixture
def control(address: str) -> Iterator[httpx.Client]:
    """Its control surface; the test begins with an empty repository."""
    with httpx.Client(base_url=f"{address}/sandbox", trust_env=False) as client:
        assert client.post("/reset").status_code == 204
        yield client


def _client(address: str, token: str = TOKEN, per_page: int = 30) -> github.Github:
    return github.Github(
        base_url=address,
        auth=github.Auth.Token(token),
        retry=None,
        per_page=per_page,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )


def test_a_client_reads_pull_requests(address: str, control: httpx.Client) -> None:
    """Open ones unless told, the newest first, with labels, branches and times."""
    for told in ({"number": 7, "labels": ["keep"], "title": "A `title`"}, {"state": "closed"}, {"merged": True}, {}):
        assert control.post("/pulls", json=told).status_code == 200
    repository = _client(address).get_repo(REPOSITORY)
    assert [pull.number for pull in repository.get_pulls()] == [10, 7]
    assert [pull.number for pull in repository.get_pulls(state="all", direction="asc")] == [7, 8, 9, 10]
    found, merged = repository.get_pull(7), repository.get_pull(9)
    assert (found.title, [label.name for label in found.labels]) == ("A `title`", ["keep"])
    assert (found.state, found.merged, found.head.repo.full_name) == ("open", False, REPOSITORY)
    assert (merged.state, merged.merged, merged.merged_at is not None) == ("closed", True, True)


def test_a_push_a_label_and_a_fork_are_seen(address: str, control: httpx.Client) -> None:
    """What the control surface changes is what a client reads next."""
    control.post("/pulls", json={"number": 3, "fork": "someone/app", "head": "x" * 244})
    control.post("/pulls/3", json={"sha": "b" * 40, "labels": ["a", "b"]}).raise_for_status()
    found = _client(address).get_repo(REPOSITORY).get_pull(3)
    assert (found.head.sha, found.head.repo.full_name, found.head.ref) == ("b" * 40, "someone/app", "x" * 244)
    assert [label.name for label in found.labels] == ["a", "b"]
    control.post("/pulls/3", json={"head_gone": True, "state": "closed"}).raise_for_status()
    gone = _client(address).get_repo(REPOSITORY).get_pull(3)
    assert gone.state == "closed"
    assert gone.raw_data["head"]["repo"] is None


@pytest.mark.parametrize("per_page", [7, 30, 100])
def test_a_client_follows_the_pages(per_page: int, address: str, control: httpx.Client) -> None:
    """All comments arrive once and in order, whatever the length of a page."""
    control.post("/pulls", json={"number": 1})
    for number in range(31):
        control.post("/comments", json={"number": 1, "body": f"comment {number}"})
    issue = _client(address, per_page=per_page).get_repo(REPOSITORY).get_pull(1)
    comments = issue.get_issue_comments()
    assert [comment.body for comment in comments] == [f"comment {number}" for number in range(31)]
    assert comments.totalCount == 31


def test_a_client_writes_changes_and_deletes_comments(address: str, control: httpx.Client) -> None:
    """The text is kept to the character, and the author is whose token it is."""
    control.post("/pulls", json={"number": 1})
    text = "a `b` $(c) <d>\n\n\u202etext\u2066 🙂"
    pull = _client(address).get_repo(REPOSITORY).get_pull(1)
    made = pull.create_issue_comment(text)
    assert (made.body, made.user.login, made.user.type) == (text, "github-actions[bot]", "Bot")
    made.edit("other")
    assert [comment.body for comment in pull.get_issue_comments()] == ["other"]
    made.delete()
    assert list(pull.get_issue_comments()) == []


@pytest.mark.parametrize(
    ("token", "status", "message"),
    [
        (READER, 403, "Resource not accessible by integration"),
        (PERSON, 403, "Resource not accessible by personal access token"),
        (STRANGER, 404, "Not Found"),
        ("nobody", 401, "Bad credentials"),
    ],
)
def test_a_client_is_refused_in_githubs_words(
    token: str, status: int, message: str, address: str, control: httpx.Client
) -> None:
    """A token that only reads, one that does not reach the repository, and one that nobody knows."""
    control.post("/pulls", json={"number": 1})
    pull = _client(address).get_repo(REPOSITORY).get_pull(1)
    with pytest.raises(github.GithubException) as caught:
        _client(address, token).requester.requestJsonAndCheck("POST", f"{pull.issue_url}/comments", input={"body": "x"})
    assert (caught.value.status, caught.value.data["message"]) == (status, message)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "Problems parsing JSON"),
        (b"[]", 400, "Body should be a JSON object"),
        (b"{}", 422, "wasn't supplied"),
        (b'{"body": 7}', 422, "7 is not a string"),
        (b'{"body": " "}', 422, "Body cannot be blank"),
        (b'{"body": "' + b"x" * 65_537 + b'"}', 422, "Body is too long (maximum is 65536 characters)"),
    ],
)
def test_a_comment_has_a_text_within_the_limit(
    body: bytes, status: int, says: str, address: str, control: httpx.Client
) -> None:
    """What GitHub would refuse is refused, and nothing is written."""
    control.post("/pulls", json={"number": 1})
    path = f"{address}/repos/{REPOSITORY}/issues/1/comments"
    answer = httpx.post(path, content=body, headers={"Authorization": f"token {TOKEN}"}, trust_env=False)
    told = answer.json()
    assert answer.status_code == status
    assert says in "; ".join([told["message"], *(one["message"] for one in told.get("errors", []))])
    assert control.get("/state").json()["comments"] == []


def test_what_is_not_there_is_not_found(address: str, control: httpx.Client) -> None:
    """A pull request, a comment, another repository."""
    control.post("/pulls", json={"number": 1})
    repository = _client(address).get_repo(REPOSITORY)
    with pytest.raises(github.UnknownObjectException):
        repository.get_pull(2)
    with pytest.raises(github.UnknownObjectException):
        repository.get_pull(1).get_issue_comment(5)
    with pytest.raises(github.UnknownObjectException):
        _client(address).get_repo("sandbox/other")


def test_a_gap_in_the_stand_in_is_loud(address: str) -> None:
    """What it does not know is no 404, which would read like an answer."""
    answer = httpx.get(f"{address}/repos/{REPOSITORY}/branches", trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["message"].endswith(f"no route for GET /repos/{REPOSITORY}/branches")


def test_the_rate_limit_is_the_clients_to_understand(tmp_path: Path) -> None:
    """PyGithub takes the refusal for what it is."""
    with _serving(tmp_path, calls=2) as url:
        client = _client(url)
        client.get_repo(REPOSITORY)
        client.get_repo(REPOSITORY)
        with pytest.raises(github.RateLimitExceededException, match="API rate limit exceeded"):
            client.get_repo(REPOSITORY)


def test_a_restart_remembers_and_keeps_its_port(tmp_path: Path) -> None:
    """Pull requests and comments are there again; the file is for this user alone."""
    with _serving(tmp_path) as first:
        httpx.post(f"{first}/sandbox/pulls", json={"number": 4, "labels": ["keep"]}, trust_env=False)
        httpx.post(f"{first}/sandbox/comments", json={"number": 4, "body": "hello"}, trust_env=False)
        before = httpx.get(f"{first}/sandbox/state", trust_env=False).json()
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600
    with _serving(tmp_path) as second:
        assert second == first
        assert httpx.get(f"{second}/sandbox/state", trust_env=False).json() == before
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(SetupError, match="cannot be read"), _serving(tmp_path):
        pass


@pytest.mark.parametrize(
    ("path", "told", "status"),
    [
        ("/pulls", {"colour": "red"}, 400),
        ("/pulls", {"labels": "keep"}, 400),
        ("/pulls", {"number": "7"}, 400),
        ("/pulls", {"state": "half-open"}, 400),
        ("/pulls/9", {"state": "closed"}, 404),
        ("/comments", {"number": 9, "body": "x"}, 400),
        ("/comments", {"number": 1}, 400),
        ("/nothing", {}, 404),
    ],
)
def test_orders_that_make_no_sense_are_refused(
    path: str, told: dict[str, Any], status: int, control: httpx.Client
) -> None:
    """A test that orders nonsense hears of it, and the repository stays as it is."""
    control.post("/pulls", json={"number": 1})
    before = control.get("/state").json()
    assert control.post(path, json=told).status_code == status
    assert control.get("/state").json() == before


def test_calls_are_written_down_and_faults_happen(address: str, control: httpx.Client) -> None:
    """As with the other stand-ins: method and path of every call, and what was ordered to go wrong."""
    control.post("/pulls", json={"number": 1})
    pull = _client(address).get_repo(REPOSITORY)
    control.delete("/calls")
    control.post("/faults", json={"match": {"method": "GET", "path": "/pulls/1$"}, "status": 502})
    with pytest.raises(github.GithubException):
        pull.get_pull(1)
    assert pull.get_pull(1).number == 1
    told = [(call["method"], call["path"], call["status"]) for call in control.get("/calls").json()["calls"]]
    assert told == [("GET", f"/repos/{REPOSITORY}/pulls/1", 502), ("GET", f"/repos/{REPOSITORY}/pulls/1", 200)]
