"""The Worker client's methods: what they send, how lists turn their pages, and where token and values are not."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from components import errors
from components.http.exchange import USER_AGENT
from components.worker.api.client import CLOUDFLARE, Client, form
from tests.components.worker.workers_world import ACCOUNT, SCRIPT, TOKEN, Scripted, app, good, refused

if TYPE_CHECKING:
    from collections.abc import Callable

ROOM = Path(__file__).parents[3]
PLACE = (ACCOUNT, SCRIPT)
WORKERS = f"/client/v4/accounts/{ACCOUNT}/workers"
AT = f"{WORKERS}/scripts/{SCRIPT}"
VERSION = {"id": "v1", "number": 1}
SECRET = {"name": "A", "type": "secret_text", "text": 'n"e\nw$ 🔑'}
VALUE = "postgresql://xata:P4ssw0rd@host.example/app"

CASES: dict[str, tuple[Callable[[Client], Any], Any, str, Any]] = {
    "scripts": (lambda client: client.scripts(ACCOUNT), [{"id": "x"}], f"GET {WORKERS}/scripts", None),
    "service": (lambda client: client.service(*PLACE), {"id": "x"}, f"GET {WORKERS}/services/{SCRIPT}", None),
    "settings": (lambda client: client.settings(*PLACE), {"bindings": []}, f"GET {AT}/settings", None),
    "secrets": (lambda client: client.secrets(*PLACE), [], f"GET {AT}/secrets", None),
    "change": (
        lambda client: client.change_secrets(*PLACE, {"A": SECRET["text"], "B": None}),
        {},
        f"PATCH {AT}/secrets-bulk",
        {"secrets": {"A": SECRET, "B": None}},
    ),
    "delete secret": (
        lambda client: client.delete_secret(*PLACE, "A"),
        None,
        f"DELETE {AT}/secrets/A?url_encoded=true",
        None,
    ),
    "delete script": (lambda client: client.delete_script(*PLACE), None, f"DELETE {AT}", None),
    "versions": (lambda client: list(client.versions(*PLACE)), {"items": [VERSION]}, f"GET {AT}/versions", None),
    "deployments": (
        lambda client: client.deployments(*PLACE),
        {"deployments": [{"id": "d", "versions": [{"version_id": "v1", "percentage": 100}]}]},
        f"GET {AT}/deployments",
        None,
    ),
    "deploy": (
        lambda client: client.deploy(*PLACE, "v1", message="why"),
        {},
        f"POST {AT}/deployments",
        {
            "strategy": "percentage",
            "versions": [{"version_id": "v1", "percentage": 100}],
            "annotations": {"workers/message": "why"},
        },
    ),
    "account subdomain": (
        lambda client: client.account_subdomain(ACCOUNT),
        {"subdomain": "team"},
        f"GET {WORKERS}/subdomain",
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_each_method_of_the_worker_client_sends(case: str) -> None:
    """Method, path, query and body are the API's, with values untouched, and the answer is taken."""
    call, result, request_line, body = CASES[case]
    service = Scripted(good(result))
    call(service.worker())
    (request,) = service.requests
    assert f"{request.method} {request.url.raw_path.decode()}" == request_line
    assert (service.body() if request.content else None) == body
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["User-Agent"] == USER_AGENT
    assert ("content-type" in request.headers) == (body is not None)


def test_the_bulk_change_is_a_merge_patch() -> None:
    """As wrangler sends it."""
    service = Scripted(good({}))
    CASES["change"][0](service.worker())
    assert service.requests[0].headers["content-type"] == "application/merge-patch+json"


def test_code_goes_as_a_form() -> None:
    """The metadata first, then one part for each module; secrets of the Worker are always kept."""
    service = Scripted(good(VERSION))
    service.worker().upload_script(*PLACE, app(ENVIRONMENT="staging"))
    (request,) = service.requests
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    body = request.content.decode()
    assert '"keep_bindings": ["secret_text", "secret_key"]' in body
    assert '{"name": "ENVIRONMENT", "type": "plain_text", "text": "staging"}' in body
    assert 'name="app.mjs"; filename="app.mjs"\r\nContent-Type: application/javascript+module' in body
    assert body.index('name="metadata"') < body.index('name="app.mjs"')


def test_a_list_turns_its_pages() -> None:
    """[D12] Every page is asked for once, until all that was announced has been seen."""
    pages = [[{"id": f"w{number}"} for number in numbers] for numbers in (range(2), range(2, 4), range(4, 5))]
    script = [good(page, page=number, per_page=2, total_count=5) for number, page in enumerate(pages, start=1)]
    service = Scripted(*script)
    assert [found.id for found in service.worker().scripts(ACCOUNT)] == ["w0", "w1", "w2", "w3", "w4"]
    assert [dict(request.url.params) for request in service.requests] == [{}, {"page": "2"}, {"page": "3"}]


def test_versions_are_asked_for_as_they_are_read() -> None:
    """Who needs the newest version does not read all pages."""
    script = [
        good({"items": [{"id": f"v{number}", "number": number}]}, page=number, per_page=1, total_count=9)
        for number in (1, 2)
    ]
    service = Scripted(*script)
    versions = service.worker().versions(*PLACE)
    assert next(versions).id == "v1"
    assert len(service.requests) == 1
    assert next(versions).id == "v2"
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    "info", [{}, {"page": 1}, {"total_count": 9}, {"page": 1, "total_count": 1}, {"page": True, "total_count": "9"}]
)
def test_a_list_that_does_not_announce_more_has_one_page(info: dict[str, Any]) -> None:
    """Most of Cloudflare's lists are whole."""
    service = Scripted(good([{"id": "w"}], **info))
    assert len(service.worker().scripts(ACCOUNT)) == 1
    assert len(service.requests) == 1


def test_a_list_that_announces_too_much_ends() -> None:
    """An empty page is the last one, whatever was announced."""
    service = Scripted(good([{"id": "w"}], page=1, total_count=9), good([], page=2, total_count=9))
    assert len(service.worker().scripts(ACCOUNT)) == 1
    assert len(service.requests) == 2


def test_a_list_that_does_not_turn_its_pages_is_malformed() -> None:
    """A server that answers the first page again and again is found out, not believed."""
    service = Scripted(good([{"id": "w"}], page=1, total_count=9))
    with pytest.raises(errors.MalformedAnswerError, match="page 2 of the list says that it is 1"):
        service.worker().scripts(ACCOUNT)
    assert len(service.requests) == 2


@pytest.mark.parametrize("code", [10007, 10090])
def test_a_worker_that_is_not_there_is_none(code: int) -> None:
    """Looking for a Worker is no error when there is none."""
    assert Scripted(refused(404, code)).worker().service(*PLACE) is None


@pytest.mark.parametrize("code", [10007, 10063])
def test_an_account_without_subdomain_has_none(code: int) -> None:
    """Both of Cloudflare's ways to say so are understood."""
    assert Scripted(refused(404, code)).worker().account_subdomain(ACCOUNT) == ""


def test_token_and_values_are_in_no_log_and_no_text(caplog: pytest.LogCaptureFixture) -> None:
    """[F2] With everything logged, neither turns up anywhere but in the request."""
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    for step in (good({}), refused(400, 10021, f"cannot take {VALUE}"), httpx.ReadError(VALUE), httpx.Response(200)):
        client = Scripted(step).worker(budget_seconds=1.5)
        texts += [repr(client), repr(copy.copy(client))]
        try:
            client.change_secrets(*PLACE, {"DATABASE_URL": VALUE})
        except errors.ApiError as error:
            texts += [str(error), repr(error), repr(vars(error))]
    texts.append(caplog.text)
    assert "HTTP Request: PATCH" in caplog.text
    assert not [text for text in texts if VALUE in text or TOKEN in text or "P4ssw0rd" in text]


def test_what_is_sent_shows_no_values() -> None:
    """The parts a call is made of can be printed."""
    upload = app(SECRET_LIKE=VALUE)
    assert VALUE not in repr(upload)
    assert VALUE not in repr(form(upload))


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "https://api.cloudflare.com/client/v4"),
        ({"CLOUDFLARE_API_BASE_URL": " "}, "https://api.cloudflare.com/client/v4"),
        ({"CLOUDFLARE_API_BASE_URL": " http://127.0.0.1:1/client/v4\n"}, "http://127.0.0.1:1/client/v4"),
        ({"CLOUDFLARE_BASE_URL": "http://127.0.0.1:2/client/v4"}, "http://127.0.0.1:2/client/v4"),
        (
            {"CLOUDFLARE_API_BASE_URL": "http://127.0.0.1:1", "CLOUDFLARE_BASE_URL": "http://127.0.0.1:2"},
            "http://127.0.0.1:1",
        ),
    ],
)
def test_both_variables_of_the_tools_count(environment: dict[str, str], url: str) -> None:
    """Wrangler's variable first, then that of Cloudflare's own packages, then Cloudflare itself."""
    assert CLOUDFLARE.base_url_in(environment) == url


def test_names_are_one_segment_each() -> None:
    """A name with characters of URLs is encoded; one that leads elsewhere is refused by what it is."""
    service = Scripted(good())
    service.worker().delete_secret(ACCOUNT, SCRIPT, "a?b#c%d e")
    assert service.requests[0].url.raw_path.decode() == f"{AT}/secrets/a%3Fb%23c%25d%20e?url_encoded=true"
    for segments, noun in (
        (("../x", SCRIPT, "A"), "account id"),
        ((ACCOUNT, "../x", "A"), "Worker's name"),
        ((ACCOUNT, SCRIPT, "../x"), "secret's name"),
    ):
        with pytest.raises(errors.InputError, match=f"the {noun} '../x' is a path; nothing was sent"):
            service.worker().delete_secret(*segments)
    assert len(service.requests) == 1
