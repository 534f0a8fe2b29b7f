"""./infra doctor on what a stack needs of Cloudflare: it asks, changes nothing, and each finding has a next step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cloud_sandbox.cloudflare.runtime import NoRuntime
from cloud_sandbox.cloudflare.service import Service
from cloud_sandbox.cloudflare.settings import DEFAULT_ACCOUNT, READ, Settings, Token
from cloud_sandbox.transport import handler
from components.worker.api.client import Client
from components.worker.api.models import Named
from operations.cloud_checks import examine_cloudflare as examine
from stacks.config import read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from operations.cloud_checks import Finding
    from stacks.settings import CloudSettings

APP = "acme-shop"
TOKEN, NARROW = "t" * 40, "n" * 40
KNOWN = {"CLOUDFLARE_ACCOUNT_ID": DEFAULT_ACCOUNT, "CLOUDFLARE_API_TOKEN": TOKEN}


@pytest.fixture
def service() -> Service:
    """An account with two tokens, one of which may do nothing."""
    tokens = (Token(token=TOKEN, permissions=(READ,)), Token(token=NARROW, permissions=()))
    return Service(Settings(tokens=tokens), runtime=NoRuntime())


def _examined(service: Service, project: Path, environ: Mapping[str, str], **configured: str) -> dict[str, Finding]:
    settings: Any = read("staging", {f"infra:{key}": value for key, value in {"app": APP, **configured}.items()})
    told: CloudSettings = settings

    def open_client(environment: Mapping[str, str]) -> Client:
        transport = httpx.MockTransport(handler(service))
        token = environment["CLOUDFLARE_API_TOKEN"]
        return Client(key=token, base_url="http://127.0.0.1:1/client/v4", transport=transport, sleep=lambda _: None)

    found = examine(environ, told, stack="staging", folder=project, open_client=open_client)
    return {one.check: one for one in found}


def test_everything_is_looked_at_and_nothing_changed(service: Service, project: Path) -> None:
    """A token that may only read is enough to look."""
    found = _examined(service, project, KNOWN)
    verdicts = {name: one.verdict for name, one in found.items()}
    assert verdicts == {
        "wrangler.jsonc": "warning",
        "cloudflare token": "ok",
        "cloudflare account": "ok",
        "cloudflare permission Workers Scripts Read": "ok",
        "cloudflare permission Workers Scripts Write": "warning",
        "cloudflare worker": "ok",
        "cloudflare workers.dev": "ok",
    }
    assert "acme-shop-staging is not there yet" in found["cloudflare worker"].found
    assert {entry["method"] for entry in service.log.listed()} == {"GET"}
    assert all(one.next_step for one in found.values() if one.verdict != "ok")


@pytest.mark.parametrize(
    ("environ", "check", "verdict", "said"),
    [
        ({}, "cloudflare account", "warning", "leaves its Worker out"),
        ({"CLOUDFLARE_ACCOUNT_ID": "mine"}, "cloudflare account", "failure", "no account id"),
        ({"CLOUDFLARE_ACCOUNT_ID": DEFAULT_ACCOUNT}, "cloudflare token", "warning", "is not set"),
        ({**KNOWN, "CLOUDFLARE_API_TOKEN": "x" * 40}, "cloudflare token", "failure", ""),
        ({**KNOWN, "CLOUDFLARE_API_TOKEN": NARROW}, "cloudflare token", "failure", ""),
    ],
)
def test_what_is_missing_is_told_and_ends_the_questions(
    service: Service, project: Path, environ: dict[str, str], check: str, verdict: str, said: str
) -> None:
    """One finding says what is missing and what to do; what depends on it is not asked, and no token is shown."""
    found = _examined(service, project, environ)
    assert list(found) == ["wrangler.jsonc", check]
    assert (found[check].verdict, said in found[check].found, bool(found[check].next_step)) == (verdict, True, True)
    assert "xxxx" not in repr(found)


def test_it_asks_for_what_the_settings_need(
    service: Service, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Hyperdrive and a store: the provider, the permissions of each, and the store itself."""
    plugin = tmp_path / "pulumi-resource-cloudflare"
    plugin.touch(mode=0o755)
    both, here = {"hyperdrive": "true", "secretsStore": "mine"}, {**KNOWN, "PATH": str(tmp_path)}
    monkeypatch.setattr(Client, "hyperdrives", lambda _self, _account: [])
    monkeypatch.setattr(Client, "stores", lambda _self, _account: [Named(id="5" * 32, name="default")])
    found = _examined(service, project, here, **both)
    verdicts = {name: one.verdict for name, one in found.items() if "permission" in name or "provider" in name}
    assert verdicts == {
        "cloudflare permission Workers Scripts Read": "ok",
        "cloudflare provider": "ok",
        "cloudflare permission Hyperdrive Read": "ok",
        "cloudflare permission Secrets Store Read": "failure",
        "cloudflare permission Workers Scripts Write": "warning",
        "cloudflare permission Hyperdrive Write": "warning",
        "cloudflare permission Secrets Store Write": "warning",
    }
    assert "no Secrets Store 'mine'; there is: default" in found["cloudflare permission Secrets Store Read"].found
    embedded = _examined(service, project, {**here, "INFRA_ENGINE": "embedded"}, **both)
    assert embedded["cloudflare provider"].verdict == "failure"
    assert "cloudflare permission Hyperdrive Read" not in embedded
    tokenless = _examined(service, project, {"CLOUDFLARE_ACCOUNT_ID": DEFAULT_ACCOUNT}, **both)
    assert "Hyperdrive Write, Secrets Store Write" in tokenless["cloudflare token"].next_step


def test_a_stack_without_a_worker_is_not_asked_about(service: Service, project: Path) -> None:
    """Who wants none hears nothing of it."""
    assert _examined(service, project, KNOWN, worker="off") == {}
