"""The text of `pg_dump --schema-only`, taken apart by the comment that pg_dump puts before each object. Pure.

Source of the comment's form: `_printTocEntry` in PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c. Names in it have no
line ends; so what needs an exact name takes it from the statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_QUOTED: Final = r"""(?<![\w$])[eE]'(?:[^'\\]++|\\.|'')*+'|'[^']*+(?:''[^']*+)*+'|"[^"]*+(?:""[^"]*+)*+\""""
_IDENTIFIER: Final = r'(?:"(?:[^"]|"")*"|[\w$]+)'
QUALIFIED: Final = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})?"
"""A name with its schema, as SQL has it."""

_EDGES: Final = re.compile(
    rf"""
    ^--\n--\ Name:\ (?P<name>.*);\ Type:\ (?P<kind>.*);\ Schema:\ (?P<schema>.*);\ Owner:\ .*\n--\n
  | (?P<end>^--\n--\ PostgreSQL\ database\ dump\ complete\n--\n)
  | --[^\n]*
  | (?<![\w$])(?P<dollar>\$(?:[^\W\d]\w*)?\$)[\s\S]*?(?P=dollar)
  | {_QUOTED}
    """,
    re.VERBOSE | re.MULTILINE,
)
"""The comment before an object, and all in which something may only look like one."""
_SETTINGS: Final = re.compile(r"(?:\s*^SET default_[a-z_]+ = [^\n]*;$)+\s*\Z", re.MULTILINE)
"""What pg_dump says before an object about where it lies, which is at the end of the object before."""
_TABLE: Final = re.compile(rf"CREATE (?:UNLOGGED |FOREIGN )*TABLE (?P<name>{QUALIFIED})(?P<typed> OF {QUALIFIED})?")
_MARKS: Final = re.compile(rf"{_QUOTED}|[(),]")
_COLUMN: Final = re.compile(
    rf"(?P<name>{_IDENTIFIER}) (?P<type>(?:\"(?:[^\"]|\"\")*\"|[^\"])*?)"
    r"(?P<more>(?: (?:DEFAULT|GENERATED|NOT NULL|CONSTRAINT|COLLATE|OPTIONS)\b[\s\S]*)?)"
)
"""A column in CREATE TABLE: its type's own words are small letters, or quoted."""
_FILLED: Final = re.compile(
    rf"ALTER TABLE (?:ONLY )?(?P<table>{QUALIFIED}) ALTER COLUMN (?P<column>{_IDENTIFIER}) "
    r"(?:SET DEFAULT|ADD GENERATED)"
)
TABLES: Final = frozenset({"TABLE", "FOREIGN TABLE"})


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: its SQL in full, and what of it is asked about."""

    sql: str
    type: str
    not_null: bool
    filled: bool
    """Whether the statement itself says what a row gets that says nothing."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One object of a dump.

    Attributes:
        kind: What pg_dump calls its type, such as TABLE or FK CONSTRAINT.
        schema: The schema that it lies in; `-` for none.
        name: Its name as pg_dump tells it: no line ends, and of what belongs to a table that one first.
        sql: Its statements.
        table: Its name as SQL has it, with its schema, where it is a table with columns; else empty.
        columns: Its columns by their names as SQL has them.
        rest: What else its statement says: how it begins, constraints, how it ends.
    """

    kind: str
    schema: str
    name: str
    sql: str = field(repr=False)
    table: str = ""
    columns: Mapping[str, Column] = field(default_factory=dict, repr=False)
    rest: tuple[str, ...] = field(default=(), repr=False)

    @property
    def title(self) -> str:
        """What a reader calls it."""
        if self.table or self.schema == "-":
            return self.table or self.name
        return f"{self.schema}.{self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is found by in another dump; several may share one (operators do, and names with line ends)."""
        return (self.kind, self.schema, self.table or self.name)


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A dump.

    Attributes:
        entries: Its objects, in pg_dump's order.
        filled: Columns that another statement fills in rows that say nothing (a sequence), as table and column.
    """

    entries: tuple[Entry, ...]
    filled: frozenset[tuple[str, str]]

    @property
    def tables(self) -> dict[str, Entry]:
        """Its tables by their names as SQL has them."""
        return {one.table: one for one in self.entries if one.table}


def read(text: str) -> Schema:
    """Take a dump apart. What stands before the first object, versions and a key made anew each time, is left out."""
    entries = tuple(_entries(text))
    filled = (_FILLED.match(one.sql) for one in entries if one.kind in {"DEFAULT", "SEQUENCE"})
    return Schema(entries=entries, filled=frozenset((found["table"], found["column"]) for found in filled if found))


def _entries(text: str) -> Iterator[Entry]:
    before: re.Match[str] | None = None
    for found in _EDGES.finditer(text):
        if found["kind"] is None and found["end"] is None:
            continue
        if before is not None:
            yield _entry(before, text[before.end() : found.start()])
        before = found if found["kind"] is not None else None
    if before is not None:
        yield _entry(before, text[before.end() :])


def _entry(head: re.Match[str], text: str) -> Entry:
    sql = _SETTINGS.sub("", text).strip()
    plain = Entry(kind=head["kind"], schema=head["schema"], name=head["name"], sql=sql)
    begins = _TABLE.match(sql) if plain.kind in TABLES else None
    if begins is None:
        return plain
    elements, end = _elements(sql, begins.end())
    columns: dict[str, Column] = {}
    rest = [begins[0]]
    for element in elements:
        found = None if element.startswith("CONSTRAINT ") else _COLUMN.fullmatch(element)
        if found is None:
            rest.append(element)
        else:
            columns[found["name"]] = _column(found)
    return replace(plain, table=begins["name"], columns=columns, rest=(*rest, sql[end:].strip()))


def _elements(sql: str, start: int) -> tuple[list[str], int]:
    """What stands between the table's parentheses, at its commas, and where they end; nothing where it has none."""
    found: list[str] = []
    depth, begins = 0, start
    if sql[start : start + 2] != " (":
        return found, start
    for mark in _MARKS.finditer(sql, start):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if mark[0] == "(" and depth == 1:
            begins = mark.end()
        elif (mark[0] == "," and depth == 1) or (mark[0] == ")" and not depth):
            found.append(sql[begins : mark.start()].strip())
            begins = mark.end()
        if mark[0] == ")" and not depth:
            break
    return [one for one in found if one], begins


def _column(found: re.Match[str]) -> Column:
    bare = _outside(found["more"])
    return Column(
        sql=found[0],
        type=found["type"],
        not_null=re.search(r"(?<! IS) NOT NULL\b", bare) is not None,
        filled=re.search(r" (?:DEFAULT|GENERATED)\b", bare) is not None,
    )


def _outside(sql: str) -> str:
    """The text outside of quotes and parentheses."""
    kept: list[str] = []
    depth = place = 0
    for mark in _MARKS.finditer(sql):
        if not depth:
            kept.append(sql[place : mark.start()])
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        place = mark.end()
    return "".join([*kept, sql[place:]])
