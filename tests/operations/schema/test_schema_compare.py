"""What differs between two dumps of a real pg_dump 18, and what of it needs an eye."""

from __future__ import annotations

from pathlib import Path

import pytest

from operations.schema import compare, dump
from operations.schema.compare import Danger, Size

RECORDED = Path(__file__).resolve().parent / "recorded"
BEFORE, AFTER = ((RECORDED / f"{name}.sql").read_text(encoding="utf-8") for name in ("before", "after"))
"""One database, and a copy of it in which each rule is met."""
STRANGE = '"od.d ""x"."ta""b.le\ntwo"'
LARGE = {"public.big": Size(rows=200_000, bytes=1)}


def _entry(kind: str, name: str, sql: str) -> str:
    return f"--\n-- Name: {name}; Type: {kind}; Schema: public; Owner: -\n--\n\n{sql}\n\n\n"


def _table(*columns: str) -> str:
    return _entry("TABLE", "t", "CREATE TABLE public.t (\n    " + ",\n    ".join(columns) + "\n);")


def _compared(before: str, after: str, **sizes: Size) -> tuple[list[compare.Change], list[Danger]]:
    return compare.compare(
        dump.read(before), dump.read(after), {f"public.{name}": size for name, size in sizes.items()}
    )


def test_each_rule_is_met_once_by_what_meets_it() -> None:
    """Of a new default, a wider type and a sequence's column nothing is said."""
    _, dangers = compare.compare(dump.read(BEFORE), dump.read(AFTER), LARGE)
    assert dangers == [
        Danger(rule="table-dropped", table="public.gone"),
        Danger(rule="column-dropped", table="public.orders", name="note"),
        Danger(rule="type-changed", table="public.orders", name="customer", old="integer", new="bigint"),
        Danger(rule="not-null-added", table="public.orders", name="total"),
        Danger(rule="not-null", table="public.orders", name='"per cent"'),
        Danger(rule="index-built", table="public.big", name="big_v", rows=200_000),
    ]


def test_what_differs_is_told_with_the_lines_of_its_sql() -> None:
    """Dropped first; a table by its columns, everything else by its lines; names as SQL has them."""
    changes, _ = compare.compare(dump.read(BEFORE), dump.read(AFTER), {})
    told = {(one.verb, one.kind, one.name): one.lines for one in changes}
    assert [one.verb for one in changes] == sorted((one.verb for one in changes), key=compare.ORDER.get)  # type: ignore[arg-type]  # a verb is one of its keys
    assert told["changed", "TABLE", "public.orders"] == [
        "- customer integer NOT NULL",
        "+ customer bigint NOT NULL",
        "- note text DEFAULT 'a, (b'::text",
        '- "per cent" numeric(10,2)',
        '+ "per cent" numeric(10,2) NOT NULL',
        "- status character varying(20) DEFAULT 'new'::character varying NOT NULL",
        "+ status character varying(40) DEFAULT 'new'::character varying NOT NULL",
        "+ total integer NOT NULL",
    ]
    assert told["changed", "TABLE", STRANGE] == ['+ "new, ""one" text DEFAULT \'a', "+ \\b'::text"]
    assert told["changed", "FUNCTION", "public.toc()"] == [
        "  --",
        "  ",
        "-   return 'x';",
        "+   return 'y';",
        "  end $$;",
    ]
    assert told["added", "INDEX", "public.big_v"] == ["+ CREATE INDEX big_v ON public.big USING btree (v);"]
    assert len(told) == len(changes) == 14


def test_a_comment_in_a_body_begins_no_object() -> None:
    """The function's body has the comment of a table in it, and there is one table of that name."""
    assert [one.name for one in dump.read(BEFORE).entries].count("orders") == 1
    assert BEFORE.count("-- Name: orders; Type: TABLE;") == 2


def test_nothing_differs_from_itself_whatever_the_key() -> None:
    """A dump is begun and ended with a key made anew each time, and says which versions made it."""
    other = BEFORE.replace("KeyOfTheFirstDump", "x").replace("version 18", "version 19")
    assert _compared(BEFORE, other) == ([], [])
    assert _compared("", "") == ([], [])


def test_no_password_is_shown() -> None:
    """Of options and of URLs, changed ones included; that something differs is said."""
    changes, _ = _compared(BEFORE, AFTER)
    dropped, _ = _compared(BEFORE, "")
    shown = "\n".join(line for one in (*changes, *dropped) for line in one.lines)
    assert [word for word in ("s3cret", "p4ss", "n3w", "hunter", "other") if word in shown] == []
    (mapping,) = (one.lines for one in changes if one.kind == "USER MAPPING")
    assert mapping == ["! only what is masked differs"]
    conninfo = "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2' PUBLICATION p;"
    (one,), _ = _compared("", _entry("SUBSCRIPTION", "s", conninfo))
    assert one.lines == ["+ CREATE SUBSCRIPTION s CONNECTION '[secret]' PUBLICATION p;"]


@pytest.mark.parametrize(
    ("old", "new", "rewritten"),
    [
        ("character varying(20)", "character varying(40)", False),
        ("character varying(20)", "text", False),
        ("character varying", "text", False),
        ("text", "character varying(20)", True),
        ("character varying(40)", "character varying(20)", True),
        ("numeric(10,2)", "numeric(12,2)", False),
        ("numeric(10,2)", "numeric", False),
        ("numeric(10,2)", "numeric(12,3)", True),
        ("numeric", "numeric(12,3)", True),
        ("integer", "bigint", True),
        ("timestamp without time zone", "timestamp with time zone", True),
        ('public."Mood DEFAULT x"', "public.mood", True),
    ],
)
def test_a_type_that_only_widens_rewrites_nothing(old: str, new: str, rewritten: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """As Postgres' page on ALTER TABLE says."""
    changes, dangers = _compared(_table(f"a {old}"), _table(f"a {new}"))
    assert len(changes) == 1
    assert dangers == [Danger(rule="type-changed", table="public.t", name="a", old=old, new=new)] * rewritten


@pytest.mark.parametrize(
    ("column", "more", "refused"),
    [
        ("b integer NOT NULL", "", True),
        ("b integer CONSTRAINT named NOT NULL", "", True),
        ("b integer DEFAULT 1 NOT NULL", "", False),
        ("b integer GENERATED ALWAYS AS ((a + 1)) STORED NOT NULL", "", False),
        ("b text DEFAULT ' NOT NULL'::text", "", False),
        ("b boolean DEFAULT (1 IS NOT NULL)", "", False),
        ("b integer", "", False),
        ("b integer NOT NULL", "ALTER TABLE public.t ALTER COLUMN b ADD GENERATED ALWAYS AS IDENTITY (", False),
        ("b integer NOT NULL", "ALTER TABLE ONLY public.t ALTER COLUMN b SET DEFAULT nextval('s'::regclass);", False),
    ],
)
def test_a_new_column_that_old_rows_cannot_have(column: str, more: str, refused: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """NOT NULL without anything that fills it, in a table that was there; in a new one it is nobody's trouble."""
    kind = "SEQUENCE" if "IDENTITY" in more else "DEFAULT"
    after = _table("a integer", column) + (_entry(kind, "t b", more) if more else "")
    assert (
        _compared(_table("a integer"), after)[1]
        == [Danger(rule="not-null-added", table="public.t", name="b")] * refused
    )
    assert _compared("", after)[1] == []


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (Size(rows=99_999, bytes=2**40), False),
        (Size(rows=100_000, bytes=0), True),
        (Size(rows=-1, bytes=2**20), False),
        (Size(rows=-1, bytes=2**26), True),
    ],
)
@pytest.mark.parametrize(
    ("kind", "sql", "name"),
    [
        ("INDEX", "CREATE UNIQUE INDEX i ON public.t USING btree (a);", "i"),
        ("INDEX", "CREATE INDEX i ON ONLY public.t USING btree (a);", "i"),
        ("CONSTRAINT", 'ALTER TABLE ONLY public.t\n    ADD CONSTRAINT "k k" UNIQUE (a);', '"k k"'),
    ],
)
def test_an_index_on_a_large_table(kind: str, sql: str, name: str, size: Size, told: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """By the rows that the planner believes in, and by bytes where nobody has counted."""
    before, after = _table("a integer"), _table("a integer") + _entry(kind, name, sql)
    assert compare.indexed(dump.read(before), dump.read(after)) == ["public.t"]
    expected = [Danger(rule="index-built", table="public.t", name=name, rows=size.rows)]
    assert _compared(before, after, t=size)[1] == expected * told
    assert compare.indexed(dump.read(after), dump.read(after)) == compare.indexed(dump.read(""), dump.read(after)) == []


def test_objects_of_one_name_are_told_apart_by_their_sql() -> None:
    """Operators have no arguments in their names: one more is one that is added, whatever its place."""
    one, two = (_entry("OPERATOR", "+", f"CREATE OPERATOR public.+ (LEFTARG = {kind});") for kind in ("a", "b"))
    (change,), _ = _compared(two, one + two)
    assert (change.verb, change.lines) == ("added", ["+ CREATE OPERATOR public.+ (LEFTARG = a);"])


def test_order_of_columns_and_constraints_of_a_table() -> None:
    """Another order is no difference; a constraint is."""
    first, second = "a integer", "CONSTRAINT c CHECK ((a > 0))"
    assert _compared(_table(first, "b text"), _table("b text", first)) == ([], [])
    (change,), dangers = _compared(_table(first), _table(first, second))
    assert (change.lines, dangers) == ([f"+ {second}"], [])


def test_settings_before_an_object_are_not_the_one_befores() -> None:
    """What pg_dump says about where the next one lies."""
    lies = "SET default_tablespace = '';\n\nSET default_table_access_method = heap;\n\n"
    assert _compared(_table("a integer"), _table("a integer") + lies) == ([], [])
    function = _entry("FUNCTION", "f()", "CREATE FUNCTION f() AS $$\nSET default_x = 1;\n$$;")
    assert len(_compared(function, function.replace("= 1", "= 2"))[0]) == 1


def test_a_long_function_is_not_compared_line_by_line() -> None:
    """Comparing takes time with the square of the lines."""
    long = "\n".join(f"  x := {number};" for number in range(3000))
    before, after = (_entry("FUNCTION", "f()", f"CREATE FUNCTION f() AS $${text}$$;") for text in (long, f"{long}\n"))
    (change,), _ = _compared(before, after)
    assert change.lines == ["- 3000 lines", "+ 3001 lines"]
