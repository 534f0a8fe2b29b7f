"""Secrets, versions and deployments of the Cloudflare stand-in: who is let in, what changes, what is refused."""

from __future__ import annotations

import json

import httpx
import pytest

from cloud_sandbox.cloudflare.runtime import NoRuntime, ScriptError
from cloud_sandbox.cloudflare.service import Service
from cloud_sandbox.cloudflare.settings import Settings, Token
from cloud_sandbox.errors import SetupError
from cloud_sandbox.faults import fault_of
from tests.sandbox.cloudflare_surface import (
    ACCOUNT_TOKEN,
    DEFAULT_ACCOUNT,
    DISABLED,
    READER,
    TOKEN,
    form,
    secret,
    surface,
)

SECRETS = "/scripts/app/secrets"
BULK = "/scripts/app/secrets-bulk"
VALUES = ["", "plain", "$HOME", 'say "yes"', "two\nlines", "nul\0inside", "🐘", "x" * 5120]


def _code(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["errors"][0]["code"]


# Who is let in


@pytest.mark.parametrize(
    ("token", "path", "expected"),
    [
        ("", "/user/tokens/verify", (400, 9106)),
        ("x" * 40, "/user/tokens/verify", (401, 1000)),
        (DISABLED, "/user/tokens/verify", (401, 1000)),
        ("x" * 40, "/memberships", (403, 9109)),
        (ACCOUNT_TOKEN, "/memberships", (403, 9109)),
        (ACCOUNT_TOKEN, "/user", (403, 9109)),
        ("x" * 40, f"/accounts/{DEFAULT_ACCOUNT}/workers/scripts", (403, 10000)),
        (TOKEN, f"/accounts/{'0' * 32}/workers/scripts", (403, 10000)),
        (TOKEN, "/accounts/not-an-id/workers/scripts", (404, 7003)),
        (TOKEN, f"/accounts/{DEFAULT_ACCOUNT}/workers/nothing", (404, 7000)),
    ],
)
def test_a_wrong_token_account_or_path_is_refused(token: str, path: str, expected: tuple[int, int]) -> None:
    """Status and code tell a missing token, a wrong one, another account and an unknown path apart."""
    with surface().client(token) as http:
        assert _code(http.get(path)) == expected


def test_the_header_has_to_be_a_bearer_token() -> None:
    """Another kind of credentials is malformed, not wrong."""
    answer = surface().http.get("/user/tokens/verify", headers={"authorization": "Basic abc"})
    assert _code(answer) == (400, 6003)


def test_a_token_that_may_only_read_changes_nothing() -> None:
    """Reading works with it, writing is refused like a wrong token."""
    api = surface()
    api.upload()
    with api.client(READER) as http:
        base = f"/accounts/{DEFAULT_ACCOUNT}/workers{SECRETS}"
        assert http.get(base).status_code == 200
        assert _code(http.put(base, json=secret("A"))) == (403, 10000)
    assert api.bindings() == {}


def test_the_account_and_its_user_are_told() -> None:
    """Token, user, memberships and accounts name the one account there is."""
    http = surface().http
    assert http.get("/user/tokens/verify").json()["result"]["status"] == "active"
    assert http.get("/memberships").json()["result"][0]["account"]["id"] == DEFAULT_ACCOUNT
    assert [account["id"] for account in http.get("/accounts").json()["result"]] == [DEFAULT_ACCOUNT]
    assert http.get(f"/accounts/{DEFAULT_ACCOUNT}").json()["result"]["name"] == "Sandbox"
    assert http.get("/user").json()["result"]["email"]


def test_too_many_calls_are_refused_until_the_window_is_over() -> None:
    """The answer says how long to wait, in the service's own headers."""
    api = surface(calls=2, window=300.0)
    statuses = [api.call("GET", "/scripts").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    api.clock.now += 60
    refused = api.call("GET", "/scripts")
    assert (refused.headers["retry-after"], refused.headers["ratelimit"]) == ("240", '"default";r=0;t=240')
    api.clock.now += 240
    assert api.call("GET", "/scripts").status_code == 200


@pytest.mark.parametrize("wrong", [{"account": "abc"}, {"tokens": (Token(token="short"),)}, {"propagation": -1.0}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    """A malformed account or token is found at the start, not at the first call."""
    with pytest.raises(SetupError) as refusal:
        Settings(**wrong)  # type: ignore[arg-type] # what is wrong is the point
    assert "short" not in str(refusal.value)


def test_a_list_ends() -> None:
    """Pages are as long as asked for, and beyond the last one there is nothing."""
    api = surface()
    for name in ("one", "two", "three"):
        api.upload(name)
    told = [api.call("GET", f"/workers?per_page=2&page={page}").json() for page in (1, 2, 3)]
    assert [[worker["name"] for worker in page["result"]] for page in told] == [["one", "two"], ["three"], []]
    assert told[0]["result_info"] == {"page": 1, "per_page": 2, "count": 2, "total_count": 3, "total_pages": 2}
    assert len(api.result("GET", "/workers?page=0&per_page=x")) == 3


# Secrets


def test_a_worker_that_is_not_there_has_no_secrets() -> None:
    """Every operation on secrets answers 10007 with 404."""
    api = surface()
    for method, path, body in (
        ("GET", SECRETS, None),
        ("PUT", SECRETS, secret("A")),
        ("DELETE", f"{SECRETS}/A", None),
        ("PATCH", BULK, {"secrets": {"A": secret("A")}}),
    ):
        assert api.refused(method, path, json=body)[:2] == (404, 10007)


@pytest.mark.parametrize("value", VALUES)
def test_a_secret_is_in_force_at_once_and_never_told(value: str) -> None:
    """The script runs with exactly the value; no answer holds it."""
    api = surface()
    api.upload()
    told = api.put_secret("DATABASE_URL", value)
    assert api.running() == {"DATABASE_URL": value}
    assert told == {"name": "DATABASE_URL", "type": "secret_text"}
    assert api.result("GET", SECRETS) == [told] == [api.result("GET", f"{SECRETS}/DATABASE_URL")]


def test_a_bulk_change_sets_removes_and_leaves_the_rest() -> None:
    """One version and one deployment for all of it."""
    api = surface()
    api.upload()
    api.result("PATCH", BULK, json={"secrets": {name: secret(name) for name in "ABC"}})
    changed = api.result("PATCH", BULK, json={"secrets": {"A": secret("A", "new"), "B": None}})
    assert sorted(changed) == ["A", "C"]
    assert api.running() == {"A": "new", "C": "value"}
    versions = api.result("GET", "/scripts/app/versions")["items"]
    assert [version["number"] for version in versions] == [3, 2, 1]
    deployed = api.result("GET", "/scripts/app/deployments")["deployments"]
    assert deployed[0]["versions"] == [{"version_id": versions[0]["id"], "percentage": 100}]


def test_an_empty_bulk_change_makes_no_version() -> None:
    """Nothing to change changes nothing."""
    api = surface()
    api.upload()
    assert api.result("PATCH", BULK, json={"secrets": {}}) == {}
    assert len(api.result("GET", "/scripts/app/versions")["items"]) == 1


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ({"GONE": None}, (404, 10056)),
        ({"PLAIN": secret("PLAIN")}, (400, 10053)),
        ({"PLAIN": None}, (404, 10056)),
        ({"with-hyphen": secret("with-hyphen")}, (400, 10021)),
        ({"1ST": secret("1ST")}, (400, 10021)),
        ({"BIG": secret("BIG", "x" * 5121)}, (400, 10054)),
        ({"WIDE": secret("WIDE", "ü" * 2561)}, (400, 10054)),
        ({"NUMBER": secret("NUMBER", 7)}, (400, 10021)),
        ({"KIND": {"name": "KIND", "text": "x", "type": "plain_text"}}, (400, 10021)),
        ({"LIST": []}, (400, 10021)),
        ({f"N{number}": secret(f"N{number}") for number in range(5)}, (400, 10055)),
        ({f"N{number}": secret(f"N{number}") for number in range(101)}, (400, 10021)),
        ([], (400, 10021)),
    ],
)
def test_a_bulk_change_is_all_or_nothing(secrets: object, expected: tuple[int, int]) -> None:
    """A refused part leaves everything as it was, and no value is in the message."""
    api = surface(variables=5)
    api.upload(bindings=[{"name": "PLAIN", "type": "plain_text", "text": "visible"}])
    before = api.running()
    status, code, message = api.refused("PATCH", BULK, json={"secrets": secrets})
    assert (status, code) == expected
    assert "value" not in message.replace("The value of", "")
    assert api.running() == before


def test_a_name_that_is_taken_is_named() -> None:
    """10053 says which name another binding has."""
    api = surface()
    api.upload(bindings=[{"name": "DATABASE_URL", "type": "plain_text", "text": "visible"}])
    assert "'DATABASE_URL'" in api.refused("PUT", SECRETS, json=secret("DATABASE_URL"))[2]


def test_a_secret_is_removed_once() -> None:
    """The second removal answers 10056."""
    api = surface()
    api.upload()
    api.put_secret("A")
    assert api.result("DELETE", f"{SECRETS}/A?url_encoded=true") is None
    assert api.refused("DELETE", f"{SECRETS}/A")[:2] == (404, 10056)
    assert api.running() == {}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    """10026, for one secret and for many."""
    api = surface()
    api.upload()
    assert api.refused("PUT", SECRETS, content=body)[:2] == (400, 10026)
    assert api.refused("PATCH", BULK, content=body)[:2] == (400, 10026)


def test_a_secret_without_a_name_is_refused() -> None:
    """10052."""
    api = surface()
    api.upload()
    assert api.refused("PUT", SECRETS, json={"type": "secret_text", "text": "x"})[:2] == (400, 10052)


def test_a_worker_without_any_version_takes_no_secret() -> None:
    """A Worker that the newer API made empty answers 10222."""
    api = surface()
    api.result("POST", "/workers", json={"name": "app"})
    assert api.result("GET", SECRETS) == []
    assert api.refused("PUT", SECRETS, json=secret("A"))[:2] == (404, 10222)


# Versions and deployments


def test_a_newer_version_that_is_not_deployed_blocks_secrets_and_settings() -> None:
    """10215 and 10214 until it is deployed; script settings are never blocked."""
    api = surface()
    api.upload()
    version = api.upload_version()
    settings = {"settings": (None, json.dumps({"bindings": []}), "application/json")}
    assert api.refused("PUT", SECRETS, json=secret("A"))[:2] == (400, 10215)
    assert api.refused("DELETE", f"{SECRETS}/A")[:2] == (400, 10215)
    assert api.refused("PATCH", BULK, json={"secrets": {"A": secret("A")}})[:2] == (400, 10215)
    assert api.refused("PATCH", "/scripts/app/settings", files=settings)[:2] == (400, 10214)
    assert api.result("PATCH", "/scripts/app/script-settings", json={"tags": ["a"]})["tags"] == ["a"]
    api.deploy(version["id"])
    api.put_secret("A")


def test_a_secret_of_the_latest_version_waits_for_its_deployment() -> None:
    """The script runs without it until then, though the list of secrets has it."""
    api = surface()
    api.upload()
    patch = {"env": {"A": {"type": "secret_text", "text": "x"}}, "annotations": {"workers/message": "why"}}
    version = api.result("PATCH", "/workers/app/versions/latest", json=patch)
    assert version["env"] == {"A": {"name": "A", "type": "secret_text"}}
    assert (api.running(), api.bindings()) == ({}, {"A": "secret_text"})
    api.deploy(version["id"])
    assert api.running() == {"A": "x"}


def test_the_latest_version_is_edited_by_name() -> None:
    """Null removes; a name that is not there and a Worker without versions are refused."""
    api = surface()
    api.upload()
    api.put_secret("A")
    gone = api.result("PATCH", "/workers/app/versions/latest", json={"env": {"A": None}})
    assert gone["bindings"] == []
    assert api.refused("PATCH", "/workers/app/versions/latest", json={"env": {"A": None}})[:2] == (404, 10056)
    api.result("POST", "/workers", json={"name": "empty"})
    assert api.refused("PATCH", "/workers/empty/versions/latest", json={"env": {}})[:2] == (404, 10222)


@pytest.mark.parametrize(
    ("shares", "code"),
    [
        ([], 10021),
        ([("known", 50)], 10021),
        ([("known", 60), ("known", 60)], 10021),
        ([("unknown", 100)], 10223),
        ([("known", 0)], 10021),
        ([("known", "100")], 10021),
    ],
)
def test_a_deployment_gives_out_all_of_the_traffic(shares: list[tuple[str, object]], code: int) -> None:
    """One or two known versions, together 100 %."""
    api = surface()
    api.upload()
    known = api.result("GET", "/scripts/app/versions")["items"][0]["id"]
    versions = [{"version_id": known if name == "known" else name, "percentage": share} for name, share in shares]
    body = {"strategy": "percentage", "versions": versions}
    assert api.refused("POST", "/scripts/app/deployments", json=body)[1] == code


def test_an_older_version_can_be_deployed_again() -> None:
    """Going back runs the older bindings, and blocks secrets, because the newest version is out of force."""
    api = surface()
    api.upload()
    first = api.result("GET", "/scripts/app/versions")["items"][0]["id"]
    api.put_secret("A")
    api.deploy(first)
    assert api.running() == {}
    assert api.refused("PUT", SECRETS, json=secret("B"))[1] == 10215


def test_a_script_that_does_not_start_leaves_nothing() -> None:
    """10021 with what the runtime says; the version before goes on, and a new Worker is not made."""
    api = surface()

    class Refusing(NoRuntime):
        def deploy(self, *_: object) -> None:
            raise ScriptError("SyntaxError: no")

    api.upload()
    api.service.world.runtime = Refusing()
    sent = {"main_module": "worker.js"}
    assert api.refused("PUT", "/scripts/app", files=form(sent, "syntax?"))[1:] == (10021, "SyntaxError: no")
    assert api.refused("PUT", "/scripts/new", files=form(sent, "syntax?"))[1] == 10021
    assert len(api.result("GET", "/scripts/app/versions")["items"]) == 1
    assert api.refused("GET", "/scripts/new/secrets")[1] == 10007


# The stand-in itself


def test_a_restart_continues_with_everything() -> None:
    """A snapshot, as JSON, brings back Workers, values, versions and deployments, and runs them."""
    api = surface()
    api.upload()
    api.put_secret("A", "kept 🐘")
    saved = json.dumps(api.service.snapshot())
    runtime = NoRuntime()
    again = Service(api.settings, runtime=runtime)
    again.restore(json.loads(saved))
    assert json.dumps(again.snapshot()) == saved
    assert runtime.scripts == api.runtime.scripts
    assert sorted(runtime.scripts) == ["app"]


def test_ordered_faults_happen() -> None:
    """A status instead of an answer, an answer that is lost after the write, and one that breaks off."""
    api = surface()
    api.upload()
    api.service.faults.add(fault_of({"match": {"method": "PUT", "path": "secrets$"}, "status": 503, "retryAfter": 7}))
    answer = api.call("PUT", SECRETS, json=secret("A"))
    assert (answer.status_code, answer.headers["retry-after"], api.bindings()) == (503, "7", {})
    api.service.faults.add(fault_of({"match": {"path": "secrets$"}, "loseAnswer": True}))
    with pytest.raises(httpx.RemoteProtocolError):
        api.call("PUT", SECRETS, json=secret("A"))
    assert api.bindings() == {"A": "secret_text"}
    api.service.faults.add(fault_of({"match": {"path": "secrets$"}, "malformed": True}))
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        api.call("GET", SECRETS).json()


def test_the_log_of_calls_holds_no_value() -> None:
    """Method, path, status and the names of the body's parts; never a secret or the token."""
    api = surface()
    api.upload()
    api.put_secret("A", "hunter2")
    log = json.dumps(api.service.log.listed())
    assert '"status": 200' in log
    assert "hunter2" not in log
    assert TOKEN not in log


def test_nothing_shows_a_value() -> None:
    """Neither the settings nor a Worker print a token or a secret."""
    api = surface()
    api.upload()
    api.put_secret("A", "hunter2")
    shown = repr(api.settings) + repr(api.service.world.workers)
    assert "hunter2" not in shown
    assert TOKEN not in shown
