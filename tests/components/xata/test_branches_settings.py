"""Settings of a branch: judged, applied and read back, against the stand-in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import asdict

from components.errors import AmbiguousError, ConfigurationError, ConflictError, GoneError, LifecycleError
from components.xata.branches import settings
from components.xata.inputs import Settings
from tests.components.xata.branches_world import World

if TYPE_CHECKING:
    from components.xata.api.models import Branch

READ, CHANGE = "GET branches/*", "PATCH branches/*"
MARK = "infra stack staging"


def apply(world: World, branch_id: str, seconds: float = 600.0, **wanted: Any) -> Branch:
    """Apply with the world's client and time."""
    return settings.apply(
        world.client,
        world.place,
        branch_id,
        Settings(**wanted),
        timeout_seconds=seconds,
        clock=world.clock,
    )


def sent(world: World) -> list[dict[str, Any]]:
    """The bodies of the changes that were asked for."""
    return [json.loads(body) for call, body in zip(world.calls, world.bodies, strict=True) if call == CHANGE]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("backupRetentionDays", 1, "2 to 35"),
        ("backupRetentionDays", 36, "2 to 35"),
        ("backupRetentionDays", 7.5, "2 to 35"),
        ("backupRetentionDays", "7", "2 to 35"),
        ("backupRetentionDays", True, "2 to 35"),
        ("backupTime", "", "D:HH:MM"),
        ("backupTime", "7:02:30", "D:HH:MM"),
        ("backupTime", "*:24:00", "D:HH:MM"),
        ("backupTime", "*:2:30", "D:HH:MM"),
        ("backupTime", "daily", "D:HH:MM"),
        ("backupTime", 230, "D:HH:MM"),
        ("scaleToZeroMinutes", 0, "1 to 1440"),
        ("scaleToZeroMinutes", 1441, "1 to 1440"),
        ("scaleToZeroMinutes", 0.5, "1 to 1440"),
        ("scaleToZeroEnabled", "yes", "true or false"),
        ("scaleToZeroEnabled", 1, "true or false"),
        ("description", "", "letters"),
        ("description", "x" * 51, "50"),
        ("description", "a_b", "letters"),
        ("description", 5, "letters"),
        ("replicas", -1, "0 to 4"),
        ("replicas", 5, "0 to 4"),
        ("storage", 0, "gigabytes from 1"),
        ("storage", "10", "gigabytes from 1"),
        ("image", "latest", "NAME:MAJOR"),
        ("instanceType", "", "an instance type"),
    ],
)
def test_bad_values_are_refused_by_name(name: str, value: Any, allowed: str) -> None:
    """The reason tells what was got and what is allowed."""
    reasons = Settings.validate({name: value})
    assert list(reasons) == [name]
    assert allowed in reasons[name]


def test_what_is_as_declared_costs_one_read() -> None:
    """Nothing differs: one read and no write."""
    world = World()
    branch = world.root(description=MARK)
    apply(world, branch.id, description=MARK, replicas=0)
    assert world.calls == [READ]


def test_what_differs_is_changed_and_read_back() -> None:
    """One read, one change with what differs, one read; the branch holds what was declared."""
    world = World()
    branch = world.root(description=MARK)
    found = apply(
        world,
        branch.id,
        description=MARK,
        backup_retention_days=7,
        backup_time="*:02:30",
        scale_to_zero_enabled=True,
        scale_to_zero_minutes=60,
    )
    assert world.calls == [READ, CHANGE, READ]
    assert asdict(found.scale_to_zero) == {"enabled": True, "minutes": 60}
    assert found.backup_configuration is not None
    assert asdict(found.backup_configuration) == {"retention_days": 7, "time": "*:02:30"}
    assert "description" not in sent(world)[0]
    assert settings.differences(settings.read_settings(found), found) == {}


def test_pairs_travel_together() -> None:
    """One half of a pair is declared: the other half is sent as it is, because the service would reset it."""
    world = World()
    branch = world.root()
    world.change(branch.id, scaleToZero={"enabled": True, "inactivityPeriodMinutes": 60})
    world.change(branch.id, backupConfiguration={"retentionPeriod": 9, "backupTime": "3:04:05"})
    apply(world, branch.id, scale_to_zero_minutes=15, backup_retention_days=7)
    apply(world, branch.id, scale_to_zero_enabled=False, backup_time="*:02:30")
    assert sent(world) == [
        {
            "scaleToZero": {"enabled": True, "inactivityPeriodMinutes": 15},
            "backupConfiguration": {"retentionPeriod": 7, "backupTime": "3:04:05"},
        },
        {
            "scaleToZero": {"enabled": False, "inactivityPeriodMinutes": 15},
            "backupConfiguration": {"retentionPeriod": 7, "backupTime": "*:02:30"},
        },
    ]


def test_sizes_wait_until_the_branch_is_healthy() -> None:
    """A new branch is first waited for, then resized; the image goes in a request of its own."""
    world = World(pace="time", hibernated=5, transient=20)
    branch = world.root(image="postgres:18.0")
    asked: list[float] = []
    world.meddle = lambda _number: asked.append(world.seconds) if world.calls[-1] == CHANGE else None
    found = apply(
        world, branch.id, description=MARK, instance_type="xata.small", replicas=1, storage=300, image="postgres:18.1"
    )
    bodies = sent(world)
    assert bodies == [
        {"description": MARK},
        {"instanceType": "xata.small", "replicas": 1, "storage": 300},
        {"image": "postgres:18.1"},
    ]
    assert asked[0] == 0
    assert asked[1] >= 25
    assert asdict(found.configuration) == {
        "image": "postgres:18.1",
        "instance_type": "xata.small",
        "replicas": 1,
        "storage": 300,
    }


def test_what_reads_back_otherwise_fails_with_each_difference() -> None:
    """The service accepts and keeps something else: each setting is named with declared and found."""
    world = World()
    branch = world.root()
    done = {"id": branch.id, "name": "main", "region": "us-east-1", "publicAccess": False, "parentID": None}
    times = {"createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}
    world.fault("PATCH", "branches/.", status=200, body={**done, **times})
    with pytest.raises(LifecycleError) as caught:
        apply(world, branch.id, backup_retention_days=7, scale_to_zero_minutes=60)
    assert "backupRetentionDays: declared 7, found 2" in caught.value.message
    assert "scaleToZeroMinutes: declared 60, found 30" in caught.value.message
    assert branch.id in caught.value.message
    assert world.seconds <= 10
    assert len(sent(world)) == 1


def test_a_late_read_back_is_waited_for() -> None:
    """What shows a moment later is not called different."""
    world = World()
    branch = world.root()
    done = {"id": branch.id, "name": "main", "region": "us-east-1", "publicAccess": False, "parentID": None}
    times = {"createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}
    world.fault("PATCH", "branches/.", status=200, body={**done, **times})
    world.meddle = lambda number: world.change(branch.id, description=MARK) if number == 4 else None
    assert apply(world, branch.id, description=MARK).description == MARK
    assert len(sent(world)) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "cut"},
        {"kind": "lose"},
        {"status": 500, "message": "Internal Error (Request ID: req_x)"},
        {"status": 403, "message": "Branch [x] update is temporarily unavailable"},
        {"status": 423, "message": "locked"},
    ],
)
def test_a_change_without_an_answer_is_looked_at_and_repeated(trouble: dict[str, Any]) -> None:
    """D3 to D5: read what is there, and send only what still differs."""
    world = World()
    branch = world.root()
    world.fault("PATCH", "branches/.", **trouble)
    found = apply(world, branch.id, description=MARK)
    assert found.description == MARK
    assert len(sent(world)) == (1 if trouble.get("kind") == "lose" else 2)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ({"kind": "cut"}, AmbiguousError),
        ({"status": 409, "message": "branch [x] was modified concurrently, please retry"}, ConflictError),
    ],
)
def test_a_change_that_never_succeeds_ends(trouble: dict[str, Any], error: type[Exception]) -> None:
    """Bounded attempts; the service's own error is told."""
    world = World()
    branch = world.root()
    world.fault("PATCH", "branches/.", times=10_000, **trouble)
    with pytest.raises(error):
        apply(world, branch.id, description=MARK)
    assert world.seconds < 600


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"storage": 100}, "storage only grows"),
        ({"image": "postgres:17"}, "keeps its kind and major version for life"),
        ({"image": "postgres:17.7"}, "keeps its kind and major version for life"),
        ({"image": "analytics:18.1"}, "keeps its kind and major version for life"),
        ({"image": "postgres:18.0"}, "does not go back to an older minor version"),
    ],
)
def test_what_a_branch_cannot_become(wanted: dict[str, Any], words: str) -> None:
    """Refused in words with declared and found, before anything is changed."""
    world = World()
    branch = world.root()
    with pytest.raises(ConfigurationError) as caught:
        apply(world, branch.id, description=MARK, **wanted)
    assert words in caught.value.message
    assert world.writes() == []


def test_backups_in_a_region_without() -> None:
    """The region is named, and nothing is changed; without declared backups the branch is fine there."""
    world = World()
    branch = world.root(region="us-central1")
    with pytest.raises(ConfigurationError, match="its region us-central1 keeps none"):
        apply(world, branch.id, backup_retention_days=7)
    assert world.writes() == []
    apply(world, branch.id, scale_to_zero_enabled=True)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_branch_that_is_deleted_between_requests(number: int) -> None:
    """Whichever request meets it, the error says that somebody deleted the branch."""
    world = World()
    branch = world.root()
    world.meddle = lambda call: world.delete(branch.id) if call == number else None
    with pytest.raises(GoneError, match=branch.id):
        apply(world, branch.id, description=MARK)


def test_somebody_else_changes_the_same_setting() -> None:
    """Between our change and our look somebody sets another value: told as a difference, not fought over."""
    world = World()
    branch = world.root()

    def meddle(number: int) -> None:
        if number >= 2:
            world.change(branch.id, description="theirs")

    world.meddle = meddle
    with pytest.raises(LifecycleError, match="description: declared 'infra stack staging', found 'theirs'"):
        apply(world, branch.id, description=MARK)


def test_somebody_else_changes_a_setting_while_the_size_changes() -> None:
    """What was set first is looked at again in the end."""
    world = World()
    branch = world.root()
    world.meddle = lambda number: world.change(branch.id, description="theirs") if number == 4 else None
    with pytest.raises(LifecycleError, match="description: declared 'infra stack staging', found 'theirs'"):
        apply(world, branch.id, description=MARK, replicas=1)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_branch_that_is_renamed_or_put_to_sleep_is_set_all_the_same(number: int) -> None:
    """Settings go by the id, and those that are no sizes need no healthy branch."""
    world = World()
    branch = world.root()

    def meddle(call: int) -> None:
        if call == number:
            world.change(branch.id, name="other", hibernate=True)

    world.meddle = meddle
    assert apply(world, branch.id, description=MARK).description == MARK


def test_an_image_without_minor_version_is_any_minor_of_it() -> None:
    """What runs is of that major version, so nothing is sent and nothing differs."""
    world = World()
    branch = world.root(image="postgres:18.0")
    before = len(world.writes())
    applied = settings.apply(
        world.client, world.place, branch.id, Settings.of({"image": "postgres:18"}), clock=world.clock
    )
    assert applied.configuration.image == "postgres:18.0"
    assert len(world.writes()) == before
