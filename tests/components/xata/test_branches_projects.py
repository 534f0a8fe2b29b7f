"""Projects: found, ensured, set and deleted, against the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import asdict

from components.errors import ConflictError, GoneError, InvalidError, LifecycleError, MissingError, RefusedError
from components.xata import project as projects
from components.xata.branches.place import find_organization, find_project
from components.xata.project import ProjectInputs
from tests.components.xata.branches_world import ORGANIZATION, World

if TYPE_CHECKING:
    from components.xata.api.models import Project
    from components.xata.project import EnsuredProject

NAME = "warehouse-manager"


def ensure(world: World, **changes: Any) -> EnsuredProject:
    """Ensure a project with the world's client and time."""
    spec = ProjectInputs(**{"organization": ORGANIZATION, "name": NAME, **changes})
    return projects.ensure_project(world.client, ORGANIZATION, spec, clock=world.clock)


def update(world: World, **changes: Any) -> Project:
    """Update the world's project."""
    spec = ProjectInputs(**{"organization": ORGANIZATION, "name": NAME, **changes})
    return projects.update_project(world.client, ORGANIZATION, world.place.project, spec, clock=world.clock)


def delete(world: World, allow: str = NAME, name: str = NAME) -> bool:
    """Delete the world's project."""
    environment = {"INFRA_ALLOW_DELETE": allow}
    return projects.delete_project(
        world.client, ORGANIZATION, world.place.project, name=name, environment=environment, clock=world.clock
    )


def test_a_project_is_found_by_id_and_by_name() -> None:
    """Both lead to the same project; case counts."""
    world = World()
    assert find_project(world.client, ORGANIZATION, NAME).id == world.place.project
    assert find_project(world.client, ORGANIZATION, world.place.project).name == NAME


@pytest.mark.parametrize("wanted", ["Warehouse-manager", "prj_" + "0" * 26, "other"])
def test_a_project_that_is_not_there(wanted: str) -> None:
    """The message lists those there are with their ids, and both ways on."""
    world = World()
    with pytest.raises(MissingError) as caught:
        find_project(world.client, ORGANIZATION, wanted)
    assert f"'{NAME}' ({world.place.project})" in caught.value.message
    assert "./infra up foundation" in caught.value.next_step
    assert "infra:project" in caught.value.next_step


def organizations(world: World, *names: str) -> None:
    """The key sees these organizations."""
    status = {"status": "enabled", "billing_status": "ok", "usage_tier": "t2"}
    seen = [{"id": name, "name": name.upper(), "status": status} for name in names]
    world.fault("GET", "project", status=200, body={"organizations": seen})


def test_the_only_organization_is_found() -> None:
    """A key that sees one organization needs no configuration; a given one is believed without a request."""
    world = World()
    organizations(world, "abc123")
    assert find_organization(world.client) == "abc123"
    world.calls.clear()
    assert find_organization(world.client, "def456") == "def456"
    assert world.calls == []


def test_several_organizations_have_to_be_told_apart() -> None:
    """The message lists them, and where to set the one that is meant."""
    world = World()
    organizations(world, "abc123", "def456")
    with pytest.raises(MissingError, match=r"sees 2: abc123 \(ABC123\), def456 \(DEF456\)") as caught:
        find_organization(world.client)
    assert "XATA_ORGANIZATION_ID" in caught.value.next_step


def test_a_new_project_is_made_as_declared() -> None:
    """One list and one create, both halves of scale-to-zero in it."""
    world = World()
    made = ensure(world, name="new", scale_to_zero_child_enabled=True, scale_to_zero_child_minutes=60)
    assert not made.adopted
    assert len(world.calls) == 2
    found = world.other.project(ORGANIZATION, made.project.id).configuration.scale_to_zero
    assert asdict(found.child_branches) == {"enabled": True, "minutes": 60}
    assert asdict(found.base_branches) == {"enabled": False, "minutes": 30}


def test_an_empty_project_of_the_name_is_taken_over() -> None:
    """Its record was lost before it held anything: nothing can be lost, so it is ours, and set as declared."""
    world = World()
    found = ensure(world, scale_to_zero_base_enabled=True)
    assert (found.project.id, found.adopted) == (world.place.project, True)
    assert found.project.configuration.scale_to_zero.base_branches.enabled


def test_a_project_with_a_branch_of_ours_is_taken_over() -> None:
    """One marked branch is enough."""
    world = World()
    world.root("theirs")
    world.root("main", "infra stack foundation")
    assert ensure(world).project.id == world.place.project


def test_a_strangers_project_is_refused_with_the_way_on() -> None:
    """Branches, and none of ours: told with its id; taken over by its id."""
    world = World()
    world.root("theirs")
    with pytest.raises(RefusedError) as caught:
        ensure(world)
    assert world.place.project in caught.value.message
    assert f"adopt={world.place.project}" in caught.value.next_step
    assert world.writes() == []
    assert ensure(world, adopt=world.place.project).adopted


def test_an_explicit_adoption_never_creates_a_project() -> None:
    """The id must exist and bear the name."""
    world = World()
    with pytest.raises(MissingError):
        ensure(world, name="new", adopt="prj_" + "0" * 26)
    with pytest.raises(RefusedError, match=f"is called '{NAME}'"):
        ensure(world, name="new", adopt=world.place.project)
    assert world.writes() == []


@pytest.mark.parametrize("kind", ["lose", "cut"])
def test_a_lost_answer_makes_one_project(kind: str) -> None:
    """D5, D6: done or not, one project comes of it."""
    world = World()
    world.fault("POST", "project", kind)
    made = ensure(world, name="new")
    found = [project.id for project in world.other.projects(ORGANIZATION) if project.name == "new"]
    assert found == [made.project.id]
    assert not made.adopted


def test_a_project_whose_fate_stays_unknown() -> None:
    """Bounded, and told."""
    world = World()
    world.fault("POST", "project", "cut", times=99)
    with pytest.raises(LifecycleError, match="the project 'new'"):
        ensure(world, name="new")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "got an empty text; allowed: 1 to 100 letters"),
        ({"name": "a/b"}, "got 'a/b'; allowed: 1 to 100 letters"),
        ({"scaleToZeroBaseMinutes": 5000}, "got 5000; allowed: a whole number of minutes from 1 to 1440"),
        ({"scaleToZeroChildMinutes": "30"}, "got '30'"),
        ({"scaleToZeroChildEnabled": "yes"}, "true or false"),
    ],
)
def test_bad_values_are_refused_before_any_request(changes: dict[str, Any], words: str) -> None:
    """The service would take 5000 minutes and then refuse every branch of the project; we refuse the minutes."""
    (reason,) = ProjectInputs.validate(changes).values()
    assert words in reason


def test_nothing_is_written_when_nothing_differs() -> None:
    """One read."""
    world = World()
    update(world)
    assert world.calls == ["GET project"]


def test_one_half_leaves_the_other_as_it_is() -> None:
    """The service resets a half that is left out, so both travel."""
    world = World()
    update(world, scale_to_zero_child_enabled=True, scale_to_zero_child_minutes=60)
    found = update(world, scale_to_zero_base_minutes=15)
    assert asdict(found.configuration.scale_to_zero.child_branches) == {"enabled": True, "minutes": 60}
    assert asdict(found.configuration.scale_to_zero.base_branches) == {"enabled": False, "minutes": 15}


def test_a_project_is_renamed() -> None:
    """In place, and not to a name that is taken."""
    world = World()
    world.other_project("taken")
    assert update(world, name="renamed").id == world.place.project
    with pytest.raises(ConflictError):
        update(world, name="taken")


@pytest.mark.parametrize("kind", ["lose", "cut"])
def test_a_change_without_an_answer_is_looked_at(kind: str) -> None:
    """Sent again only when it was not done."""
    world = World()
    world.fault("PATCH", "project", kind)
    assert update(world, scale_to_zero_base_minutes=15).configuration.scale_to_zero.base_branches.minutes == 15
    assert len(world.writes()) == (1 if kind == "lose" else 2)


def test_a_project_that_is_gone() -> None:
    """Somebody deleted it: told when it is to be changed, fine when it is to be deleted."""
    world = World()
    world.other.delete_project(ORGANIZATION, world.place.project)
    with pytest.raises(GoneError, match="somebody deleted it"):
        update(world)
    assert not delete(world)


@pytest.mark.parametrize("allow", ["", "main", "warehouse"])
def test_a_project_is_protected(allow: str) -> None:
    """Only its own name sets it free; nothing is asked before."""
    world = World()
    with pytest.raises(RefusedError, match=f"INFRA_ALLOW_DELETE={NAME}"):
        delete(world, allow=allow)
    assert world.calls == []


def test_an_empty_project_is_deleted_and_confirmed() -> None:
    """It is gone afterwards, and deleting it again is fine."""
    world = World()
    assert delete(world)
    assert world.other.projects(ORGANIZATION) == []
    assert not delete(world)


def test_a_project_with_branches_is_refused_with_their_names() -> None:
    """Whoever made them, they go first."""
    world = World()
    world.root("theirs")
    world.root()
    with pytest.raises(RefusedError, match="still holds 2 branches: main, theirs"):
        delete(world)
    assert world.writes() == []


def test_a_branch_that_comes_meanwhile_stops_the_delete() -> None:
    """Between our look and our delete somebody makes a branch: the service refuses, and so do we."""
    world = World()
    world.meddle = lambda number: world.make_root() if number == 2 else None
    with pytest.raises(InvalidError, match="still has branches"):
        delete(world)
    assert list(world.there()) == ["main"]


def test_a_renamed_project_is_refused() -> None:
    """The name that is given free must be the name it has."""
    world = World()
    update(world, name="kept")
    with pytest.raises(RefusedError, match="the project 'kept' is protected"):
        delete(world)
