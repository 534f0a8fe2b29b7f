"""The app's own logins, on a real Postgres 18 whose owner has CREATEROLE and is no superuser."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
from pathlib import Path
from typing import Any

import psycopg
import pytest

from components.connection import Connection
from components.errors import ConfigurationError, PostgresError, RefusedError
from components.fingerprint import fingerprint
from components.postgres import app_login, app_role, baseline
from components.postgres.app_login import (
    AppLoginInputs,
    AppLoginProvider,
    AppLoginState,
    AppRightsInputs,
    AppRightsProvider,
    AppSpareInputs,
    AppSpareProvider,
)
from components.postgres.app_role import Login, Look
from components.postgres.server import lifecycle
from components.postgres.sqlfiles import digest
from components.xata.sanitize import SanitizedInputs, SanitizedProvider
from tests.components.postgres.conftest import copy_server, halt, make_settings, url

BRANCH = "cr1k0example0branch0id0abc"
CHILD = "an0other0branch0id0xyz00001"


@pytest.fixture
def app() -> str:
    """An app's name that no other test has: roles are the whole server's."""
    return f"shop_{secrets.token_hex(3)}"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks take a moment."""
    monkeypatch.setattr(app_login, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(app_login, "LIMIT_SECONDS", 3)


def logins(owner: str, app: str, **more: Any) -> AppLoginInputs:
    """A declaration of the app's logins."""
    return AppLoginInputs(owner_url=owner, app=app, branch_id=BRANCH, **more)


def made(owner: str, app: str, **more: Any) -> AppLoginState:
    """The app's logins, made."""
    return AppLoginProvider().create_resource(logins(owner, app, **more))[1]


def give(owner: str, login: AppLoginState, mode: str, **more: Any) -> None:
    """Have these rights hold."""
    told = {"ownerUrl": owner, "app": login.app, "mode": mode, "members": [login.user, login.spare], **more}
    inputs = AppRightsInputs.of(told)
    AppRightsProvider().create_resource(inputs)


def retire(owner: str, login: AppLoginState, **more: Any) -> bool:
    """Shut the other login off; whether that was done."""
    inputs = AppSpareInputs(owner_url=owner, active=login.user, spare=login.spare, **more)
    return AppSpareProvider().create_resource(inputs)[1].shut


def asked(where: str, *statements: str) -> list[tuple[Any, ...]]:
    """The last statement's rows, in a session of its own."""
    with psycopg.connect(where, autocommit=True) as session:
        for statement in statements:
            found = session.execute(statement.encode())
        return found.fetchall() if found.description else []


def refused(where: str, statement: str) -> str:
    """Why the server does not do it."""
    with psycopg.connect(where, autocommit=True) as session, pytest.raises(psycopg.Error) as caught:
        session.execute(statement.encode())
    return str(caught.value.diag.message_primary)


def lets_in(where: str) -> bool:
    """Whether the server lets this login in."""
    try:
        psycopg.connect(where, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def test_the_names_tell_the_branch() -> None:
    """They fit into Postgres' 63 bytes, and two branches' are not the same."""
    names = app_role.logins("a" * 50, BRANCH)
    assert names == (f"{'a' * 40}_h0id0abc_a", f"{'a' * 40}_h0id0abc_b")
    assert max(map(len, names)) < 63
    assert app_role.logins("shop", "x" * 26) != app_role.logins("shop", "y" * 26)


def test_only_a_login_that_nobody_has_gets_a_new_password() -> None:
    """Neither the one in use nor one that can still log in, as a change that was cut off left it."""
    one, other = (Login(name=name, exists=True, may_log_in=False) for name in ("a", "b"))
    opened = dataclasses.replace(other, may_log_in=True)
    assert app_role.spare_of([one, other], "") == one
    assert app_role.spare_of([one, other], "a") == other
    assert app_role.spare_of([one, opened], "b") == one
    assert app_role.spare_of([one, opened], "a") is None


def test_a_login_is_idle_once_it_was_quiet_and_the_worker_has_the_new_one() -> None:
    """A Worker that answers and was never seen with the new login may have the old one."""
    quiet, busy = (Look(active=False, spare=spare, answered=False) for spare in (False, True))
    used = Look(active=True, spare=False, answered=True)
    answered = Look(active=False, spare=False, answered=True)
    many = app_role.QUIET_LOOKS
    assert app_role.is_idle([quiet] * many)
    assert not app_role.is_idle([quiet] * (many - 1))
    assert not app_role.is_idle([*[quiet] * many, busy])
    assert app_role.is_idle([busy, *[used] * many])
    assert not app_role.is_idle([answered] * many)


def test_two_logins_are_made_and_one_of_them_lets_in(database: str, app: str) -> None:
    """The first is in use; the second has no password, and no statement held the first one's."""
    login = made(database, app)
    assert (login.user, login.spare) == app_role.logins(app, BRANCH)
    assert asked(login.url, "SELECT current_user") == [(login.user,)]
    assert Connection.parse(login.url).password == login.password
    assert not lets_in(login.url.replace(login.user, login.spare))
    assert login.since
    assert login.password not in repr(login)


@pytest.mark.parametrize("how", ["rotation", "fingerprint"])
def test_a_new_password_leaves_the_old_one_valid_until_that_is_shut_off(database: str, app: str, how: str) -> None:
    """They take turns, and a session that is open until then is ended."""
    first = made(database, app)
    told = {"rotation": "2026-Q4"} if how == "rotation" else {"instead_of_password": fingerprint(first.password)}
    second = AppLoginProvider().update_resource("", first, logins(database, app, **told))
    assert (second.user, second.spare) == (first.spare, first.user)
    assert lets_in(first.url)
    assert lets_in(second.url)
    with psycopg.connect(first.url, autocommit=True) as session:
        assert retire(database, second)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    assert (lets_in(first.url), lets_in(second.url)) == (False, True)
    third = AppLoginProvider().update_resource("", second, logins(database, app, rotation="again"))
    assert third.user == first.user
    assert third.password not in {first.password, second.password}


def test_a_change_that_was_cut_off_is_completed_before_the_next_one(
    database: str, app: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The app may still have the other login: its password stays what it is."""
    first = made(database, app)
    second = AppLoginProvider().update_resource("", first, logins(database, app, rotation="1"))
    third = AppLoginProvider().update_resource("", second, logins(database, app, rotation="2"))
    assert (third.user, third.password, third.rotation) == (second.user, second.password, "2")
    assert "completed first" in capsys.readouterr().err
    assert lets_in(first.url)


class Killed(BaseException):
    """The run ends here, and the sessions that it had with it."""


@dataclasses.dataclass
class Told:
    """What an engine has recorded, and the URL that the Worker has."""

    login: AppLoginState
    url: str
    shut: str = ""

    def up(self, owner: str, rotation: str) -> None:
        """What a run does, in the order of the resources."""
        if self.login.rotation != rotation:
            new = logins(owner, self.login.app, rotation=rotation)
            self.login = AppLoginProvider().update_resource("", self.login, new)
        self.url = self.login.url
        if self.shut != self.login.spare and retire(owner, self.login):
            self.shut = self.login.spare


STATEMENTS = 31
"""Of a change from its first session to its last; ten of them watch the other login."""


@pytest.mark.parametrize("number", range(1, STATEMENTS + 1))
def test_a_change_that_is_killed_at_any_statement_keeps_the_app_in_and_is_made(
    database: str, app: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Before each of them, one after the other: whatever the Worker has lets it in, and the next run does the rest."""
    first = made(database, app)
    told, left = Told(login=first, url=first.url), number
    told.up(database, "")
    execute = psycopg.Connection.execute

    def counted(session: psycopg.Connection, *words: Any, **more: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            session.close()
            raise Killed
        return execute(session, *words, **more)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "execute", counted)
        with contextlib.suppress(Killed):
            told.up(database, "1")
    assert lets_in(told.url)
    told.up(database, "1")
    assert lets_in(told.url)
    assert Connection.parse(told.url).password != first.password
    spare = dataclasses.replace(Connection.parse(told.url), user=told.login.spare, password=first.password)
    assert not lets_in(spare.url)
    assert told.shut == told.login.spare


def test_a_run_killed_before_it_recorded_anything_makes_them_again(database: str, app: str) -> None:
    """However often: nobody was told of those that are lost."""
    for _ in range(3):
        login = made(database, app)
        assert lets_in(login.url)
    assert retire(database, login)
    assert not lets_in(login.url.replace(login.user, login.spare))


def test_what_the_owner_has_by_now_is_recorded_and_changes_nothing(database: str, app: str) -> None:
    """Another address or password of the owner's leaves login and password as they are."""
    first = made(database, app)
    elsewhere = dataclasses.replace(Connection.parse(database), host="localhost", password="other").url
    second = AppLoginProvider().update_resource("", first, logins(elsewhere, app))
    assert (second.user, second.password, second.since) == (first.user, first.password, first.since)
    assert Connection.parse(second.url).host == "localhost"


def test_both_are_shut_off_when_the_app_has_its_owners_login_again(database: str, app: str) -> None:
    """And a database that is not there any more is none to be shut off."""
    login = made(database, app)
    AppLoginProvider().delete_resource("", login)
    assert not lets_in(login.url)
    lost = dataclasses.replace(login, owner_url=dataclasses.replace(Connection.parse(database), port=1).url)
    AppLoginProvider().delete_resource("", lost)


def test_readwrite_is_all_data_and_no_schema(database: str, app: str) -> None:
    """Present and future tables of all schemas, their sequences too; nothing of ours, and no DDL."""
    asked(database, "CREATE TABLE one (id serial PRIMARY KEY)", "CREATE SCHEMA deep", "CREATE TABLE deep.two (id int)")
    asked(database, "CREATE SCHEMA infra", "CREATE TABLE infra.applied_sql (name text)")
    login = made(database, app)
    give(database, login, "readwrite")
    asked(database, "CREATE SCHEMA later", "CREATE TABLE later.three (id bigserial)")
    for table in ("one", "later.three"):
        for statement in ("INSERT INTO {} DEFAULT VALUES", "UPDATE {} SET id = id", "DELETE FROM {}"):
            asked(login.url, statement.format(table))
    asked(login.url, "INSERT INTO deep.two VALUES (1)")
    assert "permission denied" in refused(login.url, "CREATE TABLE mine (id int)")
    assert "must be owner" in refused(login.url, "ALTER TABLE one ADD COLUMN more int")
    assert "permission denied" in refused(login.url, "SELECT * FROM infra.applied_sql")


def test_readonly_takes_no_writes_and_another_mode_takes_back_what_was_given(database: str, app: str) -> None:
    """From readwrite to readonly, for present and future tables."""
    asked(database, "CREATE TABLE one (id serial PRIMARY KEY)")
    login = made(database, app)
    give(database, login, "readwrite")
    asked(login.url, "INSERT INTO one DEFAULT VALUES")
    give(database, login, "readonly")
    asked(database, "CREATE TABLE two (id int)")
    assert asked(login.url, "SELECT count(*) FROM one, two") == [(0,)]
    for statement in ("DELETE FROM one", "DELETE FROM two"):
        assert "permission denied" in refused(login.url, statement)


def test_the_owners_app_changes_what_there_is_and_so_does_the_owner(database: str, app: str) -> None:
    """Tables, views, sequences, routines and types are its own; what it makes is the owner's to change as well."""
    asked(
        database,
        "CREATE TYPE mood AS ENUM ('good')",
        "CREATE TABLE one (id serial PRIMARY KEY, mood mood)",
        "CREATE VIEW seen AS SELECT * FROM one",
        "CREATE SCHEMA deep",
        "CREATE TABLE deep.two (id int GENERATED ALWAYS AS IDENTITY)",
        "CREATE FUNCTION three() RETURNS int LANGUAGE sql AS 'SELECT 3'",
        "CREATE SEQUENCE four",
        "CREATE EXTENSION pg_trgm",
    )
    login = made(database, app)
    for _ in range(2):
        give(database, login, "owner")
    asked(
        login.url,
        "ALTER TYPE mood ADD VALUE 'bad'",
        "ALTER TABLE one ADD COLUMN more int",
        "DROP VIEW seen",
        "ALTER TABLE deep.two ADD COLUMN more int",
        "CREATE OR REPLACE FUNCTION three() RETURNS int LANGUAGE sql AS 'SELECT 4'",
        "ALTER SEQUENCE four RESTART WITH 44",
        "CREATE TABLE five (id int)",
        "CREATE SCHEMA own",
        "CREATE TABLE own.six (id int)",
        "DISCARD ALL",
        "CREATE TABLE seven (id int)",
    )
    asked(
        database, "ALTER TABLE five ADD COLUMN more int", "ALTER TABLE own.six ADD COLUMN more int", "DROP TABLE seven"
    )


def test_from_the_owner_to_readwrite_and_back_no_data_are_lost(database: str, app: str) -> None:
    """What the owner's app made is written to by the other one, which cannot change it."""
    login = made(database, app)
    give(database, login, "owner")
    asked(login.url, "CREATE TABLE one (id int)", "INSERT INTO one VALUES (1)")
    give(database, login, "readwrite")
    asked(login.url, "INSERT INTO one VALUES (2)")
    assert "must be owner" in refused(login.url, "DROP TABLE one")
    give(database, login, "owner")
    assert asked(login.url, "ALTER TABLE one ADD COLUMN more int", "SELECT id FROM one ORDER BY id") == [(1,), (2,)]


def test_a_file_of_grants_is_what_holds(database: str, app: str, tmp_path: Path) -> None:
    """What leaves the file is taken back; a table that is not there is named with its line."""
    asked(database, "CREATE TABLE one (id int)", "CREATE TABLE two (id int)")
    login, file = made(database, app), tmp_path / "grants.sql"

    def grant(text: str) -> None:
        file.write_text(text)
        entry = {"name": "grants.sql", "path": str(file), "sha256": digest(text)}
        give(database, login, "grants", file=entry)

    grant(f"GRANT SELECT ON one, two TO {app}_grants;\n")
    asked(login.url, "SELECT * FROM one", "SELECT * FROM two")
    grant(f"-- less\nGRANT SELECT ON one TO {app}_grants;\n")
    asked(login.url, "SELECT * FROM one")
    assert "permission denied" in refused(login.url, "SELECT * FROM two")
    with pytest.raises(PostgresError, match=r"grants.sql was refused at line 2: .*three"):
        grant(f"\nGRANT SELECT ON three TO {app}_grants;\n")
    asked(login.url, "SELECT * FROM one")


@pytest.mark.parametrize("text", ["DROP TABLE one", "SELECT 1", "ALTER TABLE one ADD COLUMN two int"])
def test_a_file_of_grants_holds_nothing_else(text: str) -> None:
    """What it says otherwise is named with its line."""
    with pytest.raises(ConfigurationError, match=r"line 2 is .*allowed: GRANT"):
        app_role.grants_of("grants.sql", f"\n{text};")
    assert len(app_role.grants_of("g.sql", "GRANT a TO b; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO b;")) == 2


def test_a_role_of_rights_that_owns_something_is_not_emptied(database: str, app: str) -> None:
    """Emptying it would delete that."""
    login = made(database, app)
    give(database, login, "readwrite")
    role = app_role.rights_role(app, "readwrite")
    asked(database, f"GRANT {role} TO CURRENT_USER WITH SET TRUE", "CREATE TABLE one (id int)")
    asked(database, f"GRANT CREATE ON SCHEMA public TO {role}", f"ALTER TABLE one OWNER TO {role}")
    with pytest.raises(RefusedError, match="owns something"):
        give(database, login, "readwrite")
    assert asked(database, "SELECT count(*) FROM one") == [(0,)]


def test_an_owner_that_may_not_make_roles_is_told_before_anything_changes(database: str, app: str) -> None:
    """In the plan and by `up`: the setting is to be left out, and nothing is made."""
    login = made(database, app)
    give(database, login, "owner")
    poor = f"poor_{app}"
    asked(database, f"CREATE ROLE {poor} LOGIN PASSWORD 'x'")
    where = dataclasses.replace(Connection.parse(database), user=poor, password="x").url
    with pytest.raises(RefusedError, match=f"{poor} may not make roles"):
        made(where, f"other_{app}")
    planned = AppLoginProvider().check({}, logins(where, f"other_{app}").properties())
    (told,) = planned.failures
    assert f"{poor} may not make roles" in told.reason
    assert "leave infra:appRole out" in told.reason
    names = {name for (name,) in asked(database, "SELECT rolname FROM pg_roles")}
    assert not {name for name in names if name.startswith(f"other_{app}")}


def test_a_login_that_somebody_else_made_is_refused_and_nothing_is_half_done(database: str, app: str) -> None:
    """Who may make roles may not change everybody's: the server's own words, and no password is another one."""
    login, helper = made(database, app), f"helper_{app}"
    asked(database, f"CREATE ROLE {helper} LOGIN CREATEROLE PASSWORD 'x'")
    theirs = dataclasses.replace(Connection.parse(database), user=helper, password="x").url
    with pytest.raises(RefusedError, match=f"does not let {helper} set up the app's role: permission denied"):
        made(theirs, app)
    assert lets_in(login.url)
    assert not lets_in(login.url.replace(login.user, login.spare))


@pytest.fixture
def copied(place: Path, template: Path) -> tuple[str, Path]:
    """The owner's URL of a server of the test's own, and a folder for a copy of it."""
    settings = make_settings(place)
    (place / "clone").mkdir()
    copy_server(template, settings)
    report = lifecycle.ensure(settings)
    return url(settings, report.port), place


NOBODY_ELSE = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolcanlogin AND rolname ~ '_[ab]$') THEN
        RAISE 'somebody else may log in';
    END IF;
END $$
"""
"""What an SQL file sees of its own environment, while it takes personal data out."""


def _sanitize(childs: str, folder: Path) -> None:
    file = folder / "clean.sql"
    file.write_text(NOBODY_ELSE)
    told = {"name": file.name, "path": str(file), "sha256": digest(NOBODY_ELSE)}
    place = {"organization": "sand01", "projectId": "prj_one", "branchId": CHILD}
    SanitizedProvider().create_resource(SanitizedInputs.of({**place, "name": "pr-7", "url": childs, "file": told}))


@pytest.mark.parametrize("sanitized", [False, True])
def test_a_copy_of_a_branch_lets_nobody_of_its_parent_in(
    copied: tuple[str, Path],
    app: str,
    sanitized: bool,  # noqa: FBT001 - drawn by name
) -> None:
    """A copy of the whole cluster carries roles and passwords: tried before, and refused after the first step."""
    parents, place = copied
    parent = made(parents, app)
    other = AppLoginProvider().update_resource("", parent, logins(parents, app, rotation="1"))
    halt(Path(make_settings(place).data_folder))
    second = place / "second"
    (second / "clone").mkdir(parents=True)
    second.chmod(0o755)
    settings = make_settings(second)
    copy_server(Path(make_settings(place).data_folder), settings)
    childs = url(settings, lifecycle.ensure(settings).port)
    port = str(Connection.parse(childs).port)
    carried = [dataclasses.replace(Connection.parse(one.url), port=int(port)).url for one in (parent, other)]
    assert [lets_in(one) for one in carried] == [True, True]
    with psycopg.connect(carried[0], autocommit=True) as session:
        if sanitized:
            _sanitize(childs, place)
        baseline.apply(baseline.BaselineTask(url=childs, branch="pr-7", branch_id=CHILD))
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    assert [lets_in(one) for one in carried] == [False, False]
    child = AppLoginProvider().create_resource(AppLoginInputs(owner_url=childs, app=app, branch_id=CHILD))[1]
    assert lets_in(child.url)
    baseline.apply(baseline.BaselineTask(url=childs, branch="pr-7", branch_id=CHILD))
    assert lets_in(child.url)
    assert [lets_in(one) for one in carried] == [False, False]
