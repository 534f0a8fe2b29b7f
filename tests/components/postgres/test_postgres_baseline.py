"""Stamp and SQL files, on a real server."""

from __future__ import annotations

import dataclasses
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from pulumi.runtime.rpc import UNKNOWN

from components import libpq
from components.connection import Connection
from components.errors import ConfigurationError, PostgresError, RefusedError
from components.identity import stamped_branch
from components.postgres import baseline, session
from components.postgres.baseline import BaselineProvider, BaselineTask
from components.postgres.sqlfiles import declare
from tests.components.postgres.conftest import freeze, url

if TYPE_CHECKING:
    from pathlib import Path

    from components.postgres.server.lifecycle import Report
    from components.postgres.server.settings import ServerSettings


def task(database: str, folder: Path, **files: str) -> BaselineTask:
    """A baseline with these files, `first="SELECT 1"` standing for `first.sql`, in their order."""
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return BaselineTask(url=database, branch="dev", sql_files=tuple(declare(f"{name}.sql", folder) for name in files))


def ask(database: str, query: str) -> list[tuple[object, ...]]:
    """The rows of a query."""
    with psycopg.connect(database, autocommit=True) as connection:
        return list(connection.execute(query.encode()))


def comment(database: str) -> str:
    """The database's comment."""
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    return str(ask(database, query)[0][0])


def test_the_stamp_alone_makes_no_schema(database: str, tmp_path: Path) -> None:
    """Without SQL files nothing but the comment is written."""
    baseline.apply(task(database, tmp_path))
    assert comment(database) == "infra.branch=dev"
    assert ask(database, "SELECT to_regnamespace('infra')") == [(None,)]


def test_other_text_of_the_comment_is_kept(database: str, tmp_path: Path) -> None:
    """Only the stamp's line is ours."""
    name = Connection.parse(database).database
    ask_nothing(database, f"COMMENT ON DATABASE {name} IS 'owner: team''s\ninfra.branch=main\nend \\ '")
    baseline.apply(task(database, tmp_path))
    assert comment(database) == "owner: team's\ninfra.branch=dev\nend \\ "


def test_files_are_applied_once_in_order(database: str, tmp_path: Path) -> None:
    """Each leaves a record, and a second run applies none again."""
    files = {
        "one": "CREATE TABLE t (id int);\nINSERT INTO t VALUES (1);",
        "two": "INSERT INTO t VALUES (2);\n-- 100 % done",
    }
    todo = task(database, tmp_path, **files)
    baseline.apply(todo)
    baseline.apply(todo)
    assert ask(database, "SELECT id FROM t ORDER BY id") == [(1,), (2,)]
    record = ask(database, "SELECT name, sha256 FROM infra.applied_sql ORDER BY position")
    assert record == [(file.name, file.sha256) for file in todo.sql_files or ()]
    assert ask(database, "SELECT count(*) FROM infra.applied_sql WHERE applied_at <= now()") == [(2,)]


def test_new_files_are_applied_later(database: str, tmp_path: Path) -> None:
    """A file added behind the others is applied alone."""
    baseline.apply(task(database, tmp_path, one="CREATE TABLE t (id int)"))
    baseline.apply(task(database, tmp_path, one="CREATE TABLE t (id int)", two="INSERT INTO t VALUES (2)"))
    assert ask(database, "SELECT id FROM t") == [(2,)]


def test_a_changed_file_is_refused(database: str, tmp_path: Path) -> None:
    """What was applied stays as it was, and nothing else is done."""
    baseline.apply(task(database, tmp_path, one="CREATE TABLE t (id int)"))
    changed = task(database, tmp_path, one="CREATE TABLE t (id bigint)", two="INSERT INTO t VALUES (2)")
    with pytest.raises(RefusedError, match=r"one.sql was applied with sha256 \w{12}… and has \w{12}… now"):
        baseline.apply(dataclasses.replace(changed, branch="other"))
    assert ask(database, "SELECT id FROM t") == []
    assert comment(database) == "infra.branch=dev"


def test_a_removed_file_is_refused(database: str, tmp_path: Path) -> None:
    """A new database would not get it any more, so the two would differ."""
    baseline.apply(task(database, tmp_path, one="CREATE TABLE t (id int)"))
    with pytest.raises(RefusedError, match=r"one.sql was applied and is no longer listed"):
        baseline.apply(task(database, tmp_path, two="SELECT 1"))


@pytest.mark.parametrize(
    ("sql", "line", "words"),
    [
        ("CREATE TABLE t (id int);\n\nSELECT\n  nonsense;", 4, 'column "nonsense" does not exist (42703)'),
        (
            "CREATE TABLE t (id int UNIQUE);\nINSERT INTO t VALUES (1);\n-- twice\nINSERT INTO t VALUES (1);",
            4,
            "(23505)",
        ),
        ("CREATE TABLE t (id int);\nVACUUM;", 2, "cannot run inside a transaction block"),
        ("CREATE TABLE t (id int);\nDO $$ BEGIN COMMIT; END $$;", 2, "invalid transaction termination"),
        ("CREATE TABLE t (id int);\nSELECT pg_terminate_backend(pg_backend_pid());", 2, "terminating connection"),
        ("CREATE TABLE t (id int);\nSELECT 'é', 1/0;", 2, "division by zero"),
    ],
)
def test_a_failing_file_leaves_nothing(database: str, tmp_path: Path, sql: str, line: int, words: str) -> None:
    """The error names file and line, not the URL; the file's transaction is undone, earlier files stay."""
    with pytest.raises(PostgresError) as caught:
        baseline.apply(task(database, tmp_path, first="CREATE TABLE earlier (id int)", bad=sql))
    assert f"the SQL file bad.sql was refused at line {line}:" in str(caught.value)
    assert words in str(caught.value)
    assert Connection.parse(database).password not in str(caught.value)
    assert caught.value.__cause__ is None
    assert ask(database, "SELECT to_regclass('t')") == [(None,)]
    assert ask(database, "SELECT name FROM infra.applied_sql") == [("first.sql",)]


def test_a_corrected_file_is_applied(database: str, tmp_path: Path) -> None:
    """A file that never went through may change."""
    with pytest.raises(PostgresError):
        baseline.apply(task(database, tmp_path, one="SELECT nonsense"))
    baseline.apply(task(database, tmp_path, one="CREATE TABLE t (id int)"))
    assert ask(database, "SELECT id FROM t") == []


def test_what_a_file_sets_ends_with_it(database: str, tmp_path: Path) -> None:
    """A search path, as dumps set it, changes neither the next file nor the record."""
    baseline.apply(
        task(
            database,
            tmp_path,
            one="SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE public.t (id int);",
            two="INSERT INTO t VALUES (2)",
        )
    )
    assert ask(database, "SELECT id FROM t") == [(2,)]


def test_two_runs_at_once_take_turns(database: str, tmp_path: Path) -> None:
    """Each file is applied by one of them."""
    todo = task(database, tmp_path, one="CREATE TABLE t (id int); SELECT pg_sleep(0.2); INSERT INTO t VALUES (1)")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(baseline.apply, [todo, todo]))
    assert ask(database, "SELECT id FROM t") == [(1,)]


def test_waiting_for_another_run_ends(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that never ends does not hold the next for ever."""
    monkeypatch.setattr(session, "LOCK_SECONDS", 0.1)
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (session.LOCK_KEY,))
        with pytest.raises(PostgresError, match="lock timeout"):
            baseline.apply(task(database, tmp_path))


def test_a_role_that_is_not_the_owner_is_told(database: str, tmp_path: Path) -> None:
    """Only the database's owner may stamp it."""
    where = Connection.parse(database)
    ask_nothing(database, f"CREATE ROLE {where.database}_guest LOGIN PASSWORD 'guest-password'")
    guest = dataclasses.replace(where, user=f"{where.database}_guest", password="guest-password")
    with pytest.raises(PostgresError, match="must be owner of database") as caught:
        baseline.apply(task(guest.url, tmp_path))
    assert "guest-password" not in str(caught.value)


def test_an_unreachable_server_is_told(tmp_path: Path) -> None:
    """The message says which database and what to run, and holds no password."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"postgresql://app:geheim@127.0.0.1:{port}/app?sslmode=disable"
    with pytest.raises(PostgresError) as caught:
        baseline.apply(task(url, tmp_path))
    assert f"the database 'app' at 127.0.0.1:{port} could not be prepared" in str(caught.value)
    assert "refused" in str(caught.value)
    assert "./infra verify" in caught.value.next_step
    assert "geheim" not in str(caught.value)
    assert baseline.read(task(url, tmp_path)) == {"verified": False}


def test_a_name_below_localhost_needs_no_resolver(database: str, tmp_path: Path) -> None:
    """Such names mean this machine, whether or not the resolver knows them."""
    where = Connection.parse(database)
    named = dataclasses.replace(where, host="branch.us-east-1.localhost")
    baseline.apply(dataclasses.replace(task(database, tmp_path), url=named.url))
    assert stamped_branch(comment(database)) == "dev"


def test_a_cloud_branch_is_tried_again(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has not got around yet is waited for; a look does not wait, and neither does a server of this machine."""
    pauses: list[float] = []
    monkeypatch.setattr("components.postgres.session.time.sleep", pauses.append)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    cloud = dataclasses.replace(Connection.parse(database), port=port, sslmode="require")
    wanted = dataclasses.replace(task(database, tmp_path), url=cloud.url)
    assert baseline.read(wanted) == {"verified": False}
    assert pauses == []
    with pytest.raises(PostgresError):
        baseline.apply(wanted)
    assert pauses == list(session.PAUSES_SECONDS)


def test_a_look_tells_what_is_there(database: str, tmp_path: Path) -> None:
    """Stamp and record are read from the database, not from what was declared."""
    todo = task(database, tmp_path, one="CREATE TABLE t (id int)")
    assert baseline.read(todo) == {"branch": "", "sqlFiles": [], "verified": True}
    baseline.apply(todo)
    (file,) = todo.sql_files or ()
    found = [{"name": "one.sql", "path": file.path, "sha256": file.sha256}]
    assert baseline.read(todo) == {"branch": "dev", "sqlFiles": found, "verified": True}
    name = Connection.parse(database).database
    ask_nothing(database, f"COMMENT ON DATABASE {name} IS 'infra.branch=main'")
    assert baseline.read(todo)["branch"] == "main"


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"branch": "two words"}, "branch"),
        ({"branch": ""}, "branch"),
        ({"url": "mysql://x:geheim@y/z"}, "url"),
        ({"sqlFiles": [{"name": "a", "path": "a", "sha256": "1"}] * 2}, "sqlFiles"),
    ],
)
def test_wrong_inputs_are_named(properties: dict[str, object], name: str) -> None:
    """Each is refused under its name, without the URL."""
    good = {"url": "postgresql://x:geheim@y/z", "branch": "dev", "sqlFiles": []}
    (failure,) = BaselineProvider().check({}, {**good, **properties}).failures
    assert (failure.property or failure.reason).startswith(name)
    assert "geheim" not in failure.reason


def test_unknown_inputs_are_not_judged() -> None:
    """In a preview the URL is often not known yet."""
    assert BaselineProvider().check({}, {}).failures == []


def test_another_past_is_refused_of_the_same_branch_alone() -> None:
    """A fresh copy in its place has the past of its parent, which only the run can tell."""
    before = {"name": "a.sql", "path": "a.sql", "sha256": "1" * 64}
    inputs = {"url": "postgresql://x:y@z/w", "branch": "pr-7", "branchId": "old", "sqlFiles": [before]}
    edited = {**inputs, "sqlFiles": [{**before, "sha256": "2" * 64}]}
    (failure,) = BaselineProvider().check(inputs, edited).failures
    assert (failure.property, "undo the change" in failure.reason) == ("sqlFiles", True)
    for other in ("new", UNKNOWN):
        assert BaselineProvider().check(inputs, {**edited, "branchId": other}).failures == []


def test_a_bad_branch_is_not_stamped(database: str, tmp_path: Path) -> None:
    """The core refuses it too."""
    with pytest.raises(ConfigurationError):
        baseline.apply(dataclasses.replace(task(database, tmp_path), branch="two words"))
    assert stamped_branch(comment(database)) is None


def test_a_server_that_freezes_in_the_middle_of_a_file_is_not_waited_for(
    running: tuple[ServerSettings, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that is open already ends, too, once the server lets nobody else in either."""
    settings, report = running
    monkeypatch.setattr(libpq, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(session, "CONNECT_TIMEOUT_SECONDS", 2)
    database = url(settings, report.port)
    with ThreadPoolExecutor() as pool:
        applied = pool.submit(baseline.apply, task(database, tmp_path, slow="SELECT 1;\nSELECT pg_sleep(3600)"))
        while not ask(database, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
            assert not applied.done()
        freeze(report.folder)
        with pytest.raises(PostgresError, match=r"slow\.sql was refused at line 2: the server has stopped answering"):
            applied.result(timeout=60)


def test_a_slow_statement_of_a_server_that_is_there_is_waited_for(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the server is asked meanwhile whether it is still there."""
    monkeypatch.setattr(libpq, "SILENCE_SECONDS", 0.1)
    baseline.apply(task(database, tmp_path, slow="CREATE TABLE done AS SELECT 1 FROM pg_sleep(0.7)"))
    assert ask(database, "TABLE done") == [(1,)]


def ask_nothing(database: str, statement: str) -> None:
    """Run a statement without an answer."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(statement.encode())
