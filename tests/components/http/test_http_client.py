"""What holds for the client of every service: addresses, keys, repeats, one budget, and what an error tells."""

from __future__ import annotations

import inspect
import re
import socket
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import errors
from components.http.address import is_loopback, same_server
from components.http.answers import Lost, pause
from components.http.client import READ_SECONDS
from components.http.exchange import USER_AGENT, lost, pool, reasons, send
from components.http.service import COMMON, Operation
from tests.components.http.services import KEY, SERVICES, Api
from tests.components.xata.scripted import CutBody, Drip, Service, Step, cut

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM = Path(__file__).parents[3]
BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
AFTER_SENDING = (httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.WriteTimeout, httpx.RemoteProtocolError)

each_service = pytest.mark.parametrize("api", SERVICES, ids=str)


def _raised(api: Api, step: Step, *, budget: float = 2.0, write: bool = False) -> errors.ApiError:
    client = api.of(Service(step), budget_seconds=budget)
    with pytest.raises(errors.ApiError) as caught:
        api.write(client) if write else api.reads(client)
    return caught.value


# Addresses and keys.


@each_service
@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("HTTPS://API.Example.Com.", "https://api.example.com"),
        ("https://api.example.com:8443", "https://api.example.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.8.8", "http://127.8.8.8"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://api.localhost:1", "http://api.localhost:1"),
        ("https://api.example.com/client/v4/", "https://api.example.com/client/v4"),
    ],
)
def test_addresses_that_may_be_given_a_key(api: Api, text: str, url: str) -> None:
    """Https to anywhere, plain http to this machine, a path where the service has one; one spelling for each."""
    if "/client" in url and not api.service.has_path:
        with pytest.raises(errors.InputError, match="something behind the host"):
            api.service.base_url(text)
    else:
        assert api.service.base_url(text) == url


@each_service
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://api.example.com", "does not begin with https://"),
        ("http://127.0.0.1.example.com", "does not begin with https://"),
        ("http://localhost.example.com", "does not begin with https://"),
        ("api.example.com", "does not begin with https://"),
        ("ftp://api.example.com", "does not begin with https://"),
        ("https://user:hidden@api.example.com", "user name or a password"),
        ("https://hidden@api.example.com", "user name or a password"),
        ("https://api.example.com//hidden", "something behind the host"),
        ("https://api.example.com/client/../hidden", "something behind the host"),
        ("https://api.example.com/%2e%2e/hidden", "something behind the host"),
        ("https://api.example.com?key=hidden", "something behind the host"),
        ("https://api.example.com#hidden", "something behind the host"),
        ("https://", "no host name"),
        ("https:///path", "no host name"),
        ("https://api_example!.com", "no host name"),
        ("https://example\u3002com", "no host name"),
        ("https://api.example.com:99999", "is not a URL"),
        ("https://api.example.com:hidden", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://api.example.com\n", "is not a URL"),
        ("https://api.example .com", "is not a URL"),
        ("", "no host name"),
    ],
)
def test_addresses_that_are_refused(api: Api, text: str, says: str) -> None:
    """In words, with the variable to set, and without a password that may be in it."""
    with pytest.raises(errors.InputError, match=says) as caught:
        api.client(key=KEY, base_url=text)
    assert api.service.url_variables[0] in caught.value.next_step
    assert "hidden" not in str(caught.value)


@each_service
@given(text=st.text(max_size=60))
def test_any_text_is_an_address_or_refused(api: Api, text: str) -> None:
    """No other exception, and never plain http to another machine."""
    try:
        url = api.service.base_url(text)
    except errors.InputError:
        return
    assert url.startswith("https://") or is_loopback(httpx.URL(url).host)


@pytest.mark.parametrize(
    ("recorded", "current", "same"),
    [
        ("https://api.cloudflare.com/client/v4", "https://API.cloudflare.com/client/v4/", True),
        ("http://127.0.0.1:1/client/v4", "http://127.0.0.1:2/client/v4", True),
        ("http://127.0.0.1:1/client/v4", "http://[::1]:2/client/v4", True),
        ("http://127.0.0.1:1/client/v4", "https://api.cloudflare.com/client/v4", False),
        ("https://api.cloudflare.com/client/v4", "https://api.cloudflare.com:8443/client/v4", False),
        ("https://api.cloudflare.com/client/v4", "https://api.cloudflare.com/client/v5", False),
    ],
)
def test_a_stand_in_on_another_port_is_the_same_server(recorded: str, current: str, same: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Ports of this machine come and go; everything else tells servers apart."""
    assert same_server(recorded, current) is same


@each_service
@pytest.mark.parametrize(
    ("segment", "says"),
    [
        ("", "is empty"),
        (".", "is a path"),
        ("..", "is a path"),
        ("a/b", "is a path"),
        ("../x", "is a path"),
        ("a\\b", "is a path"),
        ("a\nb", "can not be printed"),
        ("a\x00", "can not be printed"),
        ("a\ud800", "can not be printed"),
        ("a" * 201, "201 characters"),
    ],
)
def test_ids_that_could_lead_elsewhere_are_refused_before_any_call(api: Api, segment: str, says: str) -> None:
    """The id is named, and nothing is sent."""
    service = Service()
    with pytest.raises(errors.InputError, match="nothing was sent") as caught:
        api.read(api.of(service), segment)
    assert says in str(caught.value)
    assert f"as {api.service.name} shows it" in caught.value.next_step
    assert service.requests == []


@each_service
@given(segment=st.text(min_size=1, max_size=50))
def test_a_segment_stays_one_segment(api: Api, segment: str) -> None:
    """What is not refused is encoded so that it can not end, leave or ask."""
    service = Service(api.readable)
    client = api.of(service)
    try:
        api.reads(client)
        api.read(client, segment)
    except errors.InputError:
        return
    plain, path = (request.url.raw_path.decode().partition("?")[0] for request in service.requests)
    assert path.count("/") == plain.count("/")
    assert not set("#\\ ") & set(path)


@each_service
@pytest.mark.parametrize("key", ["", " \n"])
def test_a_missing_key_is_told_by_its_variable(api: Api, key: str) -> None:
    """Nothing is tried without a key, and it is told how to get one."""
    for environment in ({}, {api.service.key_variable: key}):
        with pytest.raises(errors.InputError, match=f"{api.service.key_variable} is not set or empty") as caught:
            api.client.connect(environment)
        assert caught.value.next_step == api.service.how_to_get_key


@each_service
@pytest.mark.parametrize("key", ["xau_a b", "xau_a\r\nX-Evil: 1", "xau_ä", "xau_\x00"])
def test_a_key_that_is_none_is_refused_and_not_quoted(api: Api, key: str) -> None:
    """What can not be a header is found before it is one."""
    with pytest.raises(errors.InputError, match=r"holds characters that no (key|token) has") as caught:
        api.client(key=key)
    assert key not in str(caught.value)


@pytest.fixture
def _fresh() -> Iterator[None]:
    yield
    for api in SERVICES:
        api.client.disconnect()


@pytest.mark.usefixtures("_fresh")
@each_service
def test_clients_are_shared_by_address_and_key(api: Api) -> None:
    """Whatever connects with the same pair, in whatever thread, uses the same connections, until they are closed."""
    variable, key = api.service.url_variables[0], api.service.key_variable
    environment = {key: f" {KEY}\n", variable: " http://127.0.0.1:9\n"}
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(api.client.connect(environment))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in found}) == 1
    assert repr(found[0]) == "Client(base_url='http://127.0.0.1:9')"
    assert api.client.connect({**environment, variable: "http://127.0.0.1:9/"}) is found[0]
    assert api.client.connect({**environment, key: "other"}) is not found[0]
    assert api.client.connect({key: KEY, variable: " "}).base_url == api.service.default_url
    api.client.disconnect()
    assert api.client.connect(environment) is not found[0]


@pytest.mark.usefixtures("_fresh")
def test_services_share_no_client() -> None:
    """The same address and key are another client for another service."""
    found = [api.client.connect({api.service.key_variable: KEY}) for api in SERVICES]
    assert [type(client) for client in found] == [api.client for api in SERVICES]


# Repeats, within one budget.


@each_service
@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(httpx.Response(status, json={"message": "x"}), id=str(status)) for status in (500, 502, 504)),
        pytest.param(httpx.Response(502, text="<html>Bad gateway"), id="html"),
        *(pytest.param(kind("x"), id=kind.__name__) for kind in BEFORE_SENDING + AFTER_SENDING),
        pytest.param(cut(), id="cut in mid-body"),
    ],
)
def test_what_is_safe_to_do_twice_is_made_again(api: Api, trouble: Step) -> None:
    """What fails once and may pass is not seen by the caller of a read."""
    service = Service(trouble, api.readable)
    api.reads(api.of(service))
    assert len(service.requests) == 2


@each_service
@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(status, id=str(status)) for status in (408, 500, 502, 503, 504, 520)),
        *(pytest.param(kind("x"), id=kind.__name__) for kind in AFTER_SENDING),
        pytest.param(cut(500), id="cut in mid-error"),
        pytest.param(cut(200), id="cut in mid-body"),
        pytest.param(httpx.Response(201, text="<html>Hello"), id="html"),
        pytest.param(httpx.Response(200), id="nothing"),
    ],
)
def test_a_write_that_may_have_been_done_is_never_made_again(api: Api, trouble: int | Step) -> None:
    """Its fate is not known, which the error says; the next run looks for it."""
    service = Service(api.refused(trouble) if isinstance(trouble, int) else trouble)
    with pytest.raises(errors.AmbiguousError, match="it was carried out") as caught:
        api.write(api.of(service))
    assert len(service.requests) == 1
    assert "it looks for what is there before it makes anything" in caught.value.next_step
    assert caught.value.status == getattr(service.script[0], "status_code", None)


@each_service
@pytest.mark.parametrize("trouble", [*(kind("x") for kind in BEFORE_SENDING), 429], ids=str)
def test_a_write_that_certainly_did_nothing_is_made_again(api: Api, trouble: int | Step) -> None:
    """What was never sent, or turned away with a time to come back, is safe to repeat."""
    service = Service(api.refused(trouble, retry_after="1") if isinstance(trouble, int) else trouble, api.written)
    api.write(api.of(service))
    assert len(service.requests) == 2


@each_service
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 413, 415, 422, 423, 501])
@pytest.mark.parametrize("write", [False, True])
def test_refusals_that_stay_the_same_are_not_asked_for_again(api: Api, status: int, write: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """A refusal is told at once, whatever was asked."""
    service = Service(api.refused(status))
    with pytest.raises(errors.ApiError) as caught:
        api.write(api.of(service)) if write else api.reads(api.of(service))
    assert (caught.value.status, type(caught.value) is errors.AmbiguousError) == (status, False)
    assert len(service.requests) == 1


@each_service
def test_pauses_double_and_are_jittered(api: Api) -> None:
    """Full jitter: a share of 0.3 s, 0.6 s … up to 5 s."""
    service = Service(*[api.refused(500)] * 6, api.readable)
    api.reads(api.of(service, jitter=lambda: 1.0))
    assert service.slept == pytest.approx([0.3, 0.6, 1.2, 2.4, 4.8, 5.0])
    assert pause(10**6, after=None, chance=0.5) == 2.5
    assert pause(3, after=7.0, chance=0.0) == 7.0


@each_service
@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("7", None, 7.0),
        ("1.5", None, 1.5),
        ("0", None, 0.0),
        ("Sun, 22 Nov 2026 10:00:20 GMT", "Sun, 22 Nov 2026 10:00:00 GMT", 20.0),
        ("Sun, 22 Nov 2026 10:00:20 -0000", "Sun, 22 Nov 2026 10:00:00 GMT", 20.0),
        ("Sunday, 22-Nov-26 10:00:20 GMT", "Sun, 22 Nov 2026 10:00:00 GMT", 20.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", "Sun, 22 Nov 2026 10:00:00 GMT", 0.0),
        ("Fri, 15 Jan 2027 08:00:12 GMT", None, 12.0),
        ("soon", None, None),
        ("-5", None, None),
        ("nan", None, None),
        ("1e3", None, None),
        ("99 Nov", "garbage", None),
        ("Sun, 99 Nov 2026 10:00:20 GMT", None, None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(
    api: Api, value: str, date: str | None, seconds: float | None
) -> None:
    """Both forms count, a date by the answer's own clock; what can not be read is as if it were not there."""
    headers = {"retry_after": value} | ({"date": date} if date else {})
    service = Service(api.refused(503, **headers), api.readable)
    api.reads(api.of(service, jitter=lambda: 0.0))
    assert service.slept == pytest.approx([seconds or 0.0])


def test_a_wrong_clock_of_this_machine_does_not_matter() -> None:
    """A date to come back is measured against the answer's own date, wherever this machine's clock stands."""
    waits, api = [], SERVICES[0]
    for wall in (0.0, 4e9):
        late = api.refused(503, retry_after="Sun, 22 Nov 2026 10:00:09 GMT", date="Sun, 22 Nov 2026 10:00:00 GMT")
        service = Service(late, api.readable)
        service.wall = wall
        api.reads(api.of(service, jitter=lambda: 0.0))
        waits += service.slept
    assert waits == [9.0, 9.0]


@each_service
@pytest.mark.parametrize(("status", "asked"), [(429, "3600"), (503, "61"), (429, "999999999999")])
def test_a_wait_beyond_the_budget_is_not_begun(api: Api, status: int, asked: str) -> None:
    """What the server asks for is named at once instead of being waited for in vain."""
    service = Service(api.refused(status, retry_after=asked))
    with pytest.raises(errors.BusyError, match=f"try again in {asked} s: that is what {api}") as caught:
        api.reads(api.of(service))
    assert service.slept == []
    assert caught.value.retry_after == float(asked)


@each_service
@pytest.mark.parametrize("takes", [0.0, 4.0, 11.0])
@pytest.mark.parametrize("budget", [5.0, 30.0, 60.0])
def test_one_budget_holds_for_a_call_with_all_its_repeats(api: Api, takes: float, budget: float) -> None:
    """[D8] However often and slowly the service fails, the call ends in time and tells how often it was made."""
    service = Service(api.refused(500), takes=takes)
    with pytest.raises(errors.UnavailableError) as caught:
        api.reads(api.of(service, budget_seconds=budget, jitter=lambda: 1.0))
    assert service.time - 1000.0 <= max(budget, takes)
    assert caught.value.attempts == len(service.requests)
    assert len(service.requests) == 1 or f"{len(service.requests)} attempts" in str(caught.value)


@each_service
def test_another_budget_shares_everything_else(api: Api) -> None:
    """A client for a hurried caller differs in its patience alone."""
    service = Service(api.refused(500))
    client = api.of(service)
    with pytest.raises(errors.UnavailableError):
        api.reads(client.within(3.0))
    assert 0 < service.time - 1000.0 < 3.0
    assert client.within(3.0).base_url == client.base_url


@each_service
def test_timeouts_are_explicit(api: Api) -> None:
    """Connecting has ten seconds, a read what is left, and a write is waited for."""
    service = Service(api.readable, api.written)
    client = api.of(service, budget_seconds=5.0)
    api.reads(client.within(60.0))
    api.write(client)
    for request, seconds in zip(service.requests, (READ_SECONDS, api.write_seconds), strict=True):
        wanted = {"connect": 10.0, "read": seconds, "write": seconds, "pool": seconds}
        assert request.extensions["timeout"] == wanted


@each_service
def test_the_last_attempt_is_cut_to_what_is_left(api: Api) -> None:
    """A read does not outlive the budget by waiting for its own timeout."""
    service = Service(httpx.ReadError("x"), takes=12.0)
    with pytest.raises(errors.UnavailableError):
        api.reads(api.of(service, budget_seconds=20.0, jitter=lambda: 0.0))
    assert service.requests[1].extensions["timeout"]["read"] == pytest.approx(8.0)


@each_service
def test_an_answer_that_drips_or_never_ends_is_given_up(api: Api) -> None:
    """Neither time nor memory of this machine is the server's to spend."""
    service = Service()
    service.script = (httpx.Response(200, stream=Drip(lambda: service.sleep(1.0))),)
    with pytest.raises(errors.UnavailableError, match="no answer came in time"):
        api.reads(api.of(service, budget_seconds=27.0))
    assert service.time - 1000.0 == READ_SECONDS + 1
    endless = Service(httpx.Response(200, stream=Drip(lambda: None, piece=b"x" * 1024 * 1024)))
    with pytest.raises(errors.UnavailableError, match="longer than"):
        api.reads(api.of(endless))
    assert len(endless.requests) == 1


# What an error is and tells.


@each_service
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.InvalidError),
        (401, errors.UnauthorizedError),
        (403, errors.PermissionDeniedError),
        (408, errors.BusyError),
        (413, errors.InvalidError),
        (418, errors.InvalidError),
        (423, errors.BusyError),
        (429, errors.BusyError),
        (500, errors.UnavailableError),
        (501, errors.NotOfferedError),
        (502, errors.UnavailableError),
        (503, errors.BusyError),
        (520, errors.UnavailableError),
    ],
)
def test_a_status_means_the_same_of_every_service(api: Api, status: int, error: type[errors.ApiError]) -> None:
    """Where a service's own table has no row, the one for all decides; every error tells what to do."""
    found = _raised(api, api.refused(status, "in their own words"))
    assert type(found) is error
    assert f"{api} answered {status}" in found.message
    assert '"in their own words"' in found.message
    assert (found.service, found.status, found.server_message) == (api.service.name, status, "in their own words")
    assert found.message.startswith("could not ")
    assert found.next_step
    assert not re.search(r"[{}]", str(found))


def test_every_row_for_all_services_fits_something() -> None:
    """The last row fits what none before it does, and no row is hidden by an earlier one."""
    first = [next(rule for rule in COMMON if status in rule.statuses) for status in range(100, 600)]
    assert set(map(id, first)) == set(map(id, COMMON))


@each_service
@pytest.mark.parametrize(
    "stranger",
    [
        httpx.Response(403, text="<html>forbidden by the proxy"),
        httpx.Response(404, text="<html>no such site"),
        httpx.Response(400, text=""),
        httpx.Response(401, json=[]),
        httpx.Response(404, json={"message": 5}),
        httpx.Response(404, json={"message": ""}),
        httpx.Response(404, content=b"[" * 100_000),
        httpx.Response(400, content=b"\xff\xfe"),
    ],
)
def test_a_strangers_refusal_is_not_taken_for_the_services(api: Api, stranger: httpx.Response) -> None:
    """Without the service's words the answer may be anybody's: it neither proves anything, nor is it quoted."""
    found = _raised(api, stranger)
    assert type(found) is errors.MalformedAnswerError
    assert "html" not in found.message.replace("text/html", "")
    assert f"check {api.service.url_variables[0]} and proxies on the way" in found.next_step


@each_service
@pytest.mark.parametrize("body", [b"", b'{"message": "Moved"}'])
def test_redirects_are_not_followed(api: Api, body: bytes) -> None:
    """The key goes to no other host."""
    service = Service(httpx.Response(307, headers={"location": "https://elsewhere.test/"}, content=body))
    with pytest.raises(errors.MalformedAnswerError, match="redirect is not followed with a"):
        api.reads(api.of(service))
    assert [request.url.host for request in service.requests] == ["api.test"]


@each_service
def test_no_address_but_the_apis_is_sent_a_key(api: Api) -> None:
    """Whatever an operation makes of what an answer says: the client itself sends nothing to another host."""
    service = Service(api.readable)
    client = api.of(service)
    operation = Operation(act="read it", method="GET", path="/x", permission="")
    for url in ("https://elsewhere.test/v4/x", "http://api.test/v4/x", "https://api.test.elsewhere.test/v4/x"):
        with pytest.raises(ValueError, match="its own API alone"):
            client._call(operation, url=url)
    assert service.requests == []


def _subclasses(kind: type[Exception]) -> set[type[Exception]]:
    return {kind} | {below for each in kind.__subclasses__() for below in _subclasses(each)}


FOREIGN = sorted(
    (kind for kind in _subclasses(httpx.HTTPError) | {httpx.InvalidURL} if kind.__module__.startswith("httpx")),
    key=lambda kind: kind.__name__,
)


@each_service
@pytest.mark.parametrize("kind", FOREIGN)
def test_every_exception_of_httpx_becomes_one_of_ours(api: Api, kind: type[Exception]) -> None:
    """All cross at one door, leave nothing of themselves behind, and say what a write has to know."""
    raised = kind.__new__(kind)
    Exception.__init__(raised, f"quoting {KEY}")
    meaning = lost(raised)
    for write, error in (
        (False, errors.UnavailableError),
        (True, errors.AmbiguousError if meaning.sent else errors.UnavailableError),
    ):
        found = _raised(api, raised, budget=0.5, write=write)
        assert type(found) is error
        assert meaning.reason in str(found)
        assert (found.__cause__, found.__context__) == (None, None)
        assert KEY not in "".join(traceback.format_exception(found))


def test_what_was_never_sent_is_exactly_this() -> None:
    """A write may be repeated after these alone; whoever adds one has to prove it."""
    unsent = {kind.__name__ for kind in FOREIGN if kind in reasons() and not reasons()[kind].sent}
    assert unsent == {
        "ConnectError",
        "ConnectTimeout",
        "PoolTimeout",
        "ProxyError",
        "UnsupportedProtocol",
        "InvalidURL",
    }
    assert list(reasons())[-1] is httpx.HTTPError


@each_service
def test_an_untrusted_certificate_is_told_at_once(api: Api) -> None:
    """Trying again does not make a certificate good."""
    service = Service(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed"))
    with pytest.raises(errors.UnavailableError, match="certificate is not trusted") as caught:
        api.reads(api.of(service))
    assert "SSL_CERT_FILE" in caught.value.next_step
    assert len(service.requests) == 1


def test_a_port_of_this_machine_that_nobody_has_is_told_at_once() -> None:
    """A sandbox that has ended does not come back by waiting: the first refusal is final and says how to start it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pool(address, None) as http:  # bound and not listening: nobody else can have it
            found = send(http, http.build_request("GET", address), seconds=10, clock=time.monotonic)
    assert isinstance(found, Lost)
    assert (found.sent, found.may_pass) == (False, False)
    assert "./infra sandbox start" in found.next_step


@each_service
def test_an_unreachable_service_is_told_with_its_attempts(api: Api) -> None:
    """Who is offline reads what was tried, and where to look."""
    found = _raised(api, httpx.ConnectError("x"), budget=60.0)
    assert "no connection came about" in found.message
    assert "attempts" in found.message
    assert api.service.url_variables[0] in found.next_step
    assert found.status is None


@each_service
def test_a_cut_in_an_error_is_told_as_a_loss(api: Api) -> None:
    """An error whose body is cut is no answer; the status it began with is kept."""
    found = _raised(api, httpx.Response(404, stream=CutBody(lambda: httpx.RemoteProtocolError("closed"))))
    assert (type(found), found.status) == (errors.UnavailableError, 404)


@each_service
@pytest.mark.parametrize(
    "leak",
    [
        "postgresql://xata:hunter2secret@b1.us-east-1.xata.tech/xata",
        f"Authorization: Bearer {KEY}",
        f"token {KEY} unknown",
        "password=hunter2secret",
        f"ghp_{'a' * 36}",
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500])
def test_what_the_server_quotes_is_masked(api: Api, leak: str, status: int) -> None:
    """A server that answers with a secret does not make the error one."""
    refused = api.refused(status, f"cannot do it with {leak}", **{api.service.id_header.replace("-", "_"): f"i {KEY}"})
    found = _raised(api, refused)
    for text in (str(found), repr(found), found.server_message, found.request_id, repr(vars(found))):
        assert "hunter2secret" not in text
        assert "ghp_a" not in text
        assert KEY not in text
    assert "cannot do it with" in found.server_message


@each_service
def test_every_request_says_who_asks(api: Api) -> None:
    """The key stands in the one header that is for it."""
    service = Service(api.readable)
    api.reads(api.of(service))
    headers = service.requests[0].headers
    assert (headers["Authorization"], headers["User-Agent"]) == (f"Bearer {KEY}", USER_AGENT)


def _ours() -> list[type[errors.InfraError]]:
    kinds = inspect.getmembers(errors, inspect.isclass)
    return [kind for _, kind in kinds if issubclass(kind, errors.InfraError)]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """The picture shows every class below its parent, and none that is not there."""
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        node = re.match(r"^((?:│   |    )*)(?:[├└]── )?(\w+Error) ", line)
        if node:
            depth = 0 if "─" not in line else len(node[1]) // 4 + 1
            path[depth:] = [node[2]]
            drawn[node[2]] = path[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in _ours()}


@pytest.mark.parametrize("kind", _ours())
def test_only_what_was_found_before_any_call_is_a_fault_of_the_configuration(kind: type[errors.InfraError]) -> None:
    """Commands tell the two apart by their exit codes."""
    if issubclass(kind, errors.ApiError):
        assert issubclass(kind, errors.ConfigurationError) == issubclass(kind, errors.InputError)


@pytest.mark.parametrize(
    "module",
    [
        "components.xata.api.client",
        "components.worker.api.client, components.worker.changes",
        "components.github.client, components.github.events",
    ],
)
def test_a_client_needs_nothing_of_the_rooms_above_nor_of_another_service(module: str) -> None:
    """Clients are plain Python: importing one loads nothing of Pulumi."""
    program = (
        f"import sys, components, {module}; own = {module!r}; "
        "print([name for name in sys.modules.keys() - components.MOVED.keys() if name.partition('.')[0] in "
        "{'pulumi', 'sandbox', 'stacks', 'operations', 'engine'} or name.startswith('components.xata.branches') or "
        "any(name.startswith(f'components.{room}.') and room not in own for room in ('xata', 'worker', 'github'))])"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOM, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
