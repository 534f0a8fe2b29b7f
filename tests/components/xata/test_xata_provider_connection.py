"""The connection of a branch as Pulumi calls it, against the stand-in in this process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.resource import ProviderError
from components.xata import provider
from tests.components.xata.branches_world import REGION, World
from tests.components.xata.managed import (
    made_branch,
    made_connection,
)


def test_a_connection_tells_three_ways_in(world: World) -> None:
    """Direct, pooled and read-only, each with TLS; a refresh shows no change and writes nothing."""
    branch = made_branch()
    connection, inputs = made_connection(branch)
    for key, host in {"url": "", "poolerUrl": "-pooler", "readOnlyUrl": "-ro"}.items():
        assert f"@{branch.id}{host}.{REGION}." in connection.outputs[key]
        assert connection.outputs[key].endswith("/xata?sslmode=require")
        assert connection.outputs["password"] in connection.outputs[key]
    assert connection.plan(**inputs) == "same"
    before = len(world.writes())
    assert connection.refresh()
    assert connection.plan(**inputs) == "same"
    assert len(world.writes()) == before


def test_a_changed_rotation_gives_a_new_password_once(world: World) -> None:
    """The old one is out, the new one is told, and then nothing is left to do."""
    branch = made_branch()
    connection, inputs = made_connection(branch)
    old = connection.outputs["password"]
    assert connection.up(**{**inputs, "rotation": "2026-Q4"}) == "update"
    assert connection.outputs["password"] != old
    assert world.calls.count("POST branches/*/credentials/rotate") == 1
    assert connection.refresh()
    assert connection.plan(**{**inputs, "rotation": "2026-Q4"}) == "same"


def test_a_run_that_died_after_rotating_is_finished_by_the_next(world: World) -> None:
    """The password is new and nobody wrote it down; the next run does, without rotating again."""
    connection, inputs = made_connection(made_branch())
    wanted = {**inputs, "rotation": "2026-Q4"}
    connection.provider.update(connection.id, dict(connection.outputs), wanted)  # its answer is lost with the run
    assert connection.up(**wanted) == "update"
    assert world.calls.count("POST branches/*/credentials/rotate") == 1
    assert connection.refresh()
    assert connection.plan(**wanted) == "same"


def test_a_password_rotated_by_others_is_drift_and_is_passed_on(world: World) -> None:
    """A refresh takes the new one over and says that something is to be done; the next run passes it on."""
    branch = made_branch()
    connection, inputs = made_connection(branch)
    old = connection.outputs["url"]
    world.rotate(branch.id)
    assert connection.refresh()
    assert connection.outputs["url"] != old
    assert connection.plan(**inputs) == "update"
    assert connection.up(**inputs) == "update"
    assert connection.refresh()
    assert connection.plan(**inputs) == "same"


@pytest.mark.parametrize("shape", ["two", "six"])
def test_a_host_that_left_its_domain_is_refused(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a refresh nor an update takes it, and no password is changed for it; a domain named on purpose is."""
    world = World(credentials_shape=shape)
    world.root()
    monkeypatch.setattr(provider, "connect", lambda _environment: world.client)
    connection, inputs = made_connection(made_branch())
    before = dict(connection.outputs)
    moved = replace(world.service.world.settings, domain="evil.example.com")
    monkeypatch.setattr(world.service.world, "settings", moved)
    for act in (connection.refresh, lambda: connection.up(**{**inputs, "rotation": "2026-Q4"})):
        with pytest.raises(ProviderError, match=f"evil.example.com: that is outside of {REGION}.localhost"):
            act()
    assert connection.outputs == before
    assert "POST branches/*/credentials/rotate" not in world.calls
    monkeypatch.setenv("INFRA_ALLOW_HOST", f"{REGION}.evil.example.com")
    assert connection.refresh()
    assert connection.outputs["host"].endswith(".evil.example.com")


def test_another_timeout_asks_nothing_of_the_api(world: World) -> None:
    """It is for the next wait."""
    connection, inputs = made_connection(made_branch())
    before = list(world.calls)
    assert connection.up(**{**inputs, "readyTimeoutSeconds": 61}) == "update"
    assert world.calls == before
    assert connection.plan(**{**inputs, "readyTimeoutSeconds": 61}) == "same"


def test_credentials_that_cannot_be_read_are_read_by_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the service makes a new secret a refresh keeps what is recorded, and asks for an update."""
    world = World(pace="time", hibernated=0, transient=0, secret=0, rotation=50)
    world.root()
    monkeypatch.setattr(provider, "connect", lambda _environment: world.client)
    branch = made_branch()
    connection, inputs = made_connection(branch)
    recorded = connection.outputs["url"]
    world.rotate(branch.id)
    assert connection.refresh()
    assert connection.outputs["url"] == recorded
    assert connection.plan(**inputs) == "update"
    world.seconds += 100
    assert connection.up(**inputs) == "update"
    assert connection.outputs["url"] != recorded


def test_a_preview_goes_by_recorded_credentials_that_its_key_may_not_read(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what was not read and why, and no secret; every other run refuses with the scope that the key lacks."""
    connection, inputs = made_connection(made_branch())
    recorded = dict(connection.outputs)
    world.fault("GET", "branches/./credentials", status=403, message="access denied", times=2)
    with pytest.raises(ProviderError, match=r"give the key the scope credentials:read"):
        connection.refresh()
    monkeypatch.setenv("INFRA_ONLY_PREVIEWED", "1")
    assert connection.refresh()
    assert connection.outputs == recorded
    assert connection.plan(**inputs) == "same"
    said = capsys.readouterr().err
    assert said.startswith("warning: the credentials of the branch 'staging' were not read (Xata answers this key 403")
    assert "credentials:read" in said
    assert recorded["password"] not in said


def test_a_branch_that_never_gets_ready_fails_within_its_time(world: World) -> None:
    """One deadline, and the error tells the last state seen."""
    branch = made_branch()
    world.set_fault(branch.id, "STATUS_TYPE_TRANSIENT: Waiting for the instances to become active")
    with pytest.raises(ProviderError, match="Waiting for the instances"):
        made_connection(branch, readyTimeoutSeconds=1)


def test_deleting_a_connection_changes_nothing(world: World) -> None:
    """The password stays in force: others may use it."""
    connection, _ = made_connection(made_branch())
    before = list(world.calls)
    connection.down()
    assert world.calls == before
