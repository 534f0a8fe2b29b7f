"""Branches as databases of one real Postgres."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors, sql

from cloud_sandbox.errors import DatabaseError
from cloud_sandbox.xata.databases import role_of
from cloud_sandbox.xata.postgres import BranchDatabases, Manager

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Branches


def fill(session: psycopg.Connection[Any], *numbers: int) -> None:
    """Put rows into the test's table."""
    session.execute("CREATE TABLE IF NOT EXISTS made (number integer)")
    session.cursor().executemany("INSERT INTO made VALUES (%s)", [(number,) for number in numbers])


def rows(session: psycopg.Connection[Any]) -> list[int]:
    """The rows of the test's table."""
    return [number for (number,) in session.execute("SELECT number FROM made ORDER BY number")]


def comment(session: psycopg.Connection[Any]) -> str | None:
    """The comment on the session's database."""
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    found = session.execute(query).fetchone()
    assert found
    text: str | None = found[0]
    return text


def stamp(session: psycopg.Connection[Any], text: str) -> None:
    """Comment on the session's database, as the identity stamp does."""
    name = sql.Identifier(session.info.dbname)
    session.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(text)))


def test_whoever_logs_in_is_the_owner(branches: Branches) -> None:
    """A session acts as `xata`, owns what is there, may write into `public` and comment on the database."""
    with branches.connect(branches.create()) as session:
        assert session.execute("SELECT current_user").fetchone() == ("xata",)
        fill(session, 1)
        stamp(session, "it's 100% ours")
        assert comment(session) == "it's 100% ours"
        owners = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        assert session.execute(owners).fetchone() == ("xata",)


@pytest.mark.parametrize("reset", ["DISCARD ALL", "RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL"])
def test_a_session_stays_the_owner_when_a_pool_resets_it(branches: Branches, reset: str) -> None:
    """What poolers send between two clients does not take the owner's rights."""
    with branches.connect(branches.create()) as session:
        session.execute(reset)
        assert session.execute("SELECT current_user").fetchone() == ("xata",)


def test_a_child_has_what_its_parent_had(branches: Branches) -> None:
    """Rows, comment and settings at the time of the branch are in the child, later ones are not, and none go back."""
    parent = branches.create()
    with branches.connect(parent) as session:
        fill(session, 1)
        stamp(session, "of the parent")
        database = sql.Identifier(parent)
        session.execute(sql.SQL("ALTER DATABASE {} SET search_path = 'a b', public").format(database))
        session.execute(sql.SQL("ALTER DATABASE {} SET statement_timeout = '99s'").format(database))
    child = branches.create(parent)
    with branches.connect(parent) as above, branches.connect(child) as below:
        assert comment(below) == "of the parent"
        assert below.execute("SHOW search_path").fetchone() == ('"a b", public',)
        assert below.execute("SHOW statement_timeout").fetchone() == ("99s",)
        fill(above, 2)
        fill(below, 3)
        stamp(below, "of the child")
        assert (rows(above), rows(below)) == ([1, 2], [1, 3])
        assert (comment(above), comment(below)) == ("of the parent", "of the child")


def test_children_of_one_parent_can_be_made_at_once(branches: Branches) -> None:
    """Five at a time, from a parent that is in use."""
    parent = branches.create()
    with branches.connect(parent) as session:
        fill(session, 1)
        with ThreadPoolExecutor(5) as pool:
            children = list(pool.map(branches.create, [parent] * 5))
    for child in children:
        with branches.connect(child) as session:
            assert rows(session) == [1]


def test_a_copy_does_not_need_cloning(branches: Branches) -> None:
    """Where the file system cannot clone, the data are copied through the log."""
    parent = branches.create()
    with branches.connect(parent) as session:
        fill(session, 1)
    branches.databases._clones = False
    with branches.connect(branches.create(parent)) as session:
        assert rows(session) == [1]


def test_a_running_transaction_may_end_before_the_copy(branches: Branches) -> None:
    """The parent's transaction commits in its time of grace, and the child has its rows."""
    parent = branches.create()
    patient = BranchDatabases(branches.manager, holds=branches.holds, grace_seconds=30)
    child = branches.new_id()
    branches.passwords[child] = "secret"
    with branches.connect(parent) as session, ThreadPoolExecutor(1) as pool:
        session.execute("CREATE TABLE made (number integer)")
        session.execute("BEGIN")
        session.execute("INSERT INTO made VALUES (1)")
        making = pool.submit(patient.create, child, parent_id=parent, password="secret")
        while not branches.holds.held(parent):
            assert not making.done()
            session.execute("SELECT pg_sleep(0.01)")
        session.execute("COMMIT")
        making.result(60)
    assert not branches.holds.held(parent)
    with branches.connect(child) as session:
        assert rows(session) == [1]


def test_sessions_of_the_parent_end_for_the_copy(branches: Branches) -> None:
    """Postgres copies no database in use, so whoever is in the parent is told to come back."""
    parent = branches.create()
    with branches.connect(parent) as session:
        session.execute("BEGIN")
        branches.create(parent)
        with pytest.raises(errors.AdminShutdown):
            session.execute("SELECT 1")


def test_an_autovacuum_worker_does_not_keep_a_branch(branches: Branches, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may end it but a plain drop, as Postgres says when it is told to end everybody."""
    branch, execute = branches.create(), psycopg.Connection.execute
    refused: list[Any] = []

    def denied(session: psycopg.Connection[Any], query: Any, *more: Any) -> Any:
        if "FORCE" in str(query) and not refused:
            refused.append(query)
            raise errors.InsufficientPrivilege
        return execute(session, query, *more)

    monkeypatch.setattr(psycopg.Connection, "execute", denied)
    branches.databases.drop(branch)
    monkeypatch.undo()
    assert refused
    with pytest.raises(psycopg.OperationalError):
        branches.connect(branch)


def test_no_log_in_of_one_branch_is_let_into_another(branches: Branches) -> None:
    """Neither into a parent nor into a child nor into a sister."""
    parent = branches.create()
    child, sister = branches.create(parent), branches.create(parent)
    for branch, database in ((child, parent), (parent, child), (child, sister)):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            branches.connect(branch, database=database)


def test_only_the_branches_own_password_lets_in(branches: Branches) -> None:
    """A child does not inherit its parent's password."""
    parent = branches.create()
    child = branches.create(parent)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        branches.connect(child, password=branches.passwords[parent])


def test_a_new_password_replaces_the_old_one(branches: Branches) -> None:
    """The old one is refused, the new one let in, and a session that is open stays."""
    branch = branches.create()
    with branches.connect(branch) as open_before:
        branches.databases.set_password(branch, "n3w")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            branches.connect(branch)
        with branches.connect(branch, password="n3w") as session:
            assert session.execute("SELECT 1").fetchone() == (1,)
        assert open_before.execute("SELECT 1").fetchone() == (1,)


def test_postgres_never_sees_a_password(branches: Branches, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements carry the verifier alone."""
    statements: list[str] = []
    execute = psycopg.Connection.execute

    def noted(self: psycopg.Connection[Any], query: Any, *others: Any, **named: Any) -> Any:
        statements.append(query if isinstance(query, str) else query.as_string(self))
        return execute(self, query, *others, **named)

    monkeypatch.setattr(psycopg.Connection, "execute", noted)
    branch = branches.create()
    branches.databases.set_password(branch, "very-secret")
    sent = "\n".join(statements)
    assert "SCRAM-SHA-256$" in sent
    assert "very-secret" not in sent
    assert branches.passwords[branch] not in sent


def test_making_a_branch_again_begins_anew(branches: Branches) -> None:
    """What a cut-off run left is removed: here the role without a database, then the whole branch."""
    parent = branches.create()
    branch = branches.new_id()
    branches.passwords[branch] = "second"
    with branches.manager.connected() as session:
        session.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role_of(branch))))
    for password in ("first", "second"):
        branches.databases.create(branch, parent_id=parent, password=password)
    with branches.connect(branch) as session:
        assert session.execute("SELECT current_user").fetchone() == ("xata",)


def test_a_branch_that_is_being_made_lets_nobody_in(branches: Branches, monkeypatch: pytest.MonkeyPatch) -> None:
    """A creation that is cut off before the rights are set leaves no open door."""
    branch, other = branches.new_id(), branches.create()
    branches.passwords[branch] = "secret"
    monkeypatch.setattr("cloud_sandbox.xata.postgres._let_in", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        branches.databases.create(branch, parent_id=None, password="secret")
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        branches.connect(other, database=branch)


def test_a_branch_can_be_dropped_in_use_and_twice(branches: Branches) -> None:
    """Its sessions end, its role goes, children stay, and dropping what is gone is no error."""
    parent = branches.create()
    child = branches.create(parent)
    with branches.connect(parent) as session:
        branches.databases.drop(parent)
        with pytest.raises(errors.AdminShutdown):
            session.execute("SELECT 1")
    branches.databases.drop(parent)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        branches.connect(parent)
    with branches.connect(child) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_the_sessions_of_a_branch_that_falls_asleep_end(branches: Branches) -> None:
    """They are told so as by a server that shuts down, and new ones get in."""
    branch = branches.create()
    with branches.connect(branch) as session:
        branches.databases.end_sessions(branch)
        with pytest.raises(errors.AdminShutdown):
            session.execute("SELECT 1")
    with branches.connect(branch) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("name", ["sandbox", "postgres", "template1", "", "a" * 25, "1" * 26, 'x"; DROP ROLE xata; --'])
def test_only_ids_of_branches_are_touched(branches: Branches, name: str) -> None:
    """A name that is no branch's id is refused before Postgres hears of it."""
    calls: tuple[Callable[[], None], ...] = (
        lambda: branches.databases.create(name, parent_id=None, password="x"),
        lambda: branches.databases.drop(name),
        lambda: branches.databases.set_password(name, "x"),
        lambda: branches.databases.end_sessions(name),
    )
    for call in calls:
        with pytest.raises(DatabaseError, match="is not the id of a branch"):
            call()


def test_an_account_without_the_rights_is_told_which(branches: Branches) -> None:
    """The manager's account is looked at before anything is made."""
    branches.databases.check()
    branch = branches.create()
    account = Manager(
        host="127.0.0.1",
        port=branches.manager.port,
        user=role_of(branch),
        password=branches.passwords[branch],
        database=branch,
    )
    with pytest.raises(DatabaseError, match="may not make databases and roles"):
        BranchDatabases(account, holds=branches.holds).check()


def test_a_postgres_that_is_gone_is_an_error_without_secrets(branches: Branches) -> None:
    """The error names the place and not the password."""
    gone = Manager(host="127.0.0.1", port=1, user="sandbox", database="sandbox", password="very-secret")
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:1: it does not answer") as caught:
        BranchDatabases(gone, holds=branches.holds).drop(branches.new_id())
    assert "very-secret" not in str(caught.value) + repr(gone)
