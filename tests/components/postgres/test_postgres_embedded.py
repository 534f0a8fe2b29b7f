"""The embedded server as a component: what it registers, and what it gives away."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from components.connection import Connection
from components.errors import ConfigurationError
from components.postgres import embedded
from components.postgres.database import BaselineSettings, Database, connection_url
from components.postgres.embedded import EmbeddedPostgres, require_extensions
from components.postgres.server.settings import ServerSettings
from tests.components.recorder import Cloud, Recorder, stand_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PASSWORD = "the-generated-password"
SERVER = "pulumi-python:dynamic/postgres:EmbeddedServer"
BASELINE = "pulumi-python:dynamic/postgres:Baseline"
KEEPER = "pulumi-python:dynamic/postgres:Password"


MADE: dict[str, dict[str, Any]] = {
    KEEPER: {"value": PASSWORD},
    SERVER: {"host": "127.0.0.1", "port": 20123.0, "version": "18.6"},
}
"""What the providers add."""


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Recorder, dict[str, Any]]]:
    """Run a program; answers what it registered and the outputs it asked for."""
    monkeypatch.setattr(embedded, "running_as_root", lambda: False)

    def run(program: Callable[[], dict[str, pulumi.Output[Any]]]) -> tuple[Recorder, dict[str, Any]]:
        recorder = Recorder(cloud := Cloud(MADE))
        stand_in(cloud, recorder, stack="dev")
        found: dict[str, Any] = {}

        async def wait(outputs: dict[str, pulumi.Output[Any]]) -> None:
            for name, output in outputs.items():
                found[name] = (await output.future(), await output.is_secret())

        @pulumi.runtime.test  # type: ignore[no-untyped-call,untyped-decorator,unused-ignore]  # untyped in the SDK
        def done() -> pulumi.Output[Any]:
            return pulumi.Output.from_input(wait(program()))

        done()
        return recorder, found

    return run


def program(project: Path) -> Callable[[], dict[str, pulumi.Output[Any]]]:
    """A program that declares the component and asks for its connection."""

    def main() -> dict[str, pulumi.Output[Any]]:
        database: Database = EmbeddedPostgres(
            "database",
            settings=ServerSettings(
                stack="dev", project_folder=str(project), database="shop", user="clerk", password=""
            ),
            baseline=BaselineSettings(branch="dev"),
        )
        found = database.connection()
        names = ("host", "port", "database", "user", "url", "version")
        return {**{name: getattr(found, name) for name in names}, "ready": found.ready.urn}

    return main


def test_the_connection_is_complete(declare: Callable[..., tuple[Recorder, dict[str, Any]]], tmp_path: Path) -> None:
    """Every part is there, the port is a whole number, and only the URL is a secret."""
    _, outputs = declare(program(tmp_path))
    url = Connection.parse(outputs["url"][0])
    assert url == Connection(
        host="127.0.0.1", port=20123, database="shop", user="clerk", password=PASSWORD, sslmode="disable"
    )
    assert outputs["port"] == (20123, False)
    assert isinstance(outputs["port"][0], int)
    assert {name for name, (_, secret) in outputs.items() if secret} == {"url"}
    assert outputs["ready"][0].endswith("::database-baseline")


def test_types_are_a_contract(declare: Callable[..., tuple[Recorder, dict[str, Any]]], tmp_path: Path) -> None:
    """State names them, so they never change."""
    recorder, _ = declare(program(tmp_path))
    assert {"infra:postgres:EmbeddedPostgres", KEEPER, SERVER, BASELINE} <= recorder.requests.keys()


def test_secrets_are_marked_by_the_resources(
    declare: Callable[..., tuple[Recorder, dict[str, Any]]], tmp_path: Path
) -> None:
    """Inputs travel as secrets, and the engine is told which outputs are."""
    recorder, _ = declare(program(tmp_path))
    secret_outputs = {
        kind: list(recorder.requests[kind].additionalSecretOutputs) for kind in (KEEPER, SERVER, BASELINE)
    }
    assert secret_outputs == {KEEPER: ["value"], SERVER: ["password"], BASELINE: ["url"]}
    for kind, name in ((SERVER, "password"), (BASELINE, "url")):
        assert "4dabf18193072939515e22adb298388d" in json.dumps(recorder.inputs(kind)[name])
    assert PASSWORD not in recorder.inputs(SERVER)["__provider"]


def test_inputs_are_those_of_the_settings(
    declare: Callable[..., tuple[Recorder, dict[str, Any]]], tmp_path: Path
) -> None:
    """Every setting reaches the server, and no output-only property is sent with a value."""
    recorder, _ = declare(program(tmp_path))
    sent = {key: value for key, value in recorder.inputs(SERVER).items() if key not in {"password", "__provider"}}
    assert {key: value for key, value in sent.items() if value is not None} == {
        "stack": "dev",
        "projectFolder": str(tmp_path.resolve()),
        "dataFolder": "",
        "preferredPort": 0,
        "database": "shop",
        "user": "clerk",
        "retainData": True,
        "startTimeoutSeconds": 60,
    }


def test_root_is_told_who_runs_the_server(
    declare: Callable[..., tuple[Recorder, dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said before anything happens, with the configured account or the default."""
    said: list[str] = []
    monkeypatch.setattr(embedded, "running_as_root", lambda: True)
    monkeypatch.setattr(pulumi.log, "info", lambda text, _: said.append(text))
    declare(program(tmp_path))
    assert len(said) == 1
    assert "this is root, so the embedded Postgres runs as " in said[0]


def test_a_url_is_secret_whatever_its_parts_are(declare: Callable[..., tuple[Recorder, dict[str, Any]]]) -> None:
    """Nobody has to mark the password first, and odd characters are encoded."""
    _, outputs = declare(
        lambda: {"url": connection_url(host="127.0.0.1", port=1, database="a/b", user="x@y", password="p:w")}
    )
    assert outputs["url"] == ("postgresql://x%40y:p%3Aw@127.0.0.1:1/a%2Fb?sslmode=disable", True)


def test_sql_files_are_read_before_any_resource(tmp_path: Path) -> None:
    """A list is read in its order; a file listed twice is refused."""
    for name in ("b", "a"):
        (tmp_path / f"{name}.sql").write_text(f"SELECT '{name}'")
    found = BaselineSettings.from_paths("dev", ["b.sql", "a.sql"], project_folder=tmp_path)
    assert [file.name for file in found.sql_files or ()] == ["b.sql", "a.sql"]
    with pytest.raises(ConfigurationError, match=r"sqlFiles: a.sql is listed twice"):
        BaselineSettings.from_paths("dev", ["a.sql", "a.sql"], project_folder=tmp_path)


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"', "uuid-ossp (a.sql:2)"),
        ("create extension PGCRYPTO with schema public", "pgcrypto (a.sql:2)"),
        ("CREATE EXTENSION hstore", ""),
        ("SELECT 'CREATE EXTENSION postgis'", ""),
    ],
)
def test_an_extension_that_is_not_there_is_refused_in_the_plan(tmp_path: Path, statement: str, missing: str) -> None:
    """The name and its place are told, whatever the way of writing; a text that speaks of one is none."""
    (tmp_path / "a.sql").write_text(f"SELECT 1;\n{statement};\n")
    baseline = BaselineSettings.from_paths("dev", ["a.sql"], project_folder=tmp_path)
    if not missing:
        require_extensions(baseline)
        return
    with pytest.raises(ConfigurationError, match=re.escape(missing)) as refused:
        require_extensions(baseline)
    assert "infra:database: docker" in refused.value.next_step
