"""Where SQL statements end, and which cannot be applied."""

from __future__ import annotations

import pytest

from components.errors import ConfigurationError
from components.postgres.sqltext import split

ROUTINE = """CREATE OR REPLACE FUNCTION add(a int, b int) RETURNS int BEGIN ATOMIC
  SELECT CASE WHEN a > 0 THEN a + b ELSE b END;
  SELECT a + b;
END"""


def texts(sql: str) -> list[str]:
    """The statements' texts."""
    return [statement.text for statement in split("seed.sql", sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        (" -- nothing\n/* at /* all */ ; */ ;;", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT 'a;''b'; SELECT 2", ["SELECT 'a;''b'", "SELECT 2"]),
        (r"SELECT E'\';'; SELECT 2", [r"SELECT E'\';'", "SELECT 2"]),
        (r"SELECT 'a\'; SELECT 2", [r"SELECT 'a\'", "SELECT 2"]),
        ('SELECT 1 AS "a;b"; SELECT 2', ['SELECT 1 AS "a;b"', "SELECT 2"]),
        ("SELECT 1 -- a; b\n; SELECT 2", ["SELECT 1 -- a; b\n", "SELECT 2"]),
        ("DO $$ BEGIN; END $$; SELECT 2", ["DO $$ BEGIN; END $$", "SELECT 2"]),
        ("DO $a$ $$ ; $b$ ; $a$; SELECT 2", ["DO $a$ $$ ; $b$ ; $a$", "SELECT 2"]),
        ("SELECT a$b$c; SELECT 2", ["SELECT a$b$c", "SELECT 2"]),
        ("CREATE RULE r AS ON DELETE TO t DO (SELECT 1; SELECT 2); SELECT 3", None),
        (f"{ROUTINE}; SELECT 2", [ROUTINE, "SELECT 2"]),
        ("SELECT 'never closed; SELECT 2", ["SELECT 'never closed; SELECT 2"]),
        ("DO $$ never closed; SELECT 2", ["DO $$ never closed; SELECT 2"]),
    ],
)
def test_statements_end_where_psql_ends_them(sql: str, expected: list[str] | None) -> None:
    """Quotes, comments, dollar quotes, rules and SQL routines keep their semicolons."""
    found = texts(sql)
    if expected is None:
        expected = [sql.removesuffix("; SELECT 3"), "SELECT 3"]
    assert found == expected


def test_statements_know_their_line() -> None:
    """A statement's line is where its first word stands, not where the one before ended."""
    found = split("seed.sql", "-- one\nSELECT\n1;\n\n/* five */\nSELECT 2;")
    assert [statement.line for statement in found] == [2, 6]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("SELECT 1;\nBEGIN;", "line 2 is BEGIN"),
        ("start transaction;", "line 1 is START TRANSACTION"),
        ("\n\nCOMMIT", "line 3 is COMMIT"),
        ("END;", "line 1 is END"),
        ("ROLLBACK;", "line 1 is ROLLBACK"),
        ("ABORT;", "line 1 is ABORT"),
        ("PREPARE TRANSACTION 'x';", "line 1 is PREPARE TRANSACTION"),
        ("COMMIT PREPARED 'x';", "line 1 is COMMIT"),
        ("\\i other.sql", "line 1 is a psql command"),
        ("SELECT 1;\n\\restrict abc", "line 2 is a psql command"),
        ("COPY t (a, b) FROM stdin;\n1\t2\n", "line 1 is COPY … FROM STDIN"),
    ],
)
def test_what_would_break_the_transaction_is_refused(sql: str, what: str) -> None:
    """Transaction control and psql's own language are named with their line, and with what to do instead."""
    with pytest.raises(ConfigurationError) as caught:
        split("seed.sql", sql)
    assert what in str(caught.value)
    assert "seed.sql" in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize(
    "sql",
    [
        "SAVEPOINT a; ROLLBACK TO a; ROLLBACK TO SAVEPOINT a; RELEASE a",
        "PREPARE plan AS SELECT 1",
        "COPY t FROM '/tmp/file'",
        "SELECT '\\i'",
        "SELECT begin FROM t",
    ],
)
def test_what_only_looks_like_it_is_left_alone(sql: str) -> None:
    """Savepoints, prepared statements and quoted text pass."""
    assert texts(sql)
