"""The dynamic providers, as Pulumi calls them."""

from __future__ import annotations

import base64
import dataclasses
import os
import pickle
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pulumi.output import UNKNOWN as UNKNOWN_OBJECT
from pulumi.runtime.rpc import UNKNOWN

from components.postgres.baseline import BaselineProvider
from components.postgres.server import folder, lifecycle, process
from components.postgres.server.binaries import installed
from components.postgres.server.folder import Layout
from components.postgres.server.provider import EmbeddedServerProvider, PasswordProvider
from components.postgres.sqlfiles import SqlFile, digest
from components.resource import ProviderError

if TYPE_CHECKING:
    from pulumi.dynamic import CreateResult, ReadResult, ResourceProvider, UpdateResult

    from components.postgres.server.lifecycle import Report
    from components.postgres.server.settings import ServerSettings


RECORDED: dict[type[ResourceProvider], str] = {
    PasswordProvider: "gASVOAAAAAAAAACMHGNvbXBvbmVudHMucG9zdGdyZXMucHJvdmlkZXKUjBBQYXNzd29yZFByb3ZpZGVylJOUKYGULg==",
    EmbeddedServerProvider: (
        "gASVPgAAAAAAAACMHGNvbXBvbmVudHMucG9zdGdyZXMucHJvdmlkZXKUjBZFbWJlZGRlZFNlcnZlclByb3ZpZGVylJOUKYGULg=="
    ),
    BaselineProvider: "gASVOAAAAAAAAACMHGNvbXBvbmVudHMucG9zdGdyZXMucHJvdmlkZXKUjBBCYXNlbGluZVByb3ZpZGVylJOUKYGULg==",
}
"""What the first state that held these resources has in `__provider`."""


def inputs_of(settings: ServerSettings, **changes: Any) -> dict[str, Any]:
    """A server's inputs as they come over the wire: whole numbers as floats."""
    return {
        "stack": settings.stack,
        "projectFolder": str(settings.project_folder),
        "dataFolder": settings.data_folder,
        "preferredPort": float(settings.preferred_port),
        "database": settings.database,
        "user": settings.user,
        "password": settings.password,
        "retainData": True,
        "startTimeoutSeconds": 60.0,
        **changes,
    }


def outputs_of(result: CreateResult | ReadResult | UpdateResult) -> dict[str, Any]:
    """What a provider answered, which is never nothing."""
    assert result.outs is not None
    return result.outs


@pytest.fixture
def server(stopped: ServerSettings) -> tuple[dict[str, Any], dict[str, Any]]:
    """A created server: its inputs and its outputs."""
    inputs = inputs_of(stopped)
    return inputs, outputs_of(EmbeddedServerProvider().create(inputs))


@pytest.mark.parametrize("kind", RECORDED)
def test_recorded_providers_still_load(kind: type[ResourceProvider]) -> None:
    """State of the first version finds today's class, wherever it is now."""
    assert type(pickle.loads(base64.b64decode(RECORDED[kind]))) is kind  # noqa: S301 - our own data
    assert len(base64.b64decode(RECORDED[kind])) < 200


def test_a_password_is_made_once() -> None:
    """It changes with its keeper, and with nothing else."""
    password = PasswordProvider()
    made = password.create({"keeper": ""})
    assert made.id
    assert len(outputs_of(made)["value"]) == 43
    assert not password.diff(made.id, outputs_of(made), {"keeper": ""}).changes
    assert password.diff(made.id, outputs_of(made), {"keeper": "2027"}).changes
    assert (
        outputs_of(password.update(made.id, outputs_of(made), {"keeper": "2027"}))["value"] != outputs_of(made)["value"]
    )
    assert outputs_of(password.read(made.id, outputs_of(made)))["value"] == outputs_of(made)["value"]


def test_a_created_server_shows_no_change(server: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Neither at once nor after a refresh."""
    inputs, outs = server
    embedded = EmbeddedServerProvider()
    assert outs["running"] is True
    assert outs["host"] == "127.0.0.1"
    assert not embedded.diff(outs["folder"], outs, inputs).changes
    read = embedded.read(outs["folder"], outs)
    assert read.id == outs["folder"]
    assert outputs_of(read) == outs
    assert set(read.inputs or {}) == set(inputs)


def test_a_killed_server_is_drift_and_is_healed(server: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """A refresh says that it does not run, the next run updates, and then nothing is left to do."""
    inputs, outs = server
    embedded = EmbeddedServerProvider()
    _kill(Path(outs["folder"]))
    seen = outputs_of(embedded.read(outs["folder"], outs))
    assert seen["running"] is False
    assert {**seen, "running": True} == outs
    assert embedded.diff(outs["folder"], seen, inputs).changes
    assert not embedded.diff(outs["folder"], seen, inputs).replaces
    healed = outputs_of(embedded.update(outs["folder"], seen, inputs))
    assert healed == outs
    assert not embedded.diff(outs["folder"], healed, inputs).changes


def test_removed_data_are_gone(server: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Only then is the resource gone from the state, so that it is created again."""
    inputs, outs = server
    embedded = EmbeddedServerProvider()
    embedded.delete(outs["folder"], {**outs, "retainData": False})
    assert embedded.read(outs["folder"], outs).id == ""
    embedded.delete(outs["folder"], outs)
    assert inputs["dataFolder"] == outs["folder"]


def test_a_moved_clone_keeps_its_data(stopped: ServerSettings, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """The default folder is chosen once: when the clone moves, it is an update where the data are."""
    settings = stopped
    monkeypatch.setattr(folder, "default_folder", lambda *_: Path(settings.data_folder))
    inputs = inputs_of(settings, dataFolder="")
    embedded = EmbeddedServerProvider()
    outs = outputs_of(embedded.create(inputs))
    monkeypatch.setattr(folder, "default_folder", lambda *_: place / "elsewhere")
    moved = Path(settings.project_folder).rename(place / "moved")
    news = {**inputs, "projectFolder": str(moved)}
    diff = embedded.diff(outs["folder"], outs, news)
    assert diff.changes
    assert not diff.replaces
    assert outputs_of(embedded.update(outs["folder"], outs, news))["folder"] == settings.data_folder
    assert not (place / "elsewhere").exists()


@pytest.mark.parametrize(
    ("name", "value", "replaces"),
    [
        ("dataFolder", "elsewhere", True),
        ("stack", "staging", True),
        ("preferredPort", 20500, False),
        ("database", "other", False),
        ("user", "other", False),
        ("password", "other-password", False),
        ("retainData", False, False),
        ("startTimeoutSeconds", 61, False),
        ("projectFolder", "/elsewhere", False),
    ],
)
def test_every_input_updates_or_replaces(settings: ServerSettings, name: str, value: object, replaces: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """A plan never lies: each input shows a change, and a new place for the data shows as a replacement."""
    embedded = EmbeddedServerProvider()
    inputs = inputs_of(settings)
    olds = {**inputs, "running": True, "version": installed().server_version}
    assert not embedded.diff("id", olds, inputs).changes
    diff = embedded.diff("id", olds, {**inputs, name: value})
    assert diff.changes
    assert diff.replaces == ([name] if replaces else [])
    assert name in embedded.inputs.names()


def test_every_input_is_compared(settings: ServerSettings) -> None:
    """No input can change without being seen."""
    assert set(EmbeddedServerProvider.inputs.names()) == set(inputs_of(settings))


def test_a_new_build_asks_for_an_update(settings: ServerSettings) -> None:
    """The next run after an update of the package restarts the server with it."""
    embedded = EmbeddedServerProvider()
    inputs = inputs_of(settings)
    assert embedded.diff("id", {**inputs, "running": True, "version": "18.0"}, inputs).changes


@pytest.mark.parametrize("unknown", [UNKNOWN, UNKNOWN_OBJECT], ids=["text", "object"])
def test_unknown_inputs_are_not_judged(settings: ServerSettings, unknown: object) -> None:
    """In a preview the password may not be known yet: no false failure, no false replacement."""
    embedded = EmbeddedServerProvider()
    inputs = inputs_of(settings, password=unknown, dataFolder=unknown)
    assert embedded.check({}, inputs).failures == []
    olds = {**inputs_of(settings), "running": True, "version": installed().server_version}
    assert embedded.diff("id", olds, inputs).replaces == []


def test_wrong_inputs_fail_the_preview(settings: ServerSettings) -> None:
    """Each with its property and its reason."""
    news = inputs_of(settings, user="pg_x", preferredPort=80.0)
    failures = EmbeddedServerProvider().check({}, news).failures
    assert sorted(failure.property for failure in failures) == ["preferredPort", "user"]


def test_a_refused_secret_is_not_pointed_at(settings: ServerSettings) -> None:
    """The CLI would print the value beside its name, so the name stands in the text."""
    (password,) = EmbeddedServerProvider().check({}, inputs_of(settings, password="pässword")).failures
    assert (password.property, password.reason[:10]) == ("", "password: ")
    inputs = {"url": "mysql://x:geheim@y/z", "branch": "dev", "sqlFiles": []}
    (url,) = BaselineProvider().check({}, inputs).failures
    assert url.property == ""
    assert url.reason.startswith("url: the database URL is not")
    assert "geheim" not in url.reason


def test_a_failure_shows_our_text_alone(settings: ServerSettings, place: Path) -> None:
    """No cause, no traceback of a driver, no password."""
    (place / "server").mkdir()
    (place / "server" / "PG_VERSION").write_text("18")
    with pytest.raises(ProviderError) as caught:
        EmbeddedServerProvider().create(inputs_of(settings))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "next: set dataFolder" in str(caught.value)
    assert settings.password not in str(caught.value)


@pytest.fixture
def seed(tmp_path: Path) -> dict[str, Any]:
    """An SQL file as an input."""
    (tmp_path / "seed.sql").write_text("CREATE TABLE seeded (id int)")
    file = SqlFile(name="seed.sql", path=str(tmp_path / "seed.sql"), sha256=digest("CREATE TABLE seeded (id int)"))
    return dataclasses.asdict(file)


def test_a_baseline_is_applied_and_shows_no_change(database: str, seed: dict[str, Any]) -> None:
    """Neither at once nor after a refresh."""
    stamped = BaselineProvider()
    inputs = {"url": database, "branch": "dev", "sqlFiles": [seed]}
    made = stamped.create(inputs)
    assert outputs_of(made) == {**inputs, "verified": True}
    assert not stamped.diff(made.id, outputs_of(made), inputs).changes
    assert outputs_of(stamped.read(made.id, outputs_of(made))) == outputs_of(made)
    stamped.delete(made.id, outputs_of(made))
    assert outputs_of(stamped.read(made.id, outputs_of(made))) == outputs_of(made)  # what it wrote is data, and stays


def test_a_changed_stamp_is_drift_and_is_healed(database: str, seed: dict[str, Any]) -> None:
    """A refresh reads what is there, and the next run stamps again."""
    stamped = BaselineProvider()
    inputs = {"url": database, "branch": "dev", "sqlFiles": [seed]}
    made = stamped.create(inputs)
    name = database.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"COMMENT ON DATABASE {name} IS 'infra.branch=main'".encode())
    seen = stamped.read(made.id, outputs_of(made))
    assert (seen.inputs or {})["branch"] == "main"
    assert stamped.diff(made.id, outputs_of(seen), inputs).changes
    healed = outputs_of(stamped.update(made.id, outputs_of(seen), inputs))
    assert outputs_of(stamped.read(made.id, healed)) == outputs_of(made)


def test_a_refresh_does_not_wake_a_database_that_sleeps(database: str) -> None:
    """Where a connection would wake it, what is recorded stands until the next change."""
    stamped = BaselineProvider()
    inputs: dict[str, Any] = {"url": database, "branch": "dev", "sqlFiles": [], "mayWake": False}
    made = stamped.create(inputs)
    unreachable = {**outputs_of(made), "url": "postgresql://app:x@127.0.0.1:1/app?sslmode=disable"}
    assert outputs_of(stamped.read(made.id, unreachable)) == unreachable
    assert not stamped.diff(made.id, outputs_of(made), inputs).changes
    assert stamped.diff(made.id, outputs_of(made), {**inputs, "mayWake": True}).changes


def test_a_stopped_server_does_not_fail_a_refresh(running: tuple[ServerSettings, Report]) -> None:
    """It is no news about the database: the record stays, and the next run looks again."""
    settings, report = running
    url = f"postgresql://app:{settings.password}@127.0.0.1:{report.port}/app?sslmode=disable"
    inputs: dict[str, Any] = {"url": url, "branch": "dev", "sqlFiles": []}
    stamped = BaselineProvider()
    made = stamped.create(inputs)
    _kill(report.folder)
    seen = stamped.read(made.id, outputs_of(made))
    assert seen.id == made.id
    assert outputs_of(seen) == {**outputs_of(made), "verified": False}
    assert stamped.diff(made.id, outputs_of(seen), inputs).changes
    assert lifecycle.ensure(settings).running
    assert outputs_of(stamped.update(made.id, outputs_of(seen), inputs)) == outputs_of(made)


def test_a_changed_file_fails_the_preview(seed: dict[str, Any]) -> None:
    """The old inputs are the applied files: another hash is refused before anything runs, both hashes named."""
    url = "postgresql://app:geheim@127.0.0.1:1/app"
    olds = {"url": url, "branch": "dev", "sqlFiles": [seed]}
    news = {"url": url, "branch": "dev", "sqlFiles": [{**seed, "sha256": "f" * 64}]}
    (failure,) = BaselineProvider().check(olds, news).failures
    assert failure.property == "sqlFiles"
    assert seed["sha256"][:12] in failure.reason
    assert "f" * 12 in failure.reason
    assert BaselineProvider().check(olds, olds).failures == []
    assert BaselineProvider().check(None, olds).failures == []
    for unknown in (UNKNOWN, UNKNOWN_OBJECT):
        assert BaselineProvider().check(olds, {**news, "sqlFiles": unknown}).failures == []
        assert BaselineProvider().check(olds, {**olds, "url": unknown}).failures == []


def _kill(folder: Path) -> None:
    server = process.find(Layout(root=folder))
    assert server
    os.kill(server.process.pid, signal.SIGKILL)
    while server.alive():
        time.sleep(0.01)
