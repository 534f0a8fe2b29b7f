"""The app's role and database."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from components.postgres.server import lifecycle
from components.postgres.server.folder import Mark
from components.postgres.server.roles import Facts, identifier, literal, statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.postgres.server.lifecycle import Report
    from components.postgres.server.settings import ServerSettings

NOTHING = Facts(role=False, old_role=False, database=False, old_database=False)


def test_names_and_texts_are_quoted() -> None:
    """Nothing in a name or a text ends its quotes."""
    assert identifier('a"b') == '"a""b"'
    assert literal("a'b\\c") == r" E'a''b\\c'"


def test_a_new_server_gets_role_and_database(settings: ServerSettings) -> None:
    """Both are made, and the database belongs to the role."""
    found = statements(settings, Mark(stack="dev", project=""), NOTHING, "SCRAM")
    assert found[0] == 'CREATE ROLE "app"'
    assert found[1].startswith('ALTER ROLE "app" LOGIN NOSUPERUSER')
    assert found[2:] == ['CREATE DATABASE "app"', 'ALTER DATABASE "app" OWNER TO "app"']


def test_changed_names_rename(settings: ServerSettings) -> None:
    """Role and database of the mark get the new names, so the data follow."""
    mark = Mark(stack="dev", project="", user="before", database="past")
    found = statements(settings, mark, dataclasses.replace(NOTHING, old_role=True, old_database=True), "SCRAM")
    assert found[0] == 'ALTER ROLE "before" RENAME TO "app"'
    assert 'ALTER DATABASE "past" RENAME TO "app"' in found


def test_existing_names_are_used(settings: ServerSettings) -> None:
    """A role that exists keeps what it owns and may use what the one before it owned."""
    mark = Mark(stack="dev", project="", user="before", database="past")
    found = statements(settings, mark, Facts(role=True, old_role=True, database=True, old_database=True), "SCRAM")
    assert 'GRANT "before" TO "app"' in found
    assert not [statement for statement in found if "RENAME" in statement or "CREATE" in statement.split()[0]]


def test_the_role_is_no_superuser(database: str) -> None:
    """It may what the role of an app may on the platform, and owns its database."""
    with psycopg.connect(database) as connection:
        rights = connection.execute(
            "SELECT rolsuper, rolcanlogin, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datlocprovider, datlocale "
            "FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert rights == (False, True, True, True, True, False)
    assert owner == ("app", "UTF8", "b", "C.UTF-8")


def test_text_is_sorted_and_folded_everywhere_alike(database: str) -> None:
    """The built-in locale knows letters beyond ASCII on every machine."""
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT upper('straße é')").fetchone() == ("STRAßE É",)


def test_the_app_may_add_trusted_extensions(database: str) -> None:
    """The owner of the database needs no superuser for them."""
    with psycopg.connect(database) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        connection.execute("CREATE TABLE plain (id int)")


def test_data_follow_new_names(
    running: tuple[ServerSettings, Report], connect: Callable[[], psycopg.Connection]
) -> None:
    """After a change of user and database the same tables are there, owned by the new user."""
    settings, _ = running
    with connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    renamed = dataclasses.replace(settings, user='O"Brien \\ é', database='it\'s; a "name"')
    report = lifecycle.ensure(renamed)
    with psycopg.connect(
        hostaddr="127.0.0.1", port=report.port, user=renamed.user, dbname=renamed.database, password=renamed.password
    ) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        connection.execute("DROP TABLE kept")
        others = connection.execute("SELECT count(*) FROM pg_database WHERE datname = 'app'").fetchone()
    assert others == (0,)


def test_a_dropped_database_comes_back(
    running: tuple[ServerSettings, Report], connect: Callable[[], psycopg.Connection]
) -> None:
    """The declaration holds again after a developer dropped the database."""
    settings, report = running
    with connect() as connection:
        connection.execute("CREATE DATABASE meanwhile")
    with psycopg.connect(
        hostaddr="127.0.0.1",
        port=report.port,
        user="app",
        dbname="meanwhile",
        password=settings.password,
        autocommit=True,
    ) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier("app")))
    assert lifecycle.ensure(settings).running
    with connect() as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("app",)


@pytest.mark.parametrize("user", ["infra_admin", "postgres"])
def test_there_is_no_other_way_in(shared: tuple[ServerSettings, Report], user: str) -> None:
    """The superuser cannot log in, with or without a password."""
    _, report = shared
    for password in ("", "infra_admin", "postgres"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(hostaddr="127.0.0.1", port=report.port, user=user, dbname="postgres", password=password)
