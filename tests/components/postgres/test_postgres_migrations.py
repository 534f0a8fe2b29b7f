"""The app's migrations as a resource, on a real server: when its command is run, and when not."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pulumi.runtime.rpc import UNKNOWN

from components.connection import Connection
from components.errors import ConfigurationError
from components.postgres import migration_files
from components.postgres.migration_files import read_files
from components.postgres.migrations import MIGRATIONS_LOCK, MigrationsProvider
from components.resource import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi.dynamic import CreateResult, UpdateResult

TOOL = Path(__file__).parents[2] / "acceptance" / "migrate.py"


HOLDS = f"""
import os, psycopg
key = "(classid::bigint << 32) + objid::bigint"
held = f"select from pg_locks where locktype = 'advisory' and {{key}} = {MIGRATIONS_LOCK}"
assert len(psycopg.connect(os.environ["DATABASE_URL"]).execute(held).fetchall()) == 1
"""


def inputs(url: str, folder: Path, **more: Any) -> dict[str, Any]:
    """What a program declares of the migrations in `folder/db`."""
    (folder / "db").mkdir(exist_ok=True)
    command = [sys.executable, str(TOOL), "db"]
    given = {"url": url, "command": command, "appPath": str(folder), "databaseId": "b1", "timeoutSeconds": 60}
    return {**given, "files": read_files(folder / "db"), **more}


def outputs(made: CreateResult | UpdateResult) -> dict[str, Any]:
    """What the state records."""
    assert made.outs is not None
    return made.outs


def changes(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether a plan has an update."""
    return bool(MigrationsProvider().diff("migrations", olds, news).changes)


def test_the_command_is_run_when_the_files_are_others(
    database: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What it says is shown; then nothing is to do, whatever happens to the password, until there is another file."""
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "1.sql").write_text("create table a (id int)")
    provider, news = MigrationsProvider(), inputs(database, tmp_path)
    assert provider.check({}, news).failures == []
    assert "new to this database: 1.sql\n" in capfd.readouterr().err
    made = outputs(provider.create(news))
    assert capfd.readouterr().err == "applied 1.sql\n"
    assert not changes(made, news)
    assert not changes(made, {**news, "url": UNKNOWN, "appPath": "elsewhere", "timeoutSeconds": 1})
    assert changes(made, {**news, "databaseId": UNKNOWN})
    assert changes(made, {**news, "command": [*news["command"], "tell"]})
    (tmp_path / "db" / "2.sql").write_text("create table b (id int)")
    more = inputs(database, tmp_path)
    assert changes(made, more)
    assert outputs(provider.update("migrations", made, more))["files"].keys() == {"1.sql", "2.sql"}
    assert capfd.readouterr().err == "applied 2.sql\n"


def test_a_failure_is_an_error_without_the_password(
    database: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command's own words, and nothing that would let anybody in."""
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "1.sql").write_text("create table a (id int); select nonsense")
    news = inputs(database, tmp_path)
    with pytest.raises(ProviderError, match='column "nonsense" does not exist') as caught:
        MigrationsProvider().create({**news, "command": [*news["command"], "tell"]})
    password = Connection.parse(database).password
    assert password
    assert password not in str(caught.value) + capfd.readouterr().err


def test_a_command_that_is_not_there_is_refused_where_it_would_run(database: str, tmp_path: Path) -> None:
    """The plan says so; of migrations that are applied nobody needs the tool."""
    good = inputs(database, tmp_path)
    bad = {**good, "command": ["no-such-tool", "up"]}
    (failure,) = MigrationsProvider().check({}, bad).failures
    assert (failure.property, "no-such-tool is not there" in failure.reason) == ("command", True)
    assert MigrationsProvider().check(bad, bad).failures == []
    (failure,) = MigrationsProvider().check(bad, {**bad, "files": {"1.sql": "0"}}).failures
    assert failure.property == "command"


def test_two_at_once_take_turns_and_none_waits_for_ever(database: str, tmp_path: Path) -> None:
    """A session of ours holds a lock meanwhile; who waits for it too long is told."""
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (MIGRATIONS_LOCK,))
        with pytest.raises(ProviderError, match=r"another deployment has been at work on the database .* for more"):
            MigrationsProvider().create(inputs(database, tmp_path, timeoutSeconds=1))
        assert other.execute("select to_regclass('migrated')").fetchone() == (None,)
        other.execute("SELECT pg_advisory_unlock(%s)", (MIGRATIONS_LOCK,))
    command = [sys.executable, "-c", HOLDS]
    assert (
        outputs(MigrationsProvider().create({**inputs(database, tmp_path), "command": command}))["command"] == command
    )


def test_two_at_once_apply_each_file_once(database: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever comes second finds that nothing is left to do."""
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "1.sql").write_text("create table a (id int); select pg_sleep(0.5)")
    news = inputs(database, tmp_path)
    with ThreadPoolExecutor() as both:
        ended = list(both.map(lambda _: MigrationsProvider().create(news).id, range(2)))
    assert ended == ["migrations"] * 2
    assert capfd.readouterr().err == "applied 1.sql\n"


def test_the_files_that_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that lie in the folder and below, by content; not what editors, systems and programs leave there."""
    for name in ("b/migration.sql", "a.sql", ".DS_Store", "b/.swp", "__pycache__/x.pyc", "node_modules/x.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = read_files(tmp_path)
    assert list(found) == ["a.sql", "b/migration.sql"]
    os.utime(tmp_path / "a.sql", (0, 0))
    assert read_files(tmp_path) == found
    (tmp_path / "a.sql").write_text("other")
    assert read_files(tmp_path) != found
    monkeypatch.setattr(migration_files, "MOST_FILES", 1)
    with pytest.raises(ConfigurationError, match="more than 1 files"):
        read_files(tmp_path)
    monkeypatch.undo()
    (tmp_path / "lost").symlink_to("nowhere")
    with pytest.raises(ConfigurationError, match=r"the migration .*/lost cannot be read: No such file"):
        read_files(tmp_path)
