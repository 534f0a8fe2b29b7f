"""A fresh copy is sanitized once, before anybody uses it, on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from components.connection import Connection
from components.errors import RefusedError
from components.postgres.sqlfiles import declare
from components.resource import ProviderError
from components.xata import sanitize
from components.xata.sanitize import SanitizedProvider

if TYPE_CHECKING:
    from pathlib import Path

ID = "b" * 26
SQL = "DELETE FROM people;\nINSERT INTO people VALUES ('nobody');"


@pytest.fixture
def copy(database: str) -> str:
    """A database as a copy has it: with its parent's rows, stamp and mark of another copy."""
    name = Connection.parse(database).database
    ask(database, "CREATE TABLE people AS SELECT 'ada' AS name")
    ask(database, f"COMMENT ON DATABASE {name} IS 'ours\ninfra.branch=staging\ninfra.sanitized={'a' * 26}'")
    return database


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The branches that were removed; this process has made none yet."""
    gone: list[str] = []

    def delete_branch(_client: object, _place: object, branch_id: str, **_more: object) -> bool:
        gone.append(branch_id)
        return True

    monkeypatch.setattr(sanitize, "MADE_HERE", set())
    monkeypatch.setattr(sanitize, "client_for", lambda _api: None)
    monkeypatch.setattr(sanitize, "delete_branch", delete_branch)
    return gone


def ask(database: str, statement: str) -> list[Any]:
    """Run a statement."""
    with psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def inputs(database: str, folder: Path, sql: str, **more: str) -> dict[str, Any]:
    """What a program declares."""
    (folder / "clean.sql").write_text(sql)
    file = declare("clean.sql", folder)
    place = {"organization": "o", "projectId": "p", "branchId": ID, "name": "pr-7"}
    given = {"name": file.name, "path": file.path, "sha256": file.sha256}
    return {**place, "url": database, "file": given, **more}


def test_the_file_is_run_once_with_the_stamp(
    copy: str, tmp_path: Path, removed: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """What the copy had from its parent says nothing about it; another file is for the next copy."""
    provider, news = SanitizedProvider(), inputs(copy, tmp_path, SQL)
    assert provider.check({}, news).failures == []
    made = provider.create(news)
    assert made.outs is not None
    assert (made.id, made.outs["sanitized"]) == (ID, True)
    assert ask(copy, "TABLE people") == [("nobody",)]
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    assert ask(copy, comment) == [(f"ours\ninfra.branch=pr-7\ninfra.sanitized={ID}",)]
    again = provider.create(inputs(copy, tmp_path, "DROP TABLE people"))
    assert (again.outs or {})["sanitized"] is True
    assert ask(copy, "TABLE people") == [("nobody",)]
    assert not provider.diff(ID, made.outs, inputs("postgresql://x:y@z/w", tmp_path, "SELECT 1")).changes
    assert provider.diff(ID, made.outs, {**news, "branchId": "c" * 26}).replaces == ["branchId"]
    assert (removed, capfd.readouterr().err) == ([], "")


def test_a_branch_in_use_is_left_as_it_is(
    copy: str, tmp_path: Path, removed: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Its data are of those who use it; that they are not sanitized is said."""
    name = Connection.parse(copy).database
    ask(copy, f"COMMENT ON DATABASE {name} IS 'infra.branch=pr-7\ninfra.sanitized={'a' * 26}'")
    made = SanitizedProvider().create(inputs(copy, tmp_path, SQL))
    assert (made.outs or {})["sanitized"] is False
    assert ask(copy, "TABLE people") == [("ada",)]
    assert "the branch pr-7 was in use before infra:sanitize was set" in capfd.readouterr().err
    assert removed == []


BAD = f"{SQL}\nSELECT nonsense;"


def test_a_copy_that_cannot_be_sanitized_is_removed_by_the_run_that_made_it(
    copy: str, tmp_path: Path, removed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And by no other: there it is kept, unused, and the next run goes on."""
    news = inputs(copy, tmp_path, BAD)
    with pytest.raises(
        ProviderError, match=r"clean.sql was refused at line 3: .*nonsense.*is kept, and nobody is told"
    ):
        SanitizedProvider().create(news)
    assert removed == []
    assert ask(copy, "TABLE people") == [("ada",)]
    monkeypatch.setattr(sanitize, "MADE_HERE", {ID})
    with pytest.raises(ProviderError, match=r"refused at line 3: .*a copy that is not sanitized, was removed again"):
        SanitizedProvider().create(news)
    assert removed == [ID]

    def refuse(*_arguments: object, **_more: object) -> bool:
        raise RefusedError("it has children")

    monkeypatch.setattr(sanitize, "delete_branch", refuse)
    with pytest.raises(ProviderError, match=r"could not be removed: it has children"):
        SanitizedProvider().create(news)
    assert (SanitizedProvider().create(inputs(copy, tmp_path, SQL)).outs or {})["sanitized"] is True


def test_what_only_the_commit_would_refuse_is_the_files_failure(
    copy: str, tmp_path: Path, removed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A constraint that is deferred, for one: the copy goes as with any other statement."""
    monkeypatch.setattr(sanitize, "MADE_HERE", {ID})
    ask(copy, "CREATE TABLE once (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    twice = "INSERT INTO once VALUES (1);\nINSERT INTO once VALUES (1);"
    with pytest.raises(ProviderError, match=r"refused at line 2: duplicate key .* was removed again"):
        SanitizedProvider().create(inputs(copy, tmp_path, twice))
    assert (removed, ask(copy, "TABLE once")) == ([ID], [])


def test_a_lost_session_removes_nothing(
    copy: str, tmp_path: Path, removed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says nothing about the file: the next run tries again."""
    monkeypatch.setattr(sanitize, "MADE_HERE", {ID})
    with pytest.raises(ProviderError, match="terminating connection"):
        SanitizedProvider().create(inputs(copy, tmp_path, "SELECT pg_terminate_backend(pg_backend_pid())"))
    assert removed == []
    assert (SanitizedProvider().create(inputs(copy, tmp_path, SQL)).outs or {})["sanitized"] is True
