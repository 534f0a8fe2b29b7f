"""When requests are made again: which, after what, for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from components import errors
from components.http.client import READ_SECONDS
from components.xata.api.client import WRITE_SECONDS
from components.xata.api.models import BranchCreation, BranchPatch, Restore
from tests.components.xata.scripted import (
    BRANCH,
    ORGANIZATION,
    PROJECT,
    SUMMARY,
    WHOLE_BRANCH,
    Service,
    Step,
    answer,
    cut,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.xata.api.client import Client

PLACE = (ORGANIZATION, PROJECT)
CHILD = BranchCreation(name="staging", parent_id="main")

CALLS: dict[str, Callable[[Client], Any]] = {
    "GET": lambda client: client.branch(*PLACE, BRANCH),
    "DELETE": lambda client: client.delete_branch(*PLACE, BRANCH),
    "POST": lambda client: client.create_branch(*PLACE, CHILD),
    "restore": lambda client: client.restore(*PLACE, BRANCH, Restore(name="again")),
    "rotate": lambda client: client.rotate_credentials(*PLACE, BRANCH),
    "PATCH": lambda client: client.update_branch(*PLACE, BRANCH, BranchPatch(replicas=1)),
}
GOOD = {
    "GET": answer(200, WHOLE_BRANCH),
    "DELETE": answer(204),
    "POST": answer(201, SUMMARY),
    "restore": answer(201, SUMMARY),
    "rotate": answer(204),
    "PATCH": answer(200, SUMMARY),
}
SAFE, WRITES = ("GET", "DELETE"), ("POST", "restore", "rotate", "PATCH")
BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
AFTER_SENDING = (httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.WriteTimeout, httpx.RemoteProtocolError)


@pytest.mark.parametrize("call", SAFE)
@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(refusal(status), id=str(status)) for status in (408, 429, 500, 502, 503, 504)),
        pytest.param(httpx.Response(502, text="<html>Bad gateway"), id="html"),
        *(pytest.param(kind("x"), id=kind.__name__) for kind in BEFORE_SENDING + AFTER_SENDING),
        pytest.param(cut(), id="cut in mid-body"),
    ],
)
def test_reads_and_deletes_are_made_again(call: str, trouble: Step) -> None:
    """What fails once and may pass is not seen by the caller of a read or a delete."""
    service = Service(trouble, GOOD[call])
    CALLS[call](service.client())
    assert len(service.requests) == 2
    assert len({request.headers["X-Request-Id"] for request in service.requests}) == 1


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 412, 415, 422, 423, 501, 505])
def test_answers_that_stay_the_same_are_not_asked_for_again(call: str, status: int) -> None:
    """A refusal is told at once, whatever was asked."""
    service = Service(refusal(status, "branch [b] not found" if status == 404 else "nope"))
    if (call, status) == ("DELETE", 404):
        assert CALLS[call](service.client()) is False
    else:
        with pytest.raises(errors.ApiError) as caught:
            CALLS[call](service.client())
        assert caught.value.status == status
    assert len(service.requests) == 1


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        *(pytest.param(refusal(status), status, id=str(status)) for status in (408, 500, 502, 503, 504, 520)),
        *(pytest.param(kind("x"), None, id=kind.__name__) for kind in AFTER_SENDING),
        pytest.param(cut(500), 500, id="cut in mid-error"),
    ],
)
def test_a_write_of_unknown_fate_is_not_made_again(call: str, trouble: Step, status: int | None) -> None:
    """Nothing is posted blindly twice: the caller hears that the outcome is open."""
    service = Service(trouble)
    with pytest.raises(errors.AmbiguousError, match="whether it was carried out is not known") as caught:
        CALLS[call](service.client())
    assert len(service.requests) == 1
    assert caught.value.status == status


@pytest.mark.parametrize("call", [call for call in WRITES if call != "rotate"])
@pytest.mark.parametrize(
    "lost", [cut(201), answer(201), answer(200, []), answer(200, {}), httpx.Response(201, text="<html>Hello")]
)
def test_a_write_whose_answer_alone_is_lost_says_so(call: str, lost: httpx.Response) -> None:
    """After a success that can not be read the error tells that the write happened."""
    service = Service(lost)
    with pytest.raises(errors.AmbiguousError, match="it was carried out") as caught:
        CALLS[call](service.client())
    assert caught.value.status == lost.status_code
    assert len(service.requests) == 1


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(kind("x"), id=kind.__name__) for kind in BEFORE_SENDING),
        pytest.param(refusal(503, retry_after="30"), id="503"),
        pytest.param(refusal(429, retry_after="1"), id="429"),
        pytest.param(refusal(409, "in other words", retry_after="1"), id="409 with a time to come back"),
        pytest.param(refusal(423, "in other words", retry_after="1"), id="423 with a time to come back"),
        pytest.param(refusal(409, "acquire project lock: project [prj_1] is busy"), id="409 in the words of a lock"),
    ],
)
def test_a_write_that_certainly_did_nothing_is_made_again(call: str, trouble: Step) -> None:
    """What was never sent, or turned away with a time to come back, is safe to repeat."""
    service = Service(trouble, GOOD[call])
    CALLS[call](service.client())
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    ("call", "message", "requests"),
    [
        ("PATCH", "branch [b1] was modified concurrently, please retry", 2),
        ("PATCH", "branch [was modified concurrently, please retry] already exists", 1),
        ("POST", "branch [b1] was modified concurrently, please retry", 1),
    ],
)
def test_a_change_that_lost_against_another_is_made_again(call: str, message: str, requests: int) -> None:
    """A conflict is repeated only for a change, and only when the server asks for it."""
    service = Service(refusal(409, message), GOOD[call])
    if requests == 1:
        with pytest.raises(errors.ConflictError):
            CALLS[call](service.client())
    else:
        CALLS[call](service.client())
    assert len(service.requests) == requests


@pytest.mark.parametrize("name", ["busy", "acquire project lock", "project [x] is busy"])
def test_a_taken_name_is_no_busy_project(name: str) -> None:
    """Whatever a branch is called: that its name is taken is told at once."""
    service = Service(refusal(409, f"branch [{name}] already exists"))
    with pytest.raises(errors.ConflictError, match="take another name"):
        CALLS["POST"](service.client())
    assert len(service.requests) == 1


def test_a_project_that_stays_busy_is_told_as_such() -> None:
    """The budget is spent on asking again, and the error is not about a name."""
    service = Service(*[refusal(409, "in other words", retry_after="1")] * 20)
    with pytest.raises(errors.BusyError, match="another change of the project") as caught:
        CALLS["POST"](service.client(budget_seconds=10.0))
    assert len(service.requests) > 2
    assert "in other words" in caught.value.message


@pytest.mark.parametrize("call", WRITES)
def test_a_write_does_not_begin_a_wait_beyond_the_budget(call: str) -> None:
    """A 503 with a time to come back did nothing: the time is named at once."""
    service = Service(refusal(503, retry_after="61"))
    with pytest.raises(errors.BusyError, match="try again in 61 s") as caught:
        CALLS[call](service.client())
    assert service.slept == []
    assert caught.value.retry_after == 61.0


@pytest.mark.parametrize(
    ("script", "deleted"),
    [
        ([answer(204)], True),
        ([refusal(404, "branch [b1] not found")], False),
        ([httpx.ReadError("x"), refusal(404, "branch [b1] not found")], True),
        ([refusal(500), refusal(404, "branch [b1] not found")], True),
    ],
)
def test_a_delete_says_whether_there_was_something(script: list[Step], deleted: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Gone before the first attempt is False; gone on a repeat is the work of an attempt whose answer was lost."""
    assert Service(*script).client().delete_branch(*PLACE, BRANCH) is deleted
    assert Service(*script).client().delete_project(*PLACE) is deleted


@pytest.mark.parametrize(
    "stranger",
    [
        httpx.Response(404, text="<html>no such site"),
        answer(404),
        answer(404, {}),
        answer(404, {"message": "Not Found"}),
    ],
)
def test_gone_is_only_what_xata_says_is_gone(stranger: httpx.Response) -> None:
    """The 404 of a proxy or of a wrong address deletes nothing."""
    with pytest.raises((errors.MalformedAnswerError, errors.NotOfferedError)):
        CALLS["DELETE"](Service(stranger).client())


def test_the_page_of_a_proxy_is_no_deletion() -> None:
    """A success with a page in it is not Xata's: the answer to a delete is empty."""
    with pytest.raises(errors.MalformedAnswerError, match="where Xata sends nothing"):
        CALLS["DELETE"](Service(httpx.Response(200, text="<html>Log in")).client())


@pytest.mark.parametrize("takes", [0.2, 12.0])
def test_a_late_500_is_not_waited_for_again(takes: float) -> None:
    """The service has asked its dead part again and again already: nobody waits for that another time."""
    service = Service(refusal(500, "Internal Error (Request ID: req_x)"), takes=takes)
    with pytest.raises(errors.UnavailableError):
        CALLS["GET"](service.client())
    assert (len(service.requests) > 1) == (takes < 10)


@pytest.mark.parametrize(
    ("takes", "error", "requests"), [(0.2, errors.UnauthorizedError, 1), (12.0, errors.UnavailableError, 1)]
)
def test_a_late_401_is_an_outage(takes: float, error: type[Exception], requests: int) -> None:
    """A service that lost its own authentication says "invalid token" after ten seconds; the key is not to blame."""
    service = Service(refusal(401, "invalid token"), takes=takes)
    with pytest.raises(error) as caught:
        CALLS["GET"](service.client())
    assert ("outage" in str(caught.value)) == (takes > 10)
    assert len(service.requests) == requests


def test_a_late_401_of_a_write_is_not_repeated() -> None:
    """Nothing was written, and nothing is known of the next time."""
    service = Service(refusal(401, "invalid token"), takes=12.0)
    with pytest.raises(errors.UnavailableError, match="outage"):
        CALLS["POST"](service.client())
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("call", "seconds"), [("GET", READ_SECONDS), ("DELETE", READ_SECONDS), ("POST", WRITE_SECONDS)]
)
def test_timeouts_are_explicit(call: str, seconds: float) -> None:
    """Connecting has ten seconds; a create waits for what the service provisions inside the request."""
    service = Service(GOOD[call])
    CALLS[call](service.client())
    assert service.requests[0].extensions["timeout"] == {
        "connect": 10.0,
        "read": seconds,
        "write": seconds,
        "pool": seconds,
    }
