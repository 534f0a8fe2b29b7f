"""What each answer of a Worker's health means: layer, cause, next step, and how long it is waited out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.connectivity.report import WorkerLayer
from components.connectivity.worker_address import health_url, host, path_of, url_reason
from components.connectivity.worker_verdicts import (
    LONGEST_QUOTED,
    LOSSES,
    Expectation,
    Patience,
    WorkerVerdict,
    verdict_on,
)
from components.connectivity.worker_wire import HealthResponse, Loss
from components.worker.names import DRAFT_ANSWER

EXPECTED = Expectation(environment="staging", branch="staging")
HEALTHY = {
    "status": "ok",
    "database": "ok",
    "environment": "staging",
    "xataBranch": "staging",
    "databaseBranch": "staging",
}
MISSING = object()


def _answer(code: int = 200, /, content_type: str = "application/json", **changes: Any) -> HealthResponse:
    document = {key: value for key, value in {**HEALTHY, **changes}.items() if value is not MISSING}
    return HealthResponse(status=code, content_type=content_type, body=json.dumps(document).encode())


def _judged(outcome: HealthResponse | Loss, expected: Expectation = EXPECTED) -> WorkerVerdict:
    verdict = verdict_on(outcome, expected, host="app.example.com")
    assert verdict is not None
    assert verdict.next_step
    assert "{" not in verdict.cause + verdict.next_step
    return verdict


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_declared_answer_has_no_verdict(content_type: str) -> None:
    """200 with the declared five fields is right, whatever else the answer holds."""
    assert verdict_on(_answer(content_type=content_type, version="1.2", more=[1]), EXPECTED, host="h") is None


@pytest.mark.parametrize("loss", Loss)
def test_every_loss_has_a_verdict(loss: Loss) -> None:
    """Whatever happens on the way is told as the layer `worker`, and may pass."""
    verdict = _judged(loss)
    assert verdict.layer is WorkerLayer.WORKER
    assert verdict.patience is {Loss.NAME: Patience.ABSENT, Loss.HUGE: Patience.FIRM}.get(loss, Patience.NOT_YET)
    assert LOSSES.keys() == set(Loss)


@pytest.mark.parametrize(
    ("outcome", "patience", "cause"),
    [
        (HealthResponse(status=404), Patience.ABSENT, "there is no /api/health at app.example.com (404)"),
        (HealthResponse(status=404, body=DRAFT_ANSWER.encode()), Patience.ABSENT, "there is no /api/health"),
        (HealthResponse(status=404, body=b"error code: 1042"), Patience.ABSENT, "there is no /api/health"),
        (
            HealthResponse(status=404, body=b"<h1>There is nothing here yet</h1>"),
            Patience.ABSENT,
            "there is no /api/health",
        ),
        (HealthResponse(status=404, body=b"Not Found"), Patience.FIRM, "(404); the app there says so itself"),
        (_answer(404, error="no such route"), Patience.FIRM, "(404); the app there says so itself"),
        (HealthResponse(status=503), Patience.UNHEALTHY, "the Worker answers 503"),
        (HealthResponse(status=503, body=b"{"), Patience.UNHEALTHY, "the Worker answers 503"),
        (
            _answer(503, database="log-in refused"),
            Patience.UNHEALTHY,
            "the Worker answers 503, database: log-in refused",
        ),
        (HealthResponse(status=503, broken=Loss.HUGE), Patience.UNHEALTHY, "the Worker answers 503"),
        (HealthResponse(status=401), Patience.FIRM, "app.example.com asks for a log-in (401)"),
        (HealthResponse(status=403), Patience.FIRM, "app.example.com asks for a log-in (403)"),
        (HealthResponse(status=500), Patience.NOT_YET, "app.example.com answers 500"),
        (HealthResponse(status=429), Patience.NOT_YET, "app.example.com answers 429"),
        (HealthResponse(status=530), Patience.NOT_YET, "app.example.com answers 530"),
        (HealthResponse(status=204), Patience.NOT_YET, "app.example.com answers 204"),
        (
            HealthResponse(status=302, location="https://team.cloudflareaccess.com/login?token=hunter2#hunter2"),
            Patience.FIRM,
            "app.example.com redirects (302) to https://team.cloudflareaccess.com/login; redirects are not followed",
        ),
        (
            HealthResponse(status=304),
            Patience.FIRM,
            "app.example.com redirects (304) to no place; redirects are not followed",
        ),
        (_answer(content_type="text/html"), Patience.FIRM, "the answer is text/html, not application/json"),
        (_answer(content_type=""), Patience.FIRM, "the answer is of no type, not application/json"),
        (_answer(content_type="application/jsonp"), Patience.FIRM, "the answer is application/jsonp, not"),
    ],
)
def test_statuses_and_types_have_a_verdict(outcome: HealthResponse, patience: Patience, cause: str) -> None:
    """A status tells who is at fault, and how long it is waited out; a redirect is named without its query."""
    verdict = _judged(outcome)
    assert (verdict.layer, verdict.patience) == (WorkerLayer.WORKER, patience)
    assert cause in verdict.cause


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"ok"', b"{}", b"\xff\xfe", b"[" * 60_000, b"\x1f\x8b\x08"]
)
def test_body_that_is_no_json_object_is_said(body: bytes) -> None:
    """Whatever the body is, the verdict is the same and quotes nothing of it."""
    verdict = _judged(HealthResponse(status=200, content_type="application/json", body=body))
    assert verdict.cause == "the answer is not a JSON object"


@pytest.mark.parametrize("broken", [Loss.HUGE, Loss.ENDLESS, Loss.CUT])
def test_body_that_is_not_whole_is_said(broken: Loss) -> None:
    """A 200 without a whole body is no healthy answer."""
    assert _judged(HealthResponse(status=200, content_type="application/json", broken=broken)) == _judged(broken)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"status": "degraded"}, "the Worker answers 200 with status degraded instead of ok"),
        ({"database": "unreachable"}, "the Worker answers 200 with database unreachable instead of ok"),
        ({"database": MISSING}, "the Worker answers 200 with database (nothing) instead of ok"),
        ({"status": True}, "the Worker answers 200 with status true instead of ok"),
        (
            {"status": {"a": 1}, "database": None},
            'the Worker answers 200 with status {"a": 1} instead of ok, database (nothing) instead of ok',
        ),
    ],
)
def test_health_is_told_before_identity(changes: dict[str, Any], cause: str) -> None:
    """An unhealthy 200 fails the layer `worker`, even where the identity is wrong as well."""
    verdict = verdict_on(_answer(environment="production", **changes), EXPECTED, host="h")
    assert verdict is not None
    assert (verdict.layer, verdict.patience, verdict.cause) == (WorkerLayer.WORKER, Patience.NOT_YET, cause)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"environment": "production"}, "the Worker answers with environment production instead of staging"),
        ({"environment": MISSING}, "the Worker answers with environment (nothing) instead of staging"),
        ({"xataBranch": "pr-7"}, "the Worker answers with xataBranch pr-7 instead of staging"),
        ({"xataBranch": ["staging"]}, 'the Worker answers with xataBranch ["staging"] instead of staging'),
        (
            {"environment": "a", "xataBranch": "b", "databaseBranch": "c"},
            "the Worker answers with environment a instead of staging, xataBranch b instead of staging",
        ),
        ({"databaseBranch": "production"}, "the Worker's database is branch production, not staging"),
        ({"databaseBranch": ""}, "the Worker's database is branch without a name, not staging"),
        ({"databaseBranch": None}, "the Worker's database carries no identity stamp, where it must be staging"),
        ({"databaseBranch": MISSING}, "the Worker does not say which branch its database is stamped with"),
    ],
)
def test_wrong_identity_fails_its_own_layer(changes: dict[str, Any], cause: str) -> None:
    """A healthy Worker of another environment, branch or database is not yet the right one."""
    answer = _answer(**changes)
    verdict = verdict_on(answer, EXPECTED, host="h")
    assert verdict is not None
    assert (verdict.layer, verdict.patience, verdict.cause) == (WorkerLayer.IDENTITY, Patience.NOT_YET, cause)


def test_what_is_quoted_is_short_printable_and_without_secrets() -> None:
    """A field with a connection string, terminal codes or a whole page shows none of it."""
    url = "cannot reach postgresql://app:hunter2@db.example.com/app"
    assert "hunter2" not in _judged(_answer(503, database=url)).cause
    assert "\x1b" not in _judged(_answer(environment="\x1b[31mred\n")).cause
    assert len(_judged(_answer(environment="long word " * 500)).cause) < LONGEST_QUOTED + 100


def test_next_step_names_the_deployment() -> None:
    """What is deployed with another command is deployed with it in the texts, too."""
    assert "./infra wrangler deploy staging" in _judged(HealthResponse(status=404)).next_step
    preview = Expectation(environment="preview", branch="pr-7")
    assert "./infra wrangler deploy pr-7" in _judged(HealthResponse(status=404), preview).next_step
    assert "./infra wrangler deploy pr-7" in _judged(Loss.NAME, preview).next_step


# The address


@pytest.mark.parametrize(
    "url",
    [
        "https://app.sub.workers.dev",
        "https://app.sub.workers.dev/",
        "https://app.sub.workers.dev/api/health",
        "https://APP.example.com:8443/base/",
        "http://127.0.0.1:8787",
        "http://[::1]:8787",
        "http://app.localhost:8787",
    ],
)
def test_addresses_that_are_asked(url: str) -> None:
    """Https anywhere, plain http on this machine; the path is added once."""
    assert url_reason(url) == ""
    assert health_url(url).count("/api/health") == 1
    assert "//api" not in health_url(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "is no address"),
        ("app.sub.workers.dev", "is no address"),
        ("ftp://app.example.com", "is no address"),
        ("https://app.example.com:port", "is no address"),
        ("https://a b", "is no address"),
        ("https://app.example.com\n", "is no address"),
        ("https://", "no host name"),
        ("https:///api/health", "no host name"),
        ("https://-app.example.com", "no host name"),
        ("https://app..example.com", "no host name"),
        (f"https://{'a' * 64}.example.com", "no host name"),
        ("https://app:hunter2@example.com", "holds a user name or a password"),
        ("https://app.example.com?token=hunter2", "has something behind the path"),
        ("https://app.example.com#part", "has something behind the path"),
        ("http://app.example.com", "does not begin with https://"),
        ("http://127.0.0.1.example.com", "does not begin with https://"),
    ],
)
def test_addresses_that_are_refused(url: str, reason: str) -> None:
    """What cannot be asked, or not safely, is refused in words that do not repeat it."""
    assert reason in url_reason(url)
    assert "hunter2" not in url_reason(url)


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/health"])
def test_the_path_of_the_health_is_a_setting(path: str) -> None:
    """It is added once, and messages name it."""
    url = health_url("https://app.example.com/", path)
    assert (url, health_url(url, path), path_of(url)) == (f"https://app.example.com{path}", url, path)
    there = Expectation(environment="staging", branch="staging", path=path)
    for answer in (HealthResponse(status=404, body=b"Not Found"), _answer(content_type="text/html")):
        verdict = _judged(answer, there)
        assert path in verdict.next_step
        assert "/api/health" not in verdict.cause + verdict.next_step


def test_host_of_an_address() -> None:
    """Lower case, without port."""
    assert host("https://App.Example.com:8443/api/health") == "app.example.com"
