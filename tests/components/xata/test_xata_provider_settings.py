"""The settings of a branch as Pulumi calls them, against the stand-in in this process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from components.http.models import sent
from components.resource import ProviderError
from components.xata import provider, reading
from components.xata.branches import settings as branch_settings
from components.xata.provider import (
    BranchSettingsProvider,
)
from tests.components.xata.branches_world import ORGANIZATION, REGION, TYPE, World
from tests.components.xata.managed import (
    ROOT,
    Managed,
    made_branch,
    made_connection,
    made_settings,
    place_of,
)

OTHER_SETTINGS: dict[str, Any] = {
    "description": "infra stack staging nightly",
    "scaleToZeroEnabled": False,
    "scaleToZeroMinutes": 60,
    "backupRetentionDays": 14,
    "backupTime": "0:03:00",
    "instanceType": "xata.small",
    "replicas": 1,
    "storage": 500,
    "image": "postgres:18.1",
}


def test_settings_are_read_back(world: World) -> None:
    """What is declared is on the server, and the outputs tell the backups."""
    branch = made_branch()
    settings, inputs = made_settings(branch)
    found = world.read(branch.id)
    assert found.backup_configuration is not None
    assert (found.backup_configuration.retention_days, found.backup_configuration.time) == (7, "*:02:30")
    assert (found.scale_to_zero.enabled, found.scale_to_zero.minutes) == (True, 30)
    assert settings.outputs["backupRetentionDays"] == 7
    assert settings.outputs["backupTime"] == "*:02:30"
    assert settings.outputs["backupsEnabled"] is True
    assert settings.refresh()
    assert settings.plan(**inputs) == "same"


@pytest.mark.parametrize(
    "key",
    [key for key in BranchSettingsProvider.inputs.names() if key not in {"organization", "projectId", "branchId"}],
)
def test_each_setting_is_changed_in_place(world: World, key: str) -> None:
    """A changed input is an update, is in force afterwards, and then nothing is left to do."""
    branch = made_branch(name="dev", stack="dev", parent=None, root={**ROOT, "image": _older(world)})
    settings, inputs = made_settings(branch)
    changed = {**inputs, key: OTHER_SETTINGS[key]}
    assert settings.up(**changed) == "update"
    found = branch_settings.read_settings(world.read(branch.id)).properties()
    assert found[key] == OTHER_SETTINGS[key]
    assert settings.refresh()
    assert settings.plan(**changed) == "same"


def _older(world: World) -> str:
    """An image on offer that is older than the one of `OTHER_SETTINGS`, or that one."""
    offered = [
        image.name for image in world.other.images(ORGANIZATION, REGION) if image.name.startswith("postgres:18.")
    ]
    return str(min(offered, key=lambda name: int(name.rpartition(".")[2])))


DRIFT: dict[str, dict[str, Any]] = {
    "description": {"description": "infra stack staging 2"},
    "scaleToZeroEnabled": {"scaleToZero": {"enabled": False, "inactivityPeriodMinutes": 30}},
    "scaleToZeroMinutes": {"scaleToZero": {"enabled": True, "inactivityPeriodMinutes": 120}},
    "backupRetentionDays": {"backupConfiguration": {"retentionPeriod": 2, "backupTime": "*:02:30"}},
    "backupTime": {"backupConfiguration": {"retentionPeriod": 7, "backupTime": "3:05:00"}},
}


@pytest.mark.parametrize("key", DRIFT)
def test_settings_changed_by_others_are_drift_and_are_healed(world: World, key: str) -> None:
    """A refresh shows the input as it is found, and the next run sets it back."""
    branch = made_branch()
    settings, inputs = made_settings(branch)
    world.change(branch.id, **DRIFT[key])
    assert settings.refresh()
    assert settings.inputs[key] != inputs[key]
    assert settings.up(**inputs) == "update"
    assert settings.refresh()
    assert settings.up(**inputs) == "same"
    found = branch_settings.read_settings(world.read(branch.id)).properties()
    assert found[key] == inputs[key]


def test_settings_that_are_not_declared_are_not_touched(world: World) -> None:
    """Sizes that nobody declared are neither set, nor drift, nor inputs after a refresh."""
    branch = made_branch()
    settings, inputs = made_settings(branch)
    world.change(branch.id, replicas=2)
    before = len(world.writes())
    assert settings.refresh()
    assert "replicas" not in settings.inputs
    assert settings.up(**inputs) == "same"
    assert len(world.writes()) == before
    bare = Managed(BranchSettingsProvider)
    bare.up(**place_of(branch))
    assert len(world.writes()) == before
    assert bare.outputs["backupRetentionDays"] == 7  # told, although not declared
    assert bare.refresh()
    assert set(bare.inputs) == set(place_of(branch))
    assert bare.plan(**place_of(branch)) == "same"


def test_an_instance_type_taken_out_goes_back_to_the_parents(world: World) -> None:
    """It stays so against others, and does not follow a parent that grows later."""
    branch = made_branch()
    settings, inputs = made_settings(branch, instanceType="xata.small")
    without = {key: value for key, value in inputs.items() if key != "instanceType"}
    assert settings.up(**without) == "update"
    assert world.read(branch.id).configuration.instance_type == TYPE
    assert settings.refresh()
    assert settings.plan(**without) == "same"
    world.change(branch.id, instanceType="xata.small")
    world.change(world.there()["main"], instanceType="xata.medium")
    assert settings.refresh()
    assert settings.outputs["instanceType"] == "xata.small"
    assert settings.up(**without) == "update"
    assert world.read(branch.id).configuration.instance_type == TYPE
    assert settings.plan(**without) == "same"


def test_an_instance_type_of_an_adopted_branch_is_kept(world: World) -> None:
    """A branch that was given another type before we knew it keeps it while no line says otherwise."""
    branch = made_branch()
    world.change(branch.id, instanceType="xata.small")
    settings, inputs = made_settings(branch)
    settings.outputs.pop("defaults")  # as recorded before there were any
    settings.outputs.pop("instanceType")
    assert settings.refresh()
    assert settings.plan(**inputs) == "same"
    assert settings.up(**{**inputs, "replicas": 1}) == "update"
    assert world.read(branch.id).configuration.instance_type == "xata.small"


@pytest.mark.parametrize(
    ("key", "value", "advice"),
    [
        ("storage", 500, "leave infra:storageGigabytes at 500"),
        ("image", "postgres:18.1", "leave infra:postgresImage at postgres:18.1, or say postgres:18 for any minor"),
    ],
)
def test_a_setting_that_cannot_go_back_cannot_be_taken_out(world: World, key: str, value: Any, advice: str) -> None:
    """The plan is refused and says which line to leave."""
    branch = made_branch(name="dev", stack="dev", parent=None, root={**ROOT, "image": _older(world)})
    settings, inputs = made_settings(branch, **{key: value})
    without = {name: kept for name, kept in inputs.items() if name != key}
    (failure,) = settings.provider.check(settings.inputs, without).failures
    assert (failure.property, advice in failure.reason) == (key, True)


def test_a_previews_storage_may_be_taken_out(world: World) -> None:
    """It keeps what it has: the line stands in the template of all previews, and the living ones go on."""
    branch = made_branch(name="pr-7", stack="pr-7")
    settings, inputs = made_settings(branch, description="infra stack pr-7", storage=500)
    without = {name: kept for name, kept in inputs.items() if name != "storage"}
    assert settings.up(**without) == "update"
    assert world.read(branch.id).configuration.storage == 500
    assert settings.refresh()
    assert settings.plan(**without) == "same"


def test_the_deployment_fails_when_retention_is_not_as_declared(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service takes the change and keeps something else: the error names the setting and both values."""
    monkeypatch.setattr(branch_settings, "READ_BACK_SECONDS", 0.3)
    branch = made_branch()
    settings, inputs = made_settings(branch)
    world.fault("PATCH", "branches/.", status=200, times=99, body=_summary(world, branch.id))
    with pytest.raises(ProviderError, match="backupRetentionDays: declared 14, found 7"):
        settings.up(**{**inputs, "backupRetentionDays": 14})


def _summary(world: World, branch_id: str) -> dict[str, Any]:
    (found,) = [one for one in world.other.branches(ORGANIZATION, world.place.project) if one.id == branch_id]
    body: dict[str, Any] = sent(found)
    return body


def test_restore_points_are_read_until_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """They move all the time: once told, a refresh leaves them, so that it shows no change."""
    world = World(pace="time", hibernated=0, transient=0, secret=0, restore_point=100)
    world.root()
    monkeypatch.setattr(provider, "connect", lambda _environment: world.client)
    settings, inputs = made_settings(made_branch())
    assert settings.outputs["earliestRestorePoint"] == ""
    world.seconds += 1000
    assert settings.refresh()
    earliest, latest = (settings.outputs[f"{which}RestorePoint"] for which in ("earliest", "latest"))
    assert earliest.endswith("Z")
    world.seconds += 1000
    assert settings.refresh()
    assert (settings.outputs["earliestRestorePoint"], settings.outputs["latestRestorePoint"]) == (earliest, latest)
    assert settings.plan(**inputs) == "same"


def test_deleting_settings_changes_nothing(world: World) -> None:
    """What was set stays: the branch goes, or lives on with it."""
    settings, _ = made_settings(made_branch())
    before = list(world.calls)
    settings.down()
    assert world.calls == before


def test_a_branch_put_to_sleep_for_good_is_woken(world: World) -> None:
    """Asleep although it never sleeps by itself: nothing would wake it but the next run."""
    branch = made_branch()
    settings, inputs = made_settings(branch, scaleToZeroEnabled=False)
    world.change(branch.id, hibernate=True)
    world.seconds += 1000
    assert settings.refresh()
    assert settings.outputs["asleep"] is True
    assert settings.up(**inputs) == "update"
    assert world.read(branch.id).status.kind != "hibernated"
    assert settings.refresh()
    assert settings.plan(**inputs) == "same"


def test_a_branch_asleep_because_it_is_idle_is_left_asleep(world: World) -> None:
    """Neither settings nor connection wake it, and neither shows a change."""
    branch = made_branch()
    settings, settings_inputs = made_settings(branch)
    connection, connection_inputs = made_connection(branch)
    world.change(branch.id, hibernate=True)
    before = len(world.writes())
    assert settings.refresh()
    assert connection.refresh()
    assert settings.plan(**settings_inputs) == "same"
    assert connection.plan(**connection_inputs) == "same"
    assert len(world.writes()) == before
    assert world.read(branch.id).status.kind == "hibernated"


def test_three_resources_of_a_branch_read_it_once(world: World) -> None:
    """A refresh asks for the branch and for its credentials, however many resources are about it."""
    branch = made_branch()
    settings, _ = made_settings(branch)
    connection, _ = made_connection(branch)
    managed = (branch, settings, connection)
    reading.forget()
    before = len(world.calls)
    with ThreadPoolExecutor(len(managed)) as pool:
        read = list(pool.map(lambda one: one.provider.read(one.id, dict(one.outputs)), managed))
    assert all(one.id for one in read)
    assert sorted(world.calls[before:]) == ["GET branches/*", "GET branches/*/credentials"]
    world.other.delete_branch(ORGANIZATION, world.place.project, branch.id)
    assert not any(one.refresh() for one in managed)
