"""The Worker of a pull request: made for it, told from a stranger's, and gone with it whatever was deployed to it."""

from __future__ import annotations

import pytest

from components.errors import RefusedError
from components.worker import changes, draft
from components.worker.api.models import Upload
from components.worker.names import Target
from components.worker.secrets import SecretsInputs
from tests.components.worker.workers_world import ACCOUNT, KilledError, World, app

OWNER = "pr-7"
PREVIEW = Target(account=ACCOUNT, script="warehouse-manager-pr-7")
SECRETS = {"DATABASE_URL": "postgresql://xata:one@b1.example:5432/xata"}


def _put(world: World) -> bool:
    return changes.put(world.client, PREVIEW, SECRETS, owner=OWNER)


def _remove(world: World) -> None:
    changes.remove(world.client, PREVIEW, list(SECRETS), owner=OWNER)


def _deploy(world: World, *, tag: str = "") -> None:
    """Deploy the app as wrangler does."""
    uploaded = app(ENVIRONMENT="preview", XATA_BRANCH=OWNER)
    tagged = Upload(
        main_module=uploaded.main_module, modules=uploaded.modules, bindings=uploaded.bindings, message="", tag=tag
    )
    world.other.upload_script(*PREVIEW.arguments, tagged)


def test_a_workers_draft_says_whose_it_is() -> None:
    """Its version's tag is the owner's, and within the 25 characters that Cloudflare takes."""
    world = World()
    assert _put(world)
    assert [version.annotation("tag") for version in world.other.versions(*PREVIEW.arguments)][-1] == "infra-draft-pr-7"
    assert draft.is_owned(world.client, PREVIEW, OWNER)
    assert not draft.is_owned(world.client, PREVIEW, "pr-70")
    assert max(len(tag("pr-999999999")) for tag in (draft.draft_tag, draft.app_tag)) <= 25


@pytest.mark.parametrize("tag", ["", "infra-app-pr-7"])
def test_it_goes_with_whatever_was_deployed_to_it(tag: str) -> None:
    """Draft, app, changed secrets: all of it is gone, and removing it twice is fine."""
    world = World()
    _put(world)
    _deploy(world, tag=tag)
    changes.put(world.client, PREVIEW, {"DATABASE_URL": "another"}, owner=OWNER)
    _remove(world)
    assert world.other.service(*PREVIEW.arguments) is None
    _remove(world)


def test_a_strangers_worker_is_told_nothing_and_not_deleted() -> None:
    """It has the name and none of our tags: refused before anything is changed, and left alone when the stack goes."""
    world = World()
    _deploy(world)
    with pytest.raises(RefusedError, match=r"warehouse-manager-pr-7 exists already and was not made for pr-7"):
        _put(world)
    assert {request.partition(" ")[0] for request in world.requests} == {"GET"}
    _remove(world)
    assert world.other.service(*PREVIEW.arguments) is not None


def test_another_pull_requests_worker_is_a_strangers_too() -> None:
    """Whose it is, the tag says, not the name."""
    world = World()
    changes.put(world.client, PREVIEW, SECRETS, owner="pr-8")
    with pytest.raises(RefusedError, match="was not made for pr-7"):
        _put(world)
    assert not draft.remove_owned(world.client, PREVIEW, OWNER)


def test_a_worker_that_stays_is_no_previews() -> None:
    """Without an owner the draft has the tag it always had, and an app that was deployed to it keeps it."""
    world = World()
    changes.put(world.client, PREVIEW, SECRETS)
    assert draft.is_owned(world.client, PREVIEW, OWNER) is False
    _deploy(world)
    changes.remove(world.client, PREVIEW, list(SECRETS))
    assert world.other.service(*PREVIEW.arguments) is not None


def test_a_worker_without_code_becomes_the_previews() -> None:
    """There is nothing in it to lose: `wrangler preview` makes such a one by itself."""
    world = World()
    world.service.world.create(PREVIEW.script)
    assert draft.is_owned(world.client, PREVIEW, OWNER) is None
    _put(world)
    assert draft.is_owned(world.client, PREVIEW, OWNER)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(5))
def test_a_run_that_is_killed_leaves_nothing_that_the_next_cannot_remove(call: int, moment: str) -> None:
    """[D13] While it is made, whatever it came to: the next run makes it, and removes all of it."""
    world = World()
    setattr(world, f"kill_{moment}", call)
    try:
        _put(world)
    except KilledError:
        world.calm()
    _put(world)
    _deploy(world)
    _remove(world)
    assert world.other.service(*PREVIEW.arguments) is None


@pytest.mark.parametrize("owner", ["staging", "pr-0", "pr-07", "pr-1234567890", "", 7])
def test_only_a_pull_request_owns_a_worker(owner: object) -> None:
    """Whatever else is refused by the preview, in words."""
    assert "allowed: the stack of a pull request" in SecretsInputs.validate({"owner": owner})["owner"]
    assert SecretsInputs.validate({"owner": "pr-7"}) == SecretsInputs.validate({"owner": None}) == {}
