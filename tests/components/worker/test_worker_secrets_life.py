"""The life of secrets on a Worker: set, changed, removed, on a draft, beside an app, and whatever others do."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from cloud_sandbox.cloudflare.settings import READ, Token
from components import errors
from components.worker import changes, draft
from components.worker.changes import AS_SET
from components.worker.names import Target
from tests.components.worker.workers_world import ACCOUNT, SCRIPT, TARGET, TOKEN, World, app

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "postgresql://xata:P4ss%21@host.example/app"
AT = f"/scripts/{SCRIPT}"
ODD = "line\nbreak\r\n $HOME `id` \"q\" 'a' \\ 😀 \u2028 {}"


def test_one_call_sets_any_number_of_secrets() -> None:
    """Beside an app, its variables and the secrets of others."""
    world = World()
    world.deploy_app(ENVIRONMENT="staging")
    world.other.put_secret(ACCOUNT, SCRIPT, "THEIRS", "t")
    assert changes.put(world.client, TARGET, {"DATABASE_URL": URL, "ODD": ODD}) is False
    assert world.requests == [f"PATCH {AT}/secrets-bulk"]
    assert world.values() == {"DATABASE_URL": URL, "ODD": ODD, "THEIRS": "t"}
    assert world.main_module() == "app.mjs"
    assert "ENVIRONMENT" in world.runtime.scripts[SCRIPT][1]


def test_a_worker_that_is_not_there_is_made_as_a_draft() -> None:
    """Then the app's first deployment finds its secret, and keeps it."""
    world = World()
    assert changes.put(world.client, TARGET, {"DATABASE_URL": URL}) is True
    assert world.requests == [f"PATCH {AT}/secrets-bulk", f"PUT {AT}", f"GET {AT}/versions", f"PATCH {AT}/secrets-bulk"]
    assert (world.main_module(), world.values()) == ("draft.mjs", {"DATABASE_URL": URL})
    assert draft.is_draft(world.client, TARGET)
    world.deploy_app()
    assert (world.main_module(), world.values()) == ("app.mjs", {"DATABASE_URL": URL})
    assert not draft.is_draft(world.client, TARGET)


def test_a_worker_without_code_gets_some_and_stays_somebody_elses() -> None:
    """A Worker that `wrangler preview` made has no version: it gets one, and is not deleted in the end."""
    world = World()
    world.service.world.create(SCRIPT)
    assert changes.put(world.client, TARGET, {"DATABASE_URL": URL}) is False
    assert world.values() == {"DATABASE_URL": URL}
    changes.remove(world.client, TARGET, ["DATABASE_URL"])
    assert (world.there(), world.values()) == ({SCRIPT}, {})


@pytest.mark.parametrize("number", [100, 101, 128])
def test_more_than_a_hundred_go_in_parts(number: int) -> None:
    """One call changes at most a hundred; removals come first, because they make room."""
    world = World(variables=128)
    world.deploy_app()
    old = {f"OLD{index}": "x" for index in range(28)}
    changes.put(world.client, TARGET, old)
    world.calm()
    values = {f"N{index}": str(index) for index in range(number)}
    changes.put(world.client, TARGET, values, gone=old)
    assert world.values() == values
    assert world.requests.count(f"PATCH {AT}/secrets-bulk") == 2


def test_a_name_that_is_given_up_is_removed() -> None:
    """In the same call as the rest; one that was never there, or belongs to others, is left alone."""
    world = World()
    world.deploy_app(VARIABLE="plain")
    changes.put(world.client, TARGET, {"A": "1", "B": "2"})
    world.calm()
    changes.put(world.client, TARGET, {"A": "3"}, gone=["B", "NEVER", "VARIABLE"])
    assert world.values() == {"A": "3"}
    assert world.requests == [f"GET {AT}/secrets", f"PATCH {AT}/secrets-bulk"]
    assert "VARIABLE" in world.runtime.scripts[SCRIPT][1]


def test_a_name_that_vanishes_meanwhile_is_looked_for_again() -> None:
    """Somebody else removes it between the look and the change: the rest is carried out all the same."""
    world = World()
    world.deploy_app()
    changes.put(world.client, TARGET, {"A": "1", "B": "2", "C": "3"})
    world.calm()

    def meddle(number: int) -> None:
        if number in {1, 3}:
            world.other.delete_secret(ACCOUNT, SCRIPT, "B" if number == 1 else "C")

    world.meddle = meddle
    changes.put(world.client, TARGET, {"A": "4"}, gone=["B", "C"])
    assert world.values() == {"A": "4"}


def test_contradictory_answers_about_a_name_end() -> None:
    """A name that is listed and cannot be removed is told, not asked for forever."""
    world = World()
    world.deploy_app()
    changes.put(world.client, TARGET, {"A": "1", "B": "2"})
    world.calm()

    def meddle(number: int) -> None:
        if number % 2:
            world.other.delete_secret(ACCOUNT, SCRIPT, "B")
        elif number:
            world.other.put_secret(ACCOUNT, SCRIPT, "B", "again")

    world.meddle = meddle
    with pytest.raises(errors.SecretNotFoundError, match="B: the Worker has no secret"):
        changes.put(world.client, TARGET, {"A": "4"}, gone=["B"])
    assert len(world.requests) == 6


def test_a_newer_version_that_is_not_deployed_stops() -> None:
    """Somebody's unreleased code is not released by setting a secret; the way on is named, and nothing is changed."""
    world = World()
    world.deploy_app()
    changes.put(world.client, TARGET, {"A": "one"})
    world.upload_version(NEW="1")
    for call in (
        lambda: changes.put(world.client, TARGET, {"A": "two"}),
        lambda: changes.put(world.client, TARGET, {}, gone=["A"]),
        lambda: changes.remove(world.client, TARGET, ["A"]),
    ):
        with pytest.raises(errors.UndeployedVersionError) as caught:
            call()
        assert "wrangler versions deploy" in caught.value.next_step
        assert caught.value.codes == (10215,)
    assert world.values() == {"A": "one"}


def test_a_plain_variable_of_the_name_is_named() -> None:
    """The app's file has to change; then the next run succeeds."""
    world = World()
    world.deploy_app(DATABASE_URL="plain", OTHER="x")
    with pytest.raises(errors.ConflictError) as caught:
        changes.put(world.client, TARGET, {"DATABASE_URL": URL})
    assert "DATABASE_URL: another kind of binding has this name" in caught.value.message
    assert "wrangler.jsonc" in caught.value.next_step
    world.deploy_app(OTHER="x")
    changes.put(world.client, TARGET, {"DATABASE_URL": URL})
    assert world.values() == {"DATABASE_URL": URL}


def seen(world: World, *names: str, since: str = "") -> changes.Found | None:
    """What a look at these secrets finds."""
    return changes.read(world.client, TARGET, names, since=since)


def test_what_is_missing_is_seen() -> None:
    """Deleted, turned into a plain variable, or never there: all of it is missing; a Worker that is gone is None."""
    world = World()
    assert seen(world, "A") is None
    world.service.world.create(SCRIPT)
    assert seen(world, "A") == changes.Found(missing=["A"], state=AS_SET, version="")
    world.deploy_app()
    changes.put(world.client, TARGET, {"A": "1", "B": "2", "C": "3"})
    assert seen(world, "C", "B", "A") == changes.Found(missing=[], state=AS_SET, version=_ids(world)[0])
    world.other.delete_secret(ACCOUNT, SCRIPT, "A")
    world.deploy_app(B="plain")
    found = seen(world, "C", "B", "A")
    assert found is not None
    assert found.missing == ["A", "B"]


def _ids(world: World) -> list[str]:
    """The ids of the Worker's versions, the newest first."""
    return [version.id for version in world.other.versions(ACCOUNT, SCRIPT)]


def _set(world: World) -> str:
    """The version that our secrets came with."""
    changes.put(world.client, TARGET, {"A": "1"})
    return changes.version_of_change(world.client, TARGET)


def _by_hand(world: World) -> None:
    world.other.put_secret(ACCOUNT, SCRIPT, "A", "wrong")


def _versions_secret(world: World) -> None:
    """`wrangler versions secret put`, then `wrangler versions deploy`."""
    made = world.other.change_latest_version(ACCOUNT, SCRIPT, {"A": "wrong"})
    world.other.deploy(ACCOUNT, SCRIPT, made.id)


def _hidden_by_deployments(world: World) -> None:
    """Set by hand, and then the app was deployed so often that the list has a second page."""
    _by_hand(world)
    for _ in range(12):
        world.deploy_app()


def _rolled_back(world: World) -> None:
    world.other.deploy(ACCOUNT, SCRIPT, _ids(world)[1])


def _half_rolled_back(world: World) -> None:
    """A gradual deployment gives the earlier version a part of the traffic."""
    newest, before, *_ = _ids(world)
    half = tuple((version, 50.0) for version in (newest, before))
    world.service.world.deploy(world.service.world.workers[SCRIPT], half, source="wrangler")


def _waiting(world: World) -> None:
    """A secret in a version that is not deployed is not in force."""
    world.other.change_latest_version(ACCOUNT, SCRIPT, {"A": "wrong"})


BY_HAND = "changed by somebody else: api, version "


@pytest.mark.parametrize(
    ("meddle", "state"),
    [
        (lambda _world: None, AS_SET),
        (World.deploy_app, AS_SET),
        (World.upload_version, AS_SET),
        (_waiting, AS_SET),
        (_by_hand, BY_HAND),
        (_versions_secret, BY_HAND),
        (_hidden_by_deployments, BY_HAND),
        (_rolled_back, changes.EARLIER),
        (_half_rolled_back, changes.EARLIER),
    ],
)
def test_versions_tell_whose_the_values_are(meddle: Callable[[World], None], state: str) -> None:
    """Only a change of secrets that is in force, or a version from before ours, makes them another's."""
    world = World()
    world.deploy_app()
    since = _set(world)
    meddle(world)
    found = seen(world, "A", since=since)
    assert found is not None
    assert (found.missing, found.version) == ([], since)
    assert found.state == state or (state == BY_HAND and found.state.startswith(BY_HAND))


def test_removing_takes_only_our_names() -> None:
    """The app, its variables and the secrets of others stay; removing twice is fine."""
    world = World()
    world.deploy_app(ENVIRONMENT="staging")
    world.other.put_secret(ACCOUNT, SCRIPT, "THEIRS", "t")
    changes.put(world.client, TARGET, {"A": "1"})
    for _ in range(2):
        changes.remove(world.client, TARGET, ["A"])
        assert world.values() == {"THEIRS": "t"}
    assert world.main_module() == "app.mjs"


def test_removing_takes_the_draft_along() -> None:
    """A Worker to which nothing else was deployed goes with its secrets; what is gone already is fine."""
    world = World()
    changes.put(world.client, TARGET, {"A": "1", "B": "2"})
    changes.put(world.client, TARGET, {"A": "3"})
    for _ in range(2):
        changes.remove(world.client, TARGET, ["A", "B"])
        assert world.there() == set()


@pytest.mark.parametrize("status", [403, 409, 422])
def test_a_draft_that_may_not_be_deleted_is_told(status: int) -> None:
    """A refusal is not taken for gone: the Worker is there, and so is the error."""
    world = World()
    changes.put(world.client, TARGET, {"A": "1"})
    world.fault(method="DELETE", status=status)
    with pytest.raises(errors.ApiError) as caught:
        changes.remove(world.client, TARGET, ["A"])
    assert caught.value.status == status
    assert (world.there(), world.values()) == ({SCRIPT}, {"A": "1"})


@pytest.mark.parametrize("what", ["deployed", "uploaded", "deployed and back", "secret", "variable", "remade"])
def test_a_draft_that_others_use_stays(what: str) -> None:
    """Whatever somebody else put there, also a version that was never deployed: only our secrets go."""
    world = World()
    changes.put(world.client, TARGET, {"A": "1"})
    if what == "remade":
        world.other.delete_script(ACCOUNT, SCRIPT)
    if what in {"deployed", "deployed and back", "remade"}:
        world.deploy_app()
    if what == "uploaded":
        world.upload_version()
    if what == "deployed and back":
        world.other.deploy(ACCOUNT, SCRIPT, list(world.other.versions(ACCOUNT, SCRIPT))[-1].id)
    if what == "secret":
        world.other.put_secret(ACCOUNT, SCRIPT, "THEIRS", "t")
    if what == "variable":
        world.other.upload_script(ACCOUNT, SCRIPT, app(V="1"))
    if what in {"uploaded", "deployed and back"}:
        with pytest.raises(errors.UndeployedVersionError):
            changes.remove(world.client, TARGET, ["A"])
        world.deploy_app()
    changes.remove(world.client, TARGET, ["A"])
    assert world.there() == {SCRIPT}
    assert "A" not in world.values()


def test_two_that_share_a_draft_leave_it_to_the_last() -> None:
    """Whoever goes first takes its secrets only."""
    world = World()
    changes.put(world.client, TARGET, {"A": "1"})
    changes.put(world.client, TARGET, {"B": "2"})
    changes.remove(world.client, TARGET, ["A"])
    assert world.values() == {"B": "2"}
    changes.remove(world.client, TARGET, ["B"])
    assert world.there() == set()


def test_a_draft_of_many_versions_is_known_beyond_one_page() -> None:
    """Every change of a secret makes a version, and all pages of them are read before anything is deleted."""
    world = World()
    for number in range(25):
        changes.put(world.client, TARGET, {"A": str(number)})
    world.calm()
    changes.remove(world.client, TARGET, ["A"])
    assert world.there() == set()
    assert world.requests.count(f"GET {AT}/versions") == 3


def test_an_app_deployed_before_its_draft_is_not_overwritten() -> None:
    """It comes in the very moment of the upload: its version is put back, and the error says to deploy it again."""
    world = World()
    world.meddle = lambda number: world.deploy_app() if number == 1 else None
    with pytest.raises(errors.ConflictError, match="in the moment in which its draft was made") as caught:
        changes.put(world.client, TARGET, {"A": "1"})
    assert "deploy the app once more" in caught.value.next_step
    assert world.main_module() == "app.mjs"
    world.calm()
    world.deploy_app()
    changes.put(world.client, TARGET, {"A": "1"})
    assert (world.main_module(), world.values()) == ("app.mjs", {"A": "1"})


@pytest.mark.parametrize("fault", [{"lose_answer": True}, {"status": 500}, {"malformed": True}, {"cut": "before"}])
def test_a_draft_of_unknown_fate_is_looked_for(fault: dict[str, object]) -> None:
    """The upload is repeated only when the Worker is still not there."""
    world = World()
    world.fault(method="PUT", path=f"/scripts/{SCRIPT}$", **fault)
    assert changes.put(world.client, TARGET, {"A": "1"}) is True
    assert world.values() == {"A": "1"}
    uploads = world.requests.count(f"PUT {AT}")
    assert uploads == (1 if "lose_answer" in fault or "malformed" in fault else 2)


def test_a_draft_that_never_comes_about_is_told() -> None:
    """After three uploads of unknown fate and three looks there is nothing left to try."""
    world = World()
    world.fault(method="PUT", path=f"/scripts/{SCRIPT}$", status=500, times=0)
    with pytest.raises(errors.AmbiguousError):
        changes.put(world.client, TARGET, {"A": "1"})
    assert world.requests.count(f"PUT {AT}") == draft.MOST_UPLOADS


def test_nothing_to_do_makes_no_draft() -> None:
    """Removing from a Worker that is not there asks once and makes nothing."""
    world = World()
    assert changes.put(world.client, TARGET, {}, gone=["A"]) is False
    assert (world.requests, world.there()) == ([f"GET {AT}/secrets"], set())


@pytest.mark.parametrize(
    ("token", "target"),
    [
        (Token(token=TOKEN, permissions=(READ,)), TARGET),
        (Token(token=TOKEN), Target(account="f" * 32, script=SCRIPT)),
        (Token(token=TOKEN, status="disabled"), TARGET),
    ],
)
def test_a_token_that_may_not_makes_nothing(token: Token, target: Target) -> None:
    """A lacking permission, another account and a revoked token are told alike, with all three to check."""
    world = World(tokens=(token,))
    with pytest.raises(errors.PermissionDeniedError) as caught:
        changes.put(world.client, target, {"A": "1"})
    assert "Workers Scripts Write" in caught.value.next_step
    assert "CLOUDFLARE_ACCOUNT_ID" in caught.value.next_step
    assert world.service.world.workers == {}


def test_the_drafts_answer_is_no_health() -> None:
    """Whoever asks the draft hears that no app is there."""
    world = World()
    changes.put(world.client, TARGET, {"A": "1"})
    (code,) = world.runtime.scripts[SCRIPT][0].modules
    assert code.type == "application/javascript+module"
    assert b"{ status: 404 }" in base64.b64decode(code.content)
