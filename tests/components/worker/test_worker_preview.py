"""A Worker's preview that wrangler deploys: its secrets, its address and its end, as Pulumi meets it."""

from __future__ import annotations

from typing import Any

import pytest

from cloud_sandbox.cloudflare.models import Preview, PreviewDeployment, Script, new_id, new_tag
from components.resource import ProviderError
from components.worker import secrets
from components.worker.preview import PreviewProvider
from tests.components.worker.workers_world import ACCOUNT, World

PROVIDER = PreviewProvider()
WORKER, NAME, TAG = "printfarm-manager-preview", "pr-7", "infra-app-pr-7"
URL = "postgresql://xata:P4ss%21word@host.example/app"
INPUTS: dict[str, Any] = {"account": ACCOUNT, "script": WORKER, "name": NAME, "values": {"DATABASE_URL": URL}}
BASE = f"/accounts/{ACCOUNT}/workers/workers"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """An account without Workers."""
    made = World()
    monkeypatch.setattr(secrets, "connect", lambda _environment: made.client)
    monkeypatch.delenv("INFRA_WORKER_ADDRESSES", raising=False)
    return made


def _deploy(world: World, *, tag: str = TAG, **secrets: str) -> None:
    """Deploy the app to the preview as `wrangler preview` does."""
    there = world.service.world
    worker = there.workers.get(WORKER) or there.create(WORKER)
    worker.subdomain["previews_enabled"] = True
    found = next((one for one in worker.previews if one.name == NAME), None)
    if found is None:
        found = Preview(id=new_tag(), name=NAME, slug=NAME, created=0.0, updated=0.0, settings={}, base={})
        worker.previews.append(found)
    bindings = {name: {"name": name, "type": "secret_text", "text": text} for name, text in secrets.items()}
    bindings["XATA_BRANCH"] = {"name": "XATA_BRANCH", "type": "plain_text", "text": NAME}
    found.deployments.append(
        PreviewDeployment(
            id=new_id(),
            created=0.0,
            script=Script(main="app.mjs", modules=()),
            bindings=bindings,
            annotations={"workers/tag": tag} if tag else {},
        )
    )


def _values(world: World) -> dict[str, str]:
    """What the preview runs with."""
    (found,) = world.service.world.workers[WORKER].previews
    bindings = found.deployments[-1].bindings
    return {name: one["text"] for name, one in bindings.items() if one["type"] == "secret_text"}


def _created(**changes: Any) -> dict[str, Any]:
    created = PROVIDER.create({**INPUTS, **changes})
    assert created.id == f"{ACCOUNT}/{WORKER}/{NAME}"
    return dict(created.outs or {})


def _refreshed(outs: dict[str, Any]) -> dict[str, Any]:
    found = PROVIDER.read("id", outs)
    assert found.id == "id"
    return dict(found.outs or {})


def _updated(outs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return dict(PROVIDER.update("id", outs, {**INPUTS, **changes}).outs or {})


def test_before_the_first_deployment_there_is_an_address_and_nothing_else(world: World) -> None:
    """Nothing is made; what wrangler deploys later is noted by a refresh, and is no change."""
    outs = _created()
    assert world.there() == set()
    assert (outs["deployed"], outs["secretNames"], outs["missing"]) == (False, ["DATABASE_URL"], [])
    assert outs["url"] == f"https://pr-7-{WORKER}.{world.service.world.subdomain}.workers.dev"
    assert URL not in str(outs)
    _deploy(world, DATABASE_URL=URL)
    found = _refreshed(outs)
    assert (found["deployed"], found["url"], found["missing"]) == (True, outs["url"], [])
    assert not PROVIDER.diff("id", found, INPUTS).changes


def test_a_new_password_reaches_the_preview(world: World) -> None:
    """By a new deployment of the same code; other secrets stay, and the tag goes along."""
    outs = _created()
    _deploy(world, DATABASE_URL=URL, OTHER="o")
    rotated = {"values": {"DATABASE_URL": "another"}}
    assert PROVIDER.diff("id", outs, {**INPUTS, **rotated}).changes
    outs = _updated(_refreshed(outs), **rotated)
    assert _values(world) == {"DATABASE_URL": "another", "OTHER": "o"}
    assert not PROVIDER.diff("id", outs, {**INPUTS, **rotated}).changes
    assert _updated(_refreshed(outs), values={"DATABASE_URL": "third"})["deployed"]


def test_a_secret_that_a_deployment_left_out_is_set_again(world: World) -> None:
    """It is missing after a refresh, and an update sets it."""
    outs = _created()
    _deploy(world)
    found = _refreshed(outs)
    assert found["missing"] == ["DATABASE_URL"]
    assert PROVIDER.diff("id", found, INPUTS).changes
    _updated(found)
    assert _values(world) == {"DATABASE_URL": URL}


@pytest.mark.parametrize("tag", ["", "infra-app-pr-8"])
def test_somebody_elses_preview_is_told_nothing_and_not_deleted(world: World, tag: str) -> None:
    """It has the name and not our tag."""
    _deploy(world, tag=tag, DATABASE_URL="theirs")
    with pytest.raises(ProviderError, match="was deployed by somebody else: it lacks our tag"):
        PROVIDER.create(INPUTS)
    assert _values(world) == {"DATABASE_URL": "theirs"}
    PROVIDER.delete("id", {**INPUTS, "api": world.client.base_url})
    assert len(world.service.world.workers[WORKER].previews) == 1


def test_it_goes_with_its_stack(world: World) -> None:
    """Whatever was deployed to it, the Worker stays; deleting it twice is fine."""
    outs = _created()
    _deploy(world, DATABASE_URL=URL)
    for _ in range(2):
        PROVIDER.delete("id", _refreshed(outs))
    assert world.service.world.workers[WORKER].previews == []
    assert not _refreshed(outs)["deployed"]


@pytest.mark.parametrize(
    ("key", "value", "replaces"),
    [
        ("account", "f" * 32, True),
        ("script", "other", True),
        ("name", "pr-8", True),
        ("values", {"DATABASE_URL": "another"}, False),
    ],
)
def test_every_changed_input_has_its_fate(world: World, key: str, value: Any, replaces: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """The place replaces, the values are updated in place."""
    diff = PROVIDER.diff("id", _created(), {**INPUTS, key: value})
    assert (diff.changes, diff.replaces) == (True, [key] if replaces else [])
    assert INPUTS.keys() == set(PROVIDER.inputs.names())
    assert world.there() == set()


@pytest.mark.parametrize(("key", "value"), [("account", "x"), ("script", "-x"), ("name", "staging"), ("name", "")])
def test_wrong_inputs_are_refused_by_the_preview(key: str, value: str) -> None:
    """By name; only a pull request has a preview."""
    assert [one.property for one in PROVIDER.check({}, {**INPUTS, key: value}).failures] == [key]
