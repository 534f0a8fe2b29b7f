"""Creating, finding and adopting branches against the stand-in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from components.errors import (
    ApiError,
    BusyError,
    ConfigurationError,
    GoneError,
    LifecycleError,
    LimitError,
    MissingError,
    RefusedError,
)
from components.xata.api.client import Client
from components.xata.branches.create import Ensured, ensure_branch
from components.xata.inputs import BranchIdentity, RootConfiguration
from tests.components.xata.branches_world import IMAGE, REGION, TYPE, World

if TYPE_CHECKING:
    from collections.abc import Callable

LIST, READ, CREATE = "GET branches", "GET branches/*", "POST branches"


def spec(**changes: Any) -> BranchIdentity:
    """Staging below main, with changes."""
    values = {"name": "staging", "stack": "staging", "region": REGION, "parent": "main", **changes}
    return BranchIdentity(**values)


def root_spec(**changes: Any) -> BranchIdentity:
    """Main without parent, with changes."""
    root = RootConfiguration(image=IMAGE, instance_type=TYPE).properties()
    return spec(**{"name": "main", "stack": "foundation", "parent": None, "root": root, **changes})


def ensure(world: World, wanted: BranchIdentity | None = None) -> Ensured:
    """Ensure the branch with the world's client and time."""
    return ensure_branch(world.client, world.place, wanted or spec(), clock=world.clock)


def test_a_new_child_costs_two_requests_and_carries_our_mark() -> None:
    """One list and one create; parent, region and mark are what was declared."""
    world = World()
    main = world.root()
    found = ensure(world)
    assert world.calls == [LIST, CREATE]
    assert not found.adopted
    branch = world.read(found.branch.id)
    assert (branch.name, branch.parent_id, branch.region) == ("staging", main.id, REGION)
    assert branch.description == "infra stack staging"


def test_a_new_root_costs_two_requests() -> None:
    """A branch without parent is made of image, size and region."""
    world = World()
    found = ensure(world, root_spec())
    assert world.calls == [LIST, CREATE]
    branch = world.read(found.branch.id)
    assert branch.parent_id is None
    assert (branch.configuration.image, branch.configuration.instance_type) == (IMAGE, TYPE)


def test_the_parent_may_be_given_by_its_id() -> None:
    """An id names the parent as well as its name does."""
    world = World()
    main = world.root()
    assert ensure(world, spec(parent=main.id)).branch.parent_id == main.id


def test_a_name_that_looks_like_an_id_is_a_name_first() -> None:
    """A branch called like another one's id is found by its name."""
    world = World()
    main = world.root()
    lookalike = world.root(name=main.id)
    assert ensure(world, spec(parent=main.id)).branch.parent_id == lookalike.id


def test_an_unknown_parent_is_named_with_those_there_are() -> None:
    """The message lists the branches, and nothing was created."""
    world = World()
    world.root("trunk")
    with pytest.raises(MissingError, match=r"'main'.*there are: 'trunk'"):
        ensure(world)
    assert world.writes() == []


def test_a_child_lives_in_its_parents_region() -> None:
    """Another region than the parent's is refused before anything is created."""
    world = World()
    world.root()
    with pytest.raises(ConfigurationError, match="region: declared us-west-2"):
        ensure(world, spec(region="us-west-2"))
    assert world.writes() == []


@pytest.mark.parametrize("by_id", [False, True])
def test_production_is_no_parent_of_a_preview(by_id: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Neither by name nor by id, unless it is allowed by its name."""
    world = World()
    production = world.root("production")
    parent = production.id if by_id else "production"
    preview = spec(name="pr-1", stack="pr-1", parent=parent)
    with pytest.raises(RefusedError, match="copy of all its parent's data"):
        ensure(world, preview)
    assert world.writes() == []
    allowed = spec(name="pr-1", stack="pr-1", parent=parent, allow_parent="production")
    assert ensure(world, allowed).branch.parent_id == production.id


def test_ours_is_adopted_when_its_record_was_lost() -> None:
    """C2: the same stack's mark makes the branch ours; two reads, no write."""
    world = World()
    world.root()
    first = ensure(world).branch
    world.calls.clear()
    again = ensure(world)
    assert (again.branch.id, again.adopted) == (first.id, True)
    assert world.calls == [LIST, READ]


@pytest.mark.parametrize("description", [None, "hand made", "infra stack production"])
def test_a_strangers_branch_is_refused_with_the_way_to_adopt_it(description: str | None) -> None:
    """C3: no mark, or another stack's: the message tells the id, when it was made, and what to set."""
    world = World()
    stranger = world.child("staging", world.root().id, description)
    with pytest.raises(RefusedError) as caught:
        ensure(world)
    assert stranger.id in caught.value.message
    assert f"created {stranger.created_at:%Y-%m-%d}" in caught.value.message
    assert f"infra:adoptBranch to {stranger.id}" in caught.value.next_step
    assert world.writes() == []


def test_a_strangers_branch_is_adopted_by_its_id() -> None:
    """An explicit id takes over what is not marked as ours."""
    world = World()
    stranger = world.child("staging", world.root().id, "hand made")
    found = ensure(world, spec(adopt=stranger.id))
    assert (found.branch.id, found.adopted) == (stranger.id, True)
    assert world.writes() == []


def test_an_explicit_adoption_never_creates() -> None:
    """A branch to adopt that is not there is an error, not a reason for an empty new one."""
    world = World()
    world.root()
    with pytest.raises(MissingError, match="is not in the project"):
        ensure(world, spec(adopt="c" * 26))
    assert world.writes() == []


def test_an_explicit_adoption_of_another_name_is_refused() -> None:
    """The branch to adopt must bear the name that is declared, whether that name is free or taken."""
    world = World()
    main = world.root()
    other = world.child("old-staging", main.id)
    with pytest.raises(RefusedError, match="is called 'old-staging'"):
        ensure(world, spec(adopt=other.id))
    world.child("staging", main.id, "infra stack staging")
    with pytest.raises(RefusedError, match="is called 'old-staging'"):
        ensure(world, spec(adopt=other.id))


def test_two_matches_are_refused_with_their_ids() -> None:
    """C4: where several branches bear the name nobody guesses; the real service does not allow it, so it is faked."""
    world = World()
    world.root()
    twin: dict[str, Any] = {
        "id": "c" * 26,
        "name": "staging",
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
    }
    twin |= {"region": REGION, "parentID": None, "publicAccess": False, "backupsEnabled": False}
    twins = {"branches": [twin, {**twin, "id": "d" * 26}]}
    genuine = world._answer
    world.client = _client_with(
        world, lambda request: httpx.Response(200, json=twins) if _is_list(request) else genuine(request)
    )
    with pytest.raises(RefusedError) as caught:
        ensure(world)
    assert "c" * 26 in caught.value.message
    assert "d" * 26 in caught.value.message
    assert world.writes() == []


def _is_list(request: httpx.Request) -> bool:
    return request.method == "GET" and request.url.path.endswith("/branches")


def _client_with(world: World, answer: Callable[[httpx.Request], httpx.Response]) -> Client:
    return Client(
        key="xau_x", base_url="http://127.0.0.1:1", transport=httpx.MockTransport(answer), sleep=world.clock.sleep
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parent": "other"}, "parent: declared other, found main"),
        ({"region": "us-west-2"}, "region: declared us-west-2, found us-east-1"),
        (
            {"parent": None, "root": RootConfiguration(image=IMAGE, instance_type=TYPE).properties()},
            "parent: declared none, found main",
        ),
    ],
)
def test_adopting_checks_what_cannot_change(changes: dict[str, Any], words: str) -> None:
    """A branch of ours that differs in parent or region is refused by name, also when it is adopted by its id."""
    world = World()
    main = world.root()
    world.root("other")
    mine = world.child("staging", main.id, "infra stack staging")
    for adopt in ("", mine.id):
        with pytest.raises(RefusedError) as caught:
            ensure(world, spec(**changes, adopt=adopt))
        assert words in caught.value.message
    assert world.writes() == []


def test_adopting_a_root_checks_its_major_version() -> None:
    """A root of another major version is refused; another minor version is not."""
    world = World()
    world.root(description="infra stack foundation")
    other = RootConfiguration(image="postgres:17.1", instance_type=TYPE).properties()
    with pytest.raises(RefusedError, match=r"image: declared postgres:17.1, found postgres:18\.1"):
        ensure(world, root_spec(root=other))
    minor = RootConfiguration(image="postgres:18.0", instance_type="xata.large", replicas=2).properties()
    assert ensure(world, root_spec(root=minor)).adopted


def test_a_root_is_no_child_of_an_older_parent() -> None:
    """A branch made without parent is not what was declared as a child, so it is refused."""
    world = World()
    world.root()
    world.seconds += 10
    world.root("staging", "infra stack staging")
    with pytest.raises(RefusedError, match="parent: declared main, found none"):
        ensure(world)


def test_a_child_outlives_its_parent() -> None:
    """B2: a branch of ours whose parent was deleted, and made again since or not, is still ours."""
    world = World()
    old = world.root()
    first = ensure(world).branch
    world.delete(old.id)
    assert ensure(world).branch.id == first.id
    world.seconds += 10
    world.root()
    assert ensure(world).branch.id == first.id


def test_a_child_of_another_living_parent_is_refused() -> None:
    """A declared parent that is younger than the branch excuses only orphans."""
    world = World()
    world.child("staging", world.root("other").id, "infra stack staging")
    world.seconds += 10
    world.root()
    with pytest.raises(RefusedError, match="parent: declared main, found other"):
        ensure(world)


def test_an_orphan_of_somebody_else_is_refused() -> None:
    """A dangling parent is only excused by a declared parent that is younger than the branch, or gone."""
    world = World()
    world.root()
    world.seconds += 10
    gone = world.root("old")
    world.child("staging", gone.id, "infra stack staging")
    world.delete(gone.id)
    with pytest.raises(RefusedError, match="parent: declared main, found"):
        ensure(world)


def test_a_lost_answer_is_resolved_without_a_second_branch() -> None:
    """D5: the create succeeded and its answer was lost: the same request again is refused, and ours is found."""
    world = World()
    world.root()
    world.fault("POST", "branches", "lose")
    found = ensure(world)
    assert not found.adopted
    assert list(world.there()).count("staging") == 1
    assert world.there()["staging"] == found.branch.id
    assert world.calls == [LIST, CREATE, CREATE, LIST, READ]


@pytest.mark.parametrize("times", [1, 3, 5])
def test_a_create_that_never_arrived_is_repeated(times: int) -> None:
    """D4, D6: an empty list proves nothing, so the same request goes out again; one branch comes of it."""
    world = World()
    world.root()
    world.fault("POST", "branches", "cut", times=times)
    found = ensure(world)
    assert world.there()["staging"] == found.branch.id
    assert world.writes() == [CREATE] * (times + 1)


def test_each_repeat_says_the_same() -> None:
    """D6: a repeated create carries the same name, parent and mark, so it can only ever make the one branch."""
    world = World()
    world.root()
    world.fault("POST", "branches", status=500, message="Internal Error (Request ID: req_x)", times=2)
    ensure(world)
    sent = [json.loads(body) for call, body in zip(world.calls, world.bodies, strict=True) if call == CREATE]
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]


def test_a_fate_that_stays_unknown_is_said() -> None:
    """Bounded attempts; the message says that running again resolves it, and it does."""
    world = World()
    world.root()
    world.fault("POST", "branches", "cut", times=5)
    world.fault("POST", "branches", "lose")
    with pytest.raises(LifecycleError, match="whether the branch 'staging' was created is not known") as caught:
        ensure(world)
    assert "run it again" in caught.value.next_step
    assert 5 < world.seconds < 180
    assert ensure(world).branch.id == world.there()["staging"]


def test_a_lost_answer_and_a_reached_limit() -> None:
    """Limits are judged before names: a refusal after a lost answer may be about our own success."""
    world = World()
    world.root()
    world.fault("POST", "branches", "lose")
    limit = "project [x] has reached the limit of 100 branches"
    world.fault("POST", "branches", status=400, message=limit, times=5)
    assert ensure(world).branch.id == world.there()["staging"]


def test_a_limit_is_not_repeated() -> None:
    """A refusal that left nothing in doubt is passed on at once."""
    world = World()
    world.root()
    world.fault("POST", "branches", status=400, message="project [x] has reached the limit of 100 branches", times=9)
    with pytest.raises(LimitError):
        ensure(world)
    assert world.writes() == [CREATE]


def test_a_busy_service_is_asked_again() -> None:
    """D3: what changes nothing is tried again for a while, and then told as it is."""
    world = World()
    world.root()
    world.fault("POST", "branches", status=423, message="locked", times=2)
    assert ensure(world).branch.id == world.there()["staging"]
    world.fault("POST", "branches", status=423, message="locked", times=99)
    with pytest.raises(BusyError):
        ensure(world, spec(name="pr-1", stack="pr-1"))


def test_a_stranger_who_was_faster_is_refused() -> None:
    """The name is taken between our list and our create: judged as any stranger's."""
    world = World()
    main = world.root()
    world.meddle = lambda number: world.make_child("staging", main.id, "hand made") if number == 1 else None
    with pytest.raises(RefusedError, match="is not ours"):
        ensure(world)


def test_a_lost_answer_and_a_strangers_branch() -> None:
    """After a request that never arrived a stranger took the name: not ours, although we had asked for it."""
    world = World()
    main = world.root()
    world.fault("POST", "branches", "cut")
    world.meddle = lambda number: world.make_child("staging", main.id) if number == 2 else None
    with pytest.raises(RefusedError, match="is not ours"):
        ensure(world)


def test_a_name_that_is_taken_and_free_again() -> None:
    """The branch that took the name is deleted before we look: the create is tried again."""
    world = World()
    main = world.root()
    made: list[str] = []

    def meddle(number: int) -> None:
        if number == 1:
            made.append(world.child("staging", main.id).id)
        if number == 2:
            world.delete(made[0])

    world.meddle = meddle
    found = ensure(world)
    assert world.there()["staging"] == found.branch.id
    assert world.writes() == [CREATE, CREATE]


def test_a_name_that_is_taken_and_never_shown() -> None:
    """The service says "taken" and shows nothing: bounded, and told in words."""
    world = World()
    world.root()
    world.fault("POST", "branches", status=409, message="branch [staging] already exists", times=99)
    with pytest.raises(LifecycleError, match="shows nothing of that name"):
        ensure(world)
    assert len(world.writes()) <= 6


def test_the_parent_goes_between_list_and_create() -> None:
    """Somebody deletes the parent: nothing is created and the message says so."""
    world = World()
    main = world.root()
    world.meddle = lambda number: world.delete(main.id) if number == 1 else None
    with pytest.raises(GoneError, match="was deleted meanwhile"):
        ensure(world)


@pytest.mark.parametrize("what", ["delete", "rename"])
def test_our_branch_goes_between_list_and_read(what: str) -> None:
    """Somebody deletes or renames our branch while we look: a new one is made."""
    world = World()
    main = world.root()
    old = world.child("staging", main.id, "infra stack staging")
    acts: dict[str, Callable[[], None]] = {
        "delete": lambda: world.delete(old.id),
        "rename": lambda: world.change(old.id, name="kept"),
    }
    world.meddle = lambda number: acts[what]() if number == 1 else None
    found = ensure(world)
    assert found.branch.id != old.id
    assert world.there()["staging"] == found.branch.id
    assert ("kept" in world.there()) == (what == "rename")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"root": RootConfiguration(image="postgres:18.99", instance_type=TYPE).properties()}, "postgres:18.99"),
        ({"region": "mars-1"}, "mars-1"),
        ({"root": RootConfiguration(image=IMAGE, instance_type="xata.nano").properties()}, "xata.nano"),
    ],
)
def test_what_the_region_does_not_offer_is_told(changes: dict[str, Any], words: str) -> None:
    """An unknown image, region or size is the service's refusal, and it names the value."""
    world = World()
    with pytest.raises(ApiError) as caught:
        ensure(world, root_spec(**changes))
    assert words in str(caught.value)
