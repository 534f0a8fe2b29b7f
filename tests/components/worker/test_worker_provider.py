"""worker.Secrets as Pulumi meets it: fates of inputs, refresh, healing, and no value in what is recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from cloud_sandbox.cloudflare.settings import READ, Token
from components.resource import ProviderError
from components.worker import secrets
from components.worker.secrets import SecretsProvider
from tests.components.worker.workers_world import ACCOUNT, SCRIPT, TOKEN, World

if TYPE_CHECKING:
    from collections.abc import Callable

PROVIDER = SecretsProvider()
URL = "postgresql://xata:P4ss%21word@host.example/app"
ID = f"{ACCOUNT}/{SCRIPT}"
UPDATE, REPLACE = "update", "replace"
FATES: dict[str, tuple[Any, str]] = {
    "account": ("f" * 32, REPLACE),
    "script": ("warehouse-manager-production", UPDATE),
    "values": ({"DATABASE_URL": "another", "OTHER": "o"}, UPDATE),
    "owner": ("pr-7", UPDATE),
}
"""For each input another value, and what it leads to."""


def inputs(**changes: Any) -> dict[str, Any]:
    """Inputs as Pulumi sends them."""
    return {
        "account": ACCOUNT,
        "script": SCRIPT,
        "values": {"DATABASE_URL": URL, "OTHER": "o"},
        **changes,
    }


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """An account without Workers."""
    made = World()
    monkeypatch.setattr(secrets, "connect", lambda _environment: made.client)
    return made


def create(**changes: Any) -> dict[str, Any]:
    """The outputs of a creation."""
    created = PROVIDER.create(inputs(**changes))
    assert created.id == ID
    assert created.outs is not None
    return dict(created.outs)


def update(outs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The outputs of an update."""
    found = PROVIDER.update(ID, outs, inputs(**changes)).outs
    assert found is not None
    return dict(found)


def refresh(outs: dict[str, Any]) -> dict[str, Any] | None:
    """The outputs after a refresh; None when it is gone."""
    found = PROVIDER.read(ID, {**outs, "__provider": "pickle"})
    assert found.inputs is None
    return dict(found.outs) if found.id and found.outs else None


def changes(outs: dict[str, Any], **changed: Any) -> bool:
    """Whether the next up has something to do."""
    return bool(PROVIDER.diff(ID, outs, inputs(**changed)).changes)


def test_no_input_of_secrets_is_forgotten() -> None:
    """Whoever adds an input says here what a change of it leads to."""
    assert FATES.keys() == set(PROVIDER.inputs.names())


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("key", FATES)
def test_every_changed_input_of_secrets_has_its_fate(key: str) -> None:
    """It is updated in place, or replaces: another account or Worker is another thing."""
    value, fate = FATES[key]
    outs = create()
    assert PROVIDER.check(inputs(), inputs(**{key: value})).failures == []
    diff = PROVIDER.diff(ID, outs, inputs(**{key: value}))
    assert (diff.changes, diff.replaces) == (True, [key] if fate == REPLACE else [])
    assert diff.delete_before_replace is False


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("key", FATES)
def test_an_input_that_is_not_known_yet_is_an_update(key: str) -> None:
    """A preview with an unknown value promises no replacement."""
    diff = PROVIDER.diff(ID, create(), inputs(**{key: UNKNOWN}))
    assert (diff.changes, diff.replaces) == (True, [])


def test_a_second_up_of_secrets_shows_nothing(world: World) -> None:
    """Nor does one after a refresh; two lists are read for it, and names only where something was uploaded since."""
    outs = create()
    assert not changes(outs)
    world.requests.clear()
    assert refresh(outs) == outs
    assert not changes(outs)
    lists = [f"GET /scripts/{SCRIPT}/deployments", f"GET /scripts/{SCRIPT}/versions"]
    assert sorted(world.requests) == lists
    world.deploy_app()
    world.requests.clear()
    assert refresh(outs) == outs
    assert sorted(world.requests) == sorted([*lists, f"GET /scripts/{SCRIPT}/secrets"])


def test_what_is_recorded_holds_no_value(world: World) -> None:
    """[F2] Names and salted fingerprints stand in state, and what was made for it."""
    outs = create()
    recorded = json.dumps(outs)
    assert "P4ss" not in recorded
    assert "values" not in outs
    assert outs["secretNames"] == ["DATABASE_URL", "OTHER"]
    assert outs["valuesFingerprint"].keys() == {"DATABASE_URL", "OTHER"}
    assert (outs["missing"], outs["draft"], outs["api"]) == ([], True, world.client.base_url)
    assert outs["valuesFingerprint"] != create()["valuesFingerprint"]


def test_beside_an_app_nothing_is_a_draft(world: World) -> None:
    """The record says who made the Worker."""
    world.deploy_app()
    assert create()["draft"] is False


def test_an_update_sets_and_removes(world: World) -> None:
    """One change of the values: one is new, one is another, one is gone; one version for all."""
    outs = create(values={"DATABASE_URL": URL, "GOES": "x"})
    versions = len(world.service.world.workers[SCRIPT].versions)
    outs = update(outs, values={"DATABASE_URL": "new", "COMES": "y"})
    assert world.values() == {"DATABASE_URL": "new", "COMES": "y"}
    assert len(world.service.world.workers[SCRIPT].versions) == versions + 1
    assert outs["secretNames"] == ["COMES", "DATABASE_URL"]
    assert outs["draft"] is True
    assert not changes(outs, values={"DATABASE_URL": "new", "COMES": "y"})


@pytest.mark.parametrize("what", ["removed", "turned into a variable"])
def test_a_secret_lost_outside_is_seen_and_healed(world: World, what: str) -> None:
    """[B3] Refresh shows it, up sets it again, and the rest stays as it is."""
    world.deploy_app()
    outs = create()
    if what == "removed":
        world.other.delete_secret(ACCOUNT, SCRIPT, "DATABASE_URL")
    else:
        world.deploy_app(DATABASE_URL="plain")
    found = refresh(outs)
    assert found is not None
    assert found["missing"] == ["DATABASE_URL"]
    assert changes(found)
    if what != "removed":
        with pytest.raises(ProviderError, match="DATABASE_URL: another kind of binding has this name"):
            update(found)
        world.deploy_app()
    healed = update(found)
    assert world.values() == {"DATABASE_URL": URL, "OTHER": "o"}
    assert healed["missing"] == []
    assert refresh(healed) == healed
    assert not changes(healed)


def test_a_value_put_by_hand_is_seen_and_set_again(world: World) -> None:
    """What somebody else set after us is drift, healed by the next up, and told once."""
    world.deploy_app()
    outs = create()
    world.other.put_secret(ACCOUNT, SCRIPT, "DATABASE_URL", "wrong")
    found = refresh(outs)
    assert found is not None
    assert found["state"] == "changed by somebody else: api, version 3"
    assert changes(found)
    healed = update(found)
    assert world.values() == {"DATABASE_URL": URL, "OTHER": "o"}
    assert healed["version"] != outs["version"]
    assert refresh(healed) == healed
    assert not changes(healed)


def test_a_rollback_is_refused(world: World) -> None:
    """A version from before the secrets is drift: a change stops in words until the newest one is deployed."""
    world.deploy_app()
    outs = create()
    _, before, *_ = world.other.versions(ACCOUNT, SCRIPT)
    world.other.deploy(ACCOUNT, SCRIPT, before.id)
    found = refresh(outs)
    assert found is not None
    assert found["state"] == "a version from before they were set here is deployed"
    with pytest.raises(ProviderError, match="is uploaded and not deployed"):
        update(found)
    world.deploy_app()
    healed = update(found)
    assert world.values() == {"DATABASE_URL": URL, "OTHER": "o"}
    assert refresh(healed) == healed


def test_state_from_before_versions_were_recorded_takes_the_one_that_answers(world: World) -> None:
    """Nobody can tell what happened before: it is no drift, and from then on changes are seen."""
    world.deploy_app()
    earlier = {key: value for key, value in create().items() if key not in {"state", "version"}}
    assert not changes(earlier)
    found = refresh(earlier)
    assert found is not None
    assert not changes(found)
    world.other.put_secret(ACCOUNT, SCRIPT, "DATABASE_URL", "wrong")
    again = refresh(found)
    assert again is not None
    assert changes(again)


def test_a_worker_deleted_outside_is_seen_and_made_again(world: World) -> None:
    """[B4] Refresh forgets it, and up makes a draft with the secrets."""
    world.deploy_app()
    outs = create()
    world.other.delete_script(ACCOUNT, SCRIPT)
    assert refresh(outs) is None
    PROVIDER.delete(ID, outs)
    assert create()["draft"] is True
    assert world.values() == {"DATABASE_URL": URL, "OTHER": "o"}


def test_without_a_refresh_an_update_makes_the_draft_too(world: World) -> None:
    """A Worker that is gone without anybody having seen it is no obstacle."""
    world.deploy_app()
    outs = create()
    world.other.delete_script(ACCOUNT, SCRIPT)
    assert update(outs, values={"DATABASE_URL": "new"})["draft"] is True
    assert world.values() == {"DATABASE_URL": "new"}


def test_destroying_leaves_what_is_not_ours(world: World) -> None:
    """The draft goes; an app stays without our secrets; twice is fine."""
    outs = create()
    for _ in range(2):
        PROVIDER.delete(ID, outs)
        assert world.there() == set()
    world.deploy_app()
    outs = create()
    PROVIDER.delete(ID, outs)
    assert (world.there(), world.values()) == ({SCRIPT}, {})


def test_another_worker_gets_the_secrets_of_a_draft(world: World) -> None:
    """The new Worker has them before the draft of the old one is deleted."""
    outs = update(create(), script="another")
    assert world.there() == {"another"}
    assert world.values("another") == {"DATABASE_URL": URL, "OTHER": "o"}
    assert not changes(outs, script="another")


def test_an_app_keeps_the_secrets_until_it_has_moved(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that works is taken away: the old Worker loses them once an app is deployed to the new one."""
    world.deploy_app()
    moved = update(create(), script="another")
    assert f"and on {SCRIPT} as well" in capsys.readouterr().err
    assert world.values() == world.values("another") == {"DATABASE_URL": URL, "OTHER": "o"}
    waiting = refresh(moved)
    assert waiting is not None
    assert not changes(waiting, script="another")
    world.deploy_app("another")
    arrived = refresh(waiting)
    assert arrived is not None
    assert changes(arrived, script="another")
    done = update(arrived, script="another")
    assert (world.there(), world.values()) == ({SCRIPT, "another"}, {})
    assert world.values("another") == {"DATABASE_URL": URL, "OTHER": "o"}
    assert not changes(done, script="another")


def test_a_worker_in_use_gets_the_secrets_and_the_old_one_loses_them_at_once(world: World) -> None:
    """Where an app is deployed to the new Worker already, nothing is waited for; destroying leaves neither any."""
    world.deploy_app()
    outs = create()
    world.deploy_app("another")
    moved = update(outs, script="another")
    assert (world.values(), world.values("another")) == ({}, {"DATABASE_URL": URL, "OTHER": "o"})
    PROVIDER.delete(ID, moved)
    assert world.values("another") == {}


def test_a_version_that_waits_stops_a_destruction(world: World) -> None:
    """As it stops a change."""
    world.deploy_app()
    outs = create()
    world.upload_version()
    with pytest.raises(ProviderError, match="is uploaded and not deployed"):
        PROVIDER.delete(ID, outs)
    assert world.values() != {}


def test_state_of_another_server_is_not_touched(world: World) -> None:
    """What was made at Cloudflare is not looked for, changed or removed at a stand-in."""
    outs = {**create(), "api": "https://api.cloudflare.com/client/v4"}
    world.requests.clear()
    calls: tuple[Callable[[], object], ...] = (
        lambda: refresh(outs),
        lambda: update(outs, values={"A": "1"}),
        lambda: PROVIDER.delete(ID, outs),
    )
    for call in calls:
        with pytest.raises(ProviderError, match="and this run talks to http://cloudflare"):
            call()
    assert world.requests == []


def test_a_denial_is_not_taken_for_gone(world: World) -> None:
    """[D11] A token without permission removes nothing from state."""
    outs = create()
    world.service.settings = World(tokens=(Token(token="x" * 40),)).service.settings
    with pytest.raises(ProviderError, match="Workers Scripts Read"):
        refresh(outs)


def test_errors_show_neither_values_nor_causes(world: World) -> None:
    """[F2] What Pulumi prints is our text alone."""
    world.service.settings = World(tokens=(Token(token=TOKEN, permissions=(READ,)),)).service.settings
    with pytest.raises(ProviderError, match="Workers Scripts Write") as caught:
        create()
    assert "P4ss" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


REFUSED: list[tuple[str, Any, str]] = [
    ("account", "", "CLOUDFLARE_ACCOUNT_ID"),
    ("account", "me", "allowed: 32 hexadecimal digits"),
    ("script", "", "got an empty text; allowed: 1 to 63 letters"),
    ("script", "a" * 64, "(64 characters); allowed: 1 to 63 letters"),
    ("script", "a b", "got 'a b'; allowed: 1 to 63 letters"),
    ("owner", "staging", "got 'staging'; allowed: the stack of a pull request"),
]


@pytest.mark.parametrize(("key", "value", "says"), REFUSED)
def test_bad_inputs_are_refused_at_preview(key: str, value: Any, says: str) -> None:
    """Each is named with its reason; nothing is asked of the API."""
    (failure,) = PROVIDER.check({}, inputs(**{key: value})).failures or []
    assert failure.property == key
    assert says in failure.reason


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "no secret is named"),
        ("hunter2", "allowed: names of secrets, each with a text"),
        ({"A": ["hunter2"]}, "allowed: names of secrets, each with a text"),
        ({"1A": "hunter2"}, "'1A' cannot be a secret's name"),
        ({"A-B": "hunter2"}, "'A-B' cannot be a secret's name"),
        ({"A": ""}, "A: the value is empty"),
        ({"A": "hunter2\0"}, "A: the value holds a NUL character"),
        ({"A": "hunter2" * 1000}, "A: the value has 7000 bytes"),
        ({f"A{number}": "hunter2" for number in range(129)}, "129 secrets are named"),
    ],
)
def test_bad_secrets_are_refused_by_name_without_their_value(values: Any, says: str) -> None:
    """The CLI prints the value of a property that a check names, so the reason alone does."""
    (failure,) = PROVIDER.check({}, inputs(values=values)).failures or []
    assert failure.property == ""
    assert failure.reason.startswith("values: ")
    assert says in failure.reason
    assert "hunter2" not in failure.reason


def test_unknown_inputs_are_not_judged() -> None:
    """A preview before the database exists is no reason to refuse."""
    assert PROVIDER.check({}, inputs(values={"DATABASE_URL": UNKNOWN}, script=UNKNOWN)).failures == []
