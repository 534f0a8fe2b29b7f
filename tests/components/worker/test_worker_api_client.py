"""The Worker client's methods: what they send, how lists turn their pages, and where token and values are not."""

from __future__ import annotations

import copy
import logging
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from components.http.pool import USER_AGENT
from components.worker.api import errors
from components.worker.api.client import Client, account_in, connect, disconnect
from tests.components.worker.workers_world import ACCOUNT, SCRIPT, TOKEN, Scripted, app, good, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    "put": (lambda client: client.put_secret(*PLACE, "A", SECRET["text"]), SECRET, f"PUT {AT}/secrets", SECRET),
    "delete secret": (
        lambda client: client.delete_secret(*PLACE, "A"),
        None,
        f"DELETE {AT}/secrets/A?url_encoded=true",
        None,
    ),
    "delete script": (lambda client: client.delete_script(*PLACE), None, f"DELETE {AT}", None),
    "versions": (lambda client: list(client.versions(*PLACE)), {"items": [VERSION]}, f"GET {AT}/versions", None),
    "latest": (
        lambda client: client.change_latest_version(*PLACE, {"A": SECRET["text"], "B": None}, message="why"),
        VERSION,
        f"PATCH {WORKERS}/workers/{SCRIPT}/versions/latest",
        {"env": {"A": SECRET, "B": None}, "annotations": {"workers/message": "why"}},
    ),
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
    "subdomain": (lambda client: client.subdomain(*PLACE), {"enabled": True}, f"GET {AT}/subdomain", None),
    "set subdomain": (
        lambda client: client.set_subdomain(*PLACE, enabled=True, previews=False),
        {"enabled": True, "previews_enabled": False},
        f"POST {AT}/subdomain",
        {"enabled": True, "previews_enabled": False},
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


@pytest.mark.parametrize(("case", "kind"), [("change", "application/merge-patch+json"), ("put", "application/json")])
def test_bodies_say_what_they_are(case: str, kind: str) -> None:
    """The bulk change is a merge-patch, as wrangler sends it."""
    service = Scripted(good(CASES[case][1]))
    CASES[case][0](service.worker())
    assert service.requests[0].headers["content-type"] == kind


@pytest.mark.parametrize("method", ["upload_script", "upload_version"])
def test_code_goes_as_a_form(method: str) -> None:
    """The metadata first, then one part for each module; secrets of the Worker are always kept."""
    service = Scripted(good(VERSION))
    getattr(service.worker(), method)(*PLACE, app(ENVIRONMENT="staging"))
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


@pytest.fixture
def _fresh() -> Iterator[None]:
    disconnect()
    yield
    disconnect()


@pytest.mark.usefixtures("_fresh")
def test_worker_clients_are_shared_by_address_and_token() -> None:
    """Whatever connects with the same pair uses the same connections, until they are closed."""
    environment = {"CLOUDFLARE_API_TOKEN": f" {TOKEN}\n", "CLOUDFLARE_API_BASE_URL": "http://127.0.0.1:9/client/v4"}
    found = connect(environment)
    assert connect({**environment, "CLOUDFLARE_API_BASE_URL": "http://127.0.0.1:9/client/v4/"}) is found
    assert connect({**environment, "CLOUDFLARE_API_TOKEN": "other"}) is not found
    assert connect({"CLOUDFLARE_API_TOKEN": TOKEN}).base_url == "https://api.cloudflare.com/client/v4"
    disconnect()
    assert connect(environment) is not found


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize("environment", [{}, {"CLOUDFLARE_API_TOKEN": ""}, {"CLOUDFLARE_API_TOKEN": " \n"}])
def test_a_missing_token_is_told_by_its_variable(environment: dict[str, str]) -> None:
    """Nothing is tried without a token; the permission to give it is named."""
    with pytest.raises(errors.MissingTokenError, match="CLOUDFLARE_API_TOKEN") as caught:
        connect(environment)
    assert "Workers Scripts Write" in caught.value.next_step


@pytest.mark.parametrize("token", ["a b", "a\r\nX-Evil: 1", "ä", "a\x00"])
def test_a_token_that_is_none_is_refused_and_not_quoted(token: str) -> None:
    """What can not be a header is found before it is one."""
    with pytest.raises(errors.InputError, match="characters that no token has") as caught:
        Client(token=token)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "error"),
    [
        ({}, errors.MissingAccountError),
        ({"CLOUDFLARE_ACCOUNT_ID": " "}, errors.MissingAccountError),
        ({"CLOUDFLARE_ACCOUNT_ID": "my-account"}, errors.InputError),
        ({"CLOUDFLARE_ACCOUNT_ID": ACCOUNT.upper()}, errors.InputError),
    ],
)
def test_an_account_that_is_none_is_told_by_its_variable(environment: dict[str, str], error: type[Exception]) -> None:
    """The account is never guessed, and what is no id may be a token in the wrong place: it is not quoted."""
    with pytest.raises(error, match="CLOUDFLARE_ACCOUNT_ID") as caught:
        account_in(environment)
    assert "my-account" not in str(caught.value)
    assert account_in({"CLOUDFLARE_ACCOUNT_ID": f" {ACCOUNT}\n"}) == ACCOUNT


def test_token_and_values_are_in_no_log_and_no_text(caplog: pytest.LogCaptureFixture) -> None:
    """[F2] With everything logged, neither turns up anywhere but in the request."""
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    for step in (good({}), refused(400, 10021, f"cannot take {VALUE}"), httpx.ReadError(VALUE), httpx.Response(200)):
        client = Scripted(step).worker(budget_seconds=1.5)
        texts += [repr(client), repr(copy.copy(client))]
        try:
            client.change_secrets(*PLACE, {"DATABASE_URL": VALUE})
            client.put_secret(*PLACE, "DATABASE_URL", VALUE)
        except errors.CloudflareError as error:
            texts += [str(error), repr(error), repr(vars(error))]
    texts.append(caplog.text)
    assert "HTTP Request: PATCH" in caplog.text
    assert not [text for text in texts if VALUE in text or TOKEN in text or "P4ssw0rd" in text]


def test_what_is_sent_shows_no_values() -> None:
    """The parts a call is made of can be printed."""
    upload = app(SECRET_LIKE=VALUE)
    assert VALUE not in repr(upload)
    assert VALUE not in repr(upload.content())


def test_the_worker_client_needs_no_pulumi() -> None:
    """The client and the life cycle are plain Python: importing them loads nothing of Pulumi."""
    program = (
        "import sys, components.worker.api.client, components.worker.secrets.change, components.worker.secrets.look; "
        "print([name for name in sys.modules if name.partition('.')[0] in "
        "{'pulumi', 'sandbox', 'stacks', 'operations', 'engine'} or name.startswith('components.xata')])"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOM, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
