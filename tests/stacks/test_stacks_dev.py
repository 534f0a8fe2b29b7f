"""What the dev program decides before it declares anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pulumi
import pytest

from components.errors import ConfigurationError, LocalError, RefusedError
from components.postgres.choice import Availability, Record, decide, read_record, write_record
from stacks import dev
from stacks.config import read
from stacks.home import record_file, require, require_own_state

if TYPE_CHECKING:
    from pathlib import Path

NO_DOCKER = Availability(available=False, reason="no Docker daemon answers", next_step="start Docker")
DOCKER = Availability(available=True, reason="a Docker daemon answers")


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Where the choice of a fresh clone is recorded."""
    (tmp_path / "Pulumi.yaml").write_text("name: infra\nbackend:\n  url: file://./.infra/state?create_dir=true\n")
    return record_file(tmp_path, {})


def test_choice_lies_beside_the_state(record: Path, tmp_path: Path) -> None:
    """State that is moved takes the choice with it; the variable comes before Pulumi.yaml."""
    assert record == tmp_path / ".infra/state/infra-infra-dev.json"
    elsewhere = record_file(tmp_path, {"PULUMI_BACKEND_URL": f"file://{tmp_path}/elsewhere"})
    assert elsewhere.parent == tmp_path / "elsewhere"


def test_the_sandboxs_state_is_refused_for_a_database_of_this_machine(tmp_path: Path) -> None:
    """Plain `pulumi` in a shell of the sandbox does not take the developer's own database for the sandbox's."""
    with pytest.raises(RefusedError, match="the sandbox's state"):
        require_own_state(tmp_path, {"PULUMI_BACKEND_URL": f"file://{tmp_path}/.infra/sandbox/state"})
    require_own_state(tmp_path, {"PULUMI_BACKEND_URL": f"file://{tmp_path}/.infra/state"})
    require_own_state(tmp_path, {"PULUMI_BACKEND_URL": "s3://bucket"})


def test_a_missing_daemon_is_told_before_an_engine_starts(record: Path, tmp_path: Path) -> None:
    """`./infra` says which socket does not answer; the provider plugin would only say that none does."""
    write_record(record, Record(home="docker", because="a Docker daemon answers", docker_port=15432))
    plugin = tmp_path / "plugins" / "resource-docker-v5.2.0" / "pulumi-resource-docker"
    plugin.parent.mkdir(parents=True)
    plugin.touch()
    environment = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock", "PULUMI_HOME": str(tmp_path)}
    with pytest.raises(LocalError, match="no Docker daemon answers"):
        require(read("dev", {}), tmp_path, environment)


def test_nothing_is_asked_of_docker_without_need(tmp_path: Path, record: Path) -> None:
    """A fresh clone, an embedded server and the cloud stacks do not wait for a daemon."""
    environment = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    require(read("dev", {}), tmp_path, environment)
    require(read("staging", {}), tmp_path, environment)
    write_record(record, Record(home="embedded", because="no Docker daemon answers"))
    require(read("dev", {}), tmp_path, environment)


def test_up_records_the_choice_and_a_preview_does_not(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview says where the database would live and writes nothing."""
    decision = decide("auto", record=None, docker=lambda: NO_DOCKER)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    dev._settle(record, decision, None)
    assert not record.exists()
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    dev._settle(record, decision, None)
    written = read_record(record)
    assert written is not None
    assert written.home == "embedded"


def test_a_recorded_home_is_kept_when_docker_appears(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What began embedded stays embedded, silently, although Docker would now be chosen."""
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    dev._settle(record, decide("auto", record=None, docker=lambda: NO_DOCKER), None)
    before = record.read_bytes()
    again = decide("auto", record=read_record(record), docker=lambda: DOCKER)
    dev._settle(record, again, read_record(record))
    assert (again.home, again.message) == ("embedded", "")
    assert record.read_bytes() == before


def test_a_recorded_container_is_never_left_for_another_house() -> None:
    """With the daemon down the run stops in words; the data do not move."""
    kept = Record(home="docker", because="a Docker daemon answers", docker_port=15432, date="2026-11-01")
    with pytest.raises(LocalError, match="no Docker daemon answers"):
        decide("auto", record=kept, docker=lambda: NO_DOCKER)


@pytest.mark.parametrize("key", ["docker:host", "docker:context"])
def test_a_daemon_that_only_the_plugin_is_told_of_is_refused(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Program and plugin work on the same daemon, which DOCKER_HOST names."""
    dev._require_one_daemon()
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({key: "unix:///elsewhere.sock"}))
    with pytest.raises(ConfigurationError, match=f"{key} in the stack's configuration") as caught:
        dev._require_one_daemon()
    assert "DOCKER_HOST" in caught.value.next_step
