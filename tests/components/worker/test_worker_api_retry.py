"""When calls to Cloudflare are made again: which, after what, for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from components import errors
from components.http.client import READ_SECONDS
from components.worker.api.client import WRITE_SECONDS
from tests.components.worker.workers_world import ACCOUNT, SCRIPT, Scripted, app, good, refused
from tests.components.xata.scripted import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.worker.api.client import Client
    from tests.components.xata.scripted import Step

PLACE = (ACCOUNT, SCRIPT)
VERSION = {"id": "v1", "number": 1}

CALLS: dict[str, Callable[[Client], Any]] = {
    "secrets": lambda client: client.secrets(*PLACE),
    "change": lambda client: client.change_secrets(*PLACE, {"A": "value", "B": None}),
    "delete secret": lambda client: client.delete_secret(*PLACE, "A"),
    "delete script": lambda client: client.delete_script(*PLACE),
    "upload": lambda client: client.upload_script(*PLACE, app()),
    "deploy": lambda client: client.deploy(*PLACE, "v1"),
}
GOOD: dict[str, Any] = {
    "secrets": [],
    "change": {},
    "delete secret": None,
    "delete script": None,
    "upload": {},
    "deploy": {},
}
ONCE = ("upload", "deploy")
TWICE = tuple(call for call in CALLS if call not in ONCE)
BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
AFTER_SENDING = (httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.WriteTimeout, httpx.RemoteProtocolError)


@pytest.mark.parametrize("call", TWICE)
@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(refused(status), id=str(status)) for status in (408, 429, 500, 502, 503, 504)),
        pytest.param(httpx.Response(502, text="<html>Bad gateway"), id="html"),
        *(pytest.param(kind("x"), id=kind.__name__) for kind in BEFORE_SENDING + AFTER_SENDING),
        pytest.param(cut(), id="cut in mid-body"),
    ],
)
def test_what_is_safe_to_do_twice_is_made_again(call: str, trouble: Step) -> None:
    """[D2][D4] What fails once and may pass is not seen by the caller, also not of a change of secrets."""
    service = Scripted(trouble, good(GOOD[call]))
    CALLS[call](service.worker())
    assert len(service.requests) == 2
    assert service.requests[0].content == service.requests[1].content


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [400, 401, 403, 409, 413, 423, 501])
def test_refusals_that_stay_the_same_are_not_asked_for_again(call: str, status: int) -> None:
    """[D3] A refusal is told at once, whatever was asked."""
    service = Scripted(refused(status))
    with pytest.raises(errors.ApiError) as caught:
        CALLS[call](service.worker())
    assert caught.value.status == status
    assert len(service.requests) == 1


@pytest.mark.parametrize("call", ONCE)
@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(refused(status), id=str(status)) for status in (408, 500, 502, 503, 504, 520)),
        pytest.param(refused(503, retry_after="1"), id="503 with a time"),
        *(pytest.param(kind("x"), id=kind.__name__) for kind in AFTER_SENDING),
        pytest.param(cut(500), id="cut in mid-error"),
    ],
)
def test_an_upload_of_unknown_fate_is_not_made_again(call: str, trouble: Step) -> None:
    """[D6] Code is never uploaded blindly twice: the caller hears that the outcome is open, and looks."""
    service = Scripted(trouble)
    with pytest.raises(errors.AmbiguousError, match="whether it was carried out is not known"):
        CALLS[call](service.worker())
    assert len(service.requests) == 1


@pytest.mark.parametrize("call", ONCE)
@pytest.mark.parametrize("stranger", [httpx.Response(200, text="<html>Hello"), httpx.Response(200), cut(200)])
def test_an_upload_whose_answer_is_lost_is_ambiguous(call: str, stranger: httpx.Response) -> None:
    """[D5] A success that cannot be read leaves open what happened."""
    with pytest.raises(errors.AmbiguousError):
        CALLS[call](Scripted(stranger).worker())


@pytest.mark.parametrize("call", ONCE)
@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(kind("x"), id=kind.__name__) for kind in BEFORE_SENDING),
        pytest.param(refused(429, 971, retry_after="1"), id="429"),
        pytest.param(httpx.Response(429, text="error 1015"), id="429 of the edge"),
    ],
)
def test_an_upload_that_certainly_did_nothing_is_made_again(call: str, trouble: Step) -> None:
    """What was never sent, or turned away by the rate limit, is safe to repeat."""
    service = Scripted(trouble, good(GOOD[call]))
    CALLS[call](service.worker())
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "Sun, 22 Nov 2026 10:00:20 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 20.0),
        ({"ratelimit": '"default";r=0;t=30'}, 30.0),
        ({"ratelimit": "limit=1200, remaining=0, reset=12"}, 12.0),
        ({"ratelimit": '"default";r=0;t=30', "retry_after": "3"}, 3.0),
        ({"ratelimit": '"default";r=0;t=soon'}, 0.0),
        ({"ratelimit_policy": '"default";q=1200;w=300'}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_rate_limits_own_headers_are_kept(headers: dict[str, str], seconds: float) -> None:
    """[D1] Both of Cloudflare's ways to say when to come back count; without one the pause is ours."""
    service = Scripted(refused(429, 971, **headers), good([]))
    CALLS["secrets"](service.worker(chance=0.0))
    assert service.slept == pytest.approx([seconds])


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("headers", [{"retry_after": "290"}, {"ratelimit": '"default";r=0;t=290'}])
def test_a_wait_beyond_the_budget_is_told_instead(call: str, headers: dict[str, str]) -> None:
    """[D1] Five minutes are not waited for in silence: the time to come back is named."""
    service = Scripted(refused(429, 971, **headers))
    with pytest.raises(errors.BusyError, match="try again in 290 s") as caught:
        CALLS[call](service.worker())
    assert service.slept == []
    assert caught.value.retry_after == 290.0
    assert "1,200 in 5 minutes" in caught.value.message


@pytest.mark.parametrize(
    ("script", "deleted"),
    [
        ([good()], True),
        ([refused(404, 10007)], False),
        ([refused(404, 10056)], False),
        ([httpx.ReadError("x"), refused(404, 10007)], True),
        ([refused(500), refused(404, 10056)], True),
    ],
)
def test_a_delete_says_whether_there_was_something_on_the_worker(script: list[Step], deleted: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Gone before the first attempt is False; gone on a repeat is the work of an attempt whose answer was lost."""
    assert CALLS["delete secret"](Scripted(*script).worker()) is deleted
    assert CALLS["delete script"](Scripted(*script).worker()) is deleted


@pytest.mark.parametrize("call", ["delete secret", "delete script"])
@pytest.mark.parametrize(
    "stranger",
    [httpx.Response(404, text="<html>"), httpx.Response(200, text="<html>Log in"), refused(404, 7000), refused(404)],
)
def test_gone_is_only_what_cloudflare_says_is_gone(call: str, stranger: httpx.Response) -> None:
    """The page of a proxy or of a wrong address proves nothing, nor does a 404 with a code of something else."""
    with pytest.raises((errors.MalformedAnswerError, errors.NotOfferedError, errors.NotFoundError)):
        CALLS[call](Scripted(stranger).worker())


@pytest.mark.parametrize(("call", "seconds"), [("secrets", READ_SECONDS), ("change", WRITE_SECONDS)])
def test_timeouts_of_the_worker_client_are_explicit(call: str, seconds: float) -> None:
    """Connecting has ten seconds; a change waits for its deployment."""
    service = Scripted(good(GOOD[call]))
    CALLS[call](service.worker())
    timeout = service.requests[0].extensions["timeout"]
    assert timeout == {"connect": 10.0, "read": seconds, "write": seconds, "pool": seconds}
