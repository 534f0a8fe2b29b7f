"""Uploads, settings and addresses of the Cloudflare stand-in."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sandbox.cloudflare.errors import ApiError
from cloud_sandbox.cloudflare.uploads import form as read_form
from cloud_sandbox.wire import Request
from tests.sandbox.cloudflare_surface import ECHO, STUB, Surface, form, secret, surface

PLAIN = {"name": "MODE", "type": "plain_text", "text": "staging"}
INHERITED = {"name": "DATABASE_URL", "type": "inherit"}
KEEP_SECRETS = ["secret_text", "secret_key"]
STRICT = "?bindings_inherit=strict"


def _with_secret() -> Surface:
    api = surface()
    api.upload()
    api.put_secret("DATABASE_URL", "postgresql://")
    return api


# Uploads


def test_an_upload_runs_the_script_with_its_variables() -> None:
    """Code, date, flags and bindings reach the runtime."""
    api = surface()
    told = api.upload(
        code=ECHO,
        compatibility_date="2026-09-01",
        compatibility_flags=["nodejs_compat"],
        bindings=[PLAIN, {"name": "LIST", "type": "json", "json": [1]}],
    )
    script, _ = api.runtime.scripts["app"]
    assert (script.main, script.compatibility_date, script.compatibility_flags) == (
        "worker.js",
        "2026-09-01",
        ("nodejs_compat",),
    )
    assert api.running() == {"MODE": "staging", "LIST": [1]}
    assert told["id"] == "app"
    assert api.call("GET", "/scripts/app").text == ECHO


@pytest.mark.parametrize("name", ["a" * 64, "-a", "a.b", "ä", "a%20b"])
def test_an_impossible_name_is_refused(name: str) -> None:
    """10016: 1 to 63 letters, digits, underscores and hyphens."""
    assert surface().refused("PUT", f"/scripts/{name}", files=form({"main_module": "worker.js"}))[:2] == (400, 10016)


def test_the_longest_name_is_taken() -> None:
    """63 characters."""
    assert surface().upload("a" * 63)["id"] == "a" * 63


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"main_module": "other.js"}, 10021),
        ({}, 10021),
        ({"main_module": "worker.js", "bindings": {}}, 10021),
        ({"main_module": "worker.js", "bindings": ["x"]}, 10021),
        ({"main_module": "worker.js", "bindings": [{"type": "plain_text", "text": ""}]}, 10052),
        ({"main_module": "worker.js", "bindings": [PLAIN, PLAIN]}, 10053),
        ({"main_module": "worker.js", "bindings": [{**INHERITED, "version_id": "1"}]}, 10057),
        ({"main_module": "worker.js", "annotations": []}, None),
        ({"main_module": "worker.js", "annotations": ["x"]}, 10021),
    ],
)
def test_malformed_metadata_are_refused(metadata: dict[str, Any], code: int | None) -> None:
    """Each with its code; an empty list of annotations is none."""
    answer = surface().call("PUT", "/scripts/app", files=form(metadata))
    found = [error["code"] for error in answer.json()["errors"]]
    assert found == ([] if code is None else [code])


def test_a_body_that_is_no_form_is_refused() -> None:
    """10026, without making a Worker."""
    api = surface()
    assert api.refused("PUT", "/scripts/app", content=b"export default {}")[:2] == (400, 10026)
    assert api.result("GET", "/scripts") == []


def test_an_upload_replaces_all_bindings_but_those_it_keeps() -> None:
    """Kinds in keep_bindings stay, with their values; everything else is gone."""
    api = _with_secret()
    api.upload(bindings=[PLAIN], keep_bindings=KEEP_SECRETS)
    assert api.running() == {"MODE": "staging", "DATABASE_URL": "postgresql://"}
    api.upload(keep_bindings=KEEP_SECRETS)
    assert api.running() == {"DATABASE_URL": "postgresql://"}
    api.upload(keep_bindings=[])
    assert api.running() == {}


@pytest.mark.parametrize("keeps", [True, False])
def test_what_is_not_said_to_be_kept_stays_or_goes_by_the_setting(*, keeps: bool) -> None:
    """Secrets of an upload without keep_bindings; variables always go."""
    api = surface(keeps_secrets=keeps)
    api.upload(bindings=[PLAIN])
    api.put_secret("DATABASE_URL", "postgresql://")
    api.upload()
    assert api.running() == ({"DATABASE_URL": "postgresql://"} if keeps else {})


def test_a_variable_of_the_same_name_silently_takes_a_secrets_place() -> None:
    """What is sent wins over what is kept; the next secret of that name is refused."""
    api = _with_secret()
    api.upload(bindings=[{"name": "DATABASE_URL", "type": "plain_text", "text": "x"}], keep_bindings=KEEP_SECRETS)
    assert api.bindings() == {"DATABASE_URL": "plain_text"}
    assert api.refused("PUT", "/scripts/app/secrets", json=secret("DATABASE_URL"))[1] == 10053


def test_a_binding_is_inherited_from_the_newest_version_deployed_or_not() -> None:
    """An upload that names a required secret takes it over, also under another name."""
    api = _with_secret()
    renamed = [{"name": "URL", "type": "inherit", "old_name": "DATABASE_URL"}]
    api.upload_version(bindings=renamed, keep_bindings=[], query=STRICT)
    version = api.upload_version(bindings=[{"name": "URL", "type": "inherit"}], keep_bindings=[], query=STRICT)
    api.deploy(version["id"])
    assert api.running() == {"URL": "postgresql://"}


def test_a_required_secret_that_is_missing_fails_the_upload() -> None:
    """10057 when inheriting is strict, in the words that wrangler looks for; dropped in silence when it is not."""
    api = surface()
    api.upload()
    sent = form({"main_module": "worker.js", "bindings": [INHERITED]})
    status, code, message = api.refused("POST", f"/scripts/app/versions{STRICT}", files=sent)
    assert (status, code) == (400, 10057)
    assert message.startswith("inherit binding 'DATABASE_URL' is invalid")
    api.upload(bindings=[INHERITED])
    assert api.running() == {}


def test_a_version_of_a_worker_that_is_not_there_is_refused() -> None:
    """10007."""
    assert surface().refused("POST", "/scripts/app/versions", files=form({"main_module": "worker.js"}))[1] == 10007


def test_all_files_of_a_version_can_be_had_again() -> None:
    """As a form, with the main file's name in a header."""
    api = surface()
    api.upload(code=ECHO)
    newer = api.upload_version(code=STUB)["id"]
    answer = api.call("GET", "/scripts/app/content/v2")
    assert (answer.headers["cf-entrypoint"], ECHO in answer.text) == ("worker.js", True)
    assert STUB in api.call("GET", f"/scripts/app/content/v2?version={newer}").text
    assert api.refused("GET", "/scripts/app/content/v2?version=x")[1] == 10223


# Looking, changing, removing


def test_a_service_is_told_as_wrangler_asks_for_it() -> None:
    """Who deployed last, the tag, and 10090 for a Worker that is not there."""
    api = surface()
    assert api.refused("GET", "/services/app")[:2] == (404, 10090)
    with api.client("t" * 40) as http:
        http.headers["user-agent"] = "wrangler/4.0.0"
        api.http = http
        api.upload()
    api.http = api.client("t" * 40)
    script = api.result("GET", "/services/app")["default_environment"]["script"]
    assert (script["last_deployed_from"], script["tag"]) == ("wrangler", api.result("GET", "/workers/app")["id"])
    assert api.result("GET", "/services/app/environments/production")["environment"] == "production"
    assert api.refused("GET", "/services/app/environments/staging")[1] == 10090


def test_settings_replace_bindings_and_take_over_those_without_a_value() -> None:
    """The way older wranglers set many secrets at once."""
    api = _with_secret()
    sent = [PLAIN, {"name": "DATABASE_URL", "type": "secret_text"}]
    settings = {"settings": (None, json.dumps({"bindings": sent}), "application/json")}
    told = api.result("PATCH", "/scripts/app/settings", files=settings)
    assert api.running() == {"MODE": "staging", "DATABASE_URL": "postgresql://"}
    assert told["bindings"] == [PLAIN, {"name": "DATABASE_URL", "type": "secret_text"}]
    missing = {"settings": (None, json.dumps({"bindings": [{"name": "X", "type": "secret_text"}]}), "application/json")}
    assert api.refused("PATCH", "/scripts/app/settings", files=missing)[1] == 10057


@pytest.mark.parametrize("path", ["/scripts/app", "/services/app?force=false", "/workers/app"])
def test_a_removed_worker_is_gone(path: str) -> None:
    """By any of the three routes; nothing runs any more."""
    api = _with_secret()
    assert api.result("DELETE", path) is None
    assert api.runtime.scripts == {}
    assert api.call("DELETE", path).status_code == 404
    assert api.refused("GET", "/scripts/app/secrets")[1] == 10007


def test_an_address_is_off_until_it_is_switched_on() -> None:
    """What is deployed is told with its address only while that is on."""
    api = surface()
    api.upload()
    assert api.service.deployed()["app"]["address"] == ""
    on = {"enabled": True, "previews_enabled": True}
    assert api.result("POST", "/scripts/app/subdomain", json={"enabled": True}) == on
    assert api.service.deployed()["app"]["address"] == "https://app.sandbox.workers.dev"
    assert api.result("GET", "/workers/app")["subdomain"]["url"] == "https://app.sandbox.workers.dev"
    assert api.result("DELETE", "/scripts/app/subdomain")["enabled"] is False
    assert api.refused("POST", "/scripts/app/subdomain", json={"enabled": "yes"})[1] == 10021


def test_an_account_without_a_subdomain_says_so() -> None:
    """10007 for the account's, 10063 for a script's, until one is registered."""
    api = surface(subdomain="")
    api.upload()
    assert api.refused("GET", "/subdomain")[:2] == (404, 10007)
    assert api.refused("POST", "/scripts/app/subdomain", json={"enabled": True})[1] == 10063
    assert api.result("PUT", "/subdomain", json={"subdomain": "mine"}) == {"subdomain": "mine"}
    assert api.result("GET", "/subdomain") == {"subdomain": "mine"}


def test_a_worker_of_the_newer_api_is_the_same_worker() -> None:
    """Made empty, edited, found by name and by id, deployed to, removed."""
    api = surface()
    made = api.result("POST", "/workers", json={"name": "app", "tags": ["a"], "subdomain": {"enabled": True}})
    assert api.refused("POST", "/workers", json={"name": "app"})[0] == 409
    assert api.refused("POST", "/workers", json={"name": 7})[1] == 10021
    assert (made["tags"], made["subdomain"]["enabled"], made["deployed_on"]) == (["a"], True, None)
    version = api.upload_version()
    api.deploy(version["id"])
    assert api.result("GET", f"/workers/{made['id']}")["deployed_on"] is not None
    assert api.result("GET", "/workers/app/versions/latest")["id"] == version["id"]
    assert [one["id"] for one in api.result("GET", "/workers/app/versions")] == [version["id"]]
    patched = api.result("PATCH", "/workers/app", json={"logpush": True})
    assert (patched["logpush"], patched["tags"]) == (True, ["a"])


def test_lists_that_are_always_empty_answer() -> None:
    """What wrangler asks on its way: schedules, references, consumers, namespaces."""
    api = _with_secret()
    for path in ("/scripts/app/tails", "/tails/by-consumer/app", "/domains/records", "/durable_objects/namespaces"):
        assert api.result("GET", path) == []
    assert api.result("PUT", "/scripts/app/schedules", json=[{"cron": "* * * * *"}])["schedules"]
    assert api.result("GET", "/scripts/app/references")["durable_objects"] == []
    answer = api.http.get("/accounts/5a4d0b0c5a4d0b0c5a4d0b0c5a4d0b0c/storage/kv/namespaces")
    assert answer.json()["result_info"]["total_count"] == 0


@given(st.dictionaries(st.text("abcdefgh_.-/ ", min_size=1), st.binary(max_size=200), min_size=1, max_size=5))
def test_a_form_reads_back_whatever_its_parts_hold(parts: dict[str, bytes]) -> None:
    """Line ends, dashes and zero bytes included, as httpx writes them."""
    files = {name: (name, content, "application/octet-stream") for name, content in parts.items()}
    sent = httpx.Request("PUT", "http://x", files=files)
    read = read_form(Request(method="PUT", path="/", headers=dict(sent.headers), body=sent.read()))
    assert {part.name: part.content for part in read} == parts


@given(st.binary(max_size=300))
def test_a_form_that_is_none_is_refused(body: bytes) -> None:
    """Any bytes are either a form or refused with 10026."""
    headers = {"content-type": "multipart/form-data; boundary=x"}
    try:
        read_form(Request(method="PUT", path="/", headers=headers, body=body))
    except ApiError as error:
        assert error.code == 10026  # noqa: PT017 - some bytes are a form
