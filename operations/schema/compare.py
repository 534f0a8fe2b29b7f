"""What differs between two dumps, and what of it may lose data, fail, or keep others waiting. Pure.

Nothing in the answer is a secret: what options of foreign servers and subscriptions may hold is masked, and so is what
looks like one.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from operations.review.plan import readable
from operations.schema.dump import QUALIFIED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from operations.schema.dump import Column, Entry, Schema

Verb = Literal["dropped", "changed", "added"]
Rule = Literal["table-dropped", "column-dropped", "type-changed", "not-null", "not-null-added", "index-built"]

LARGE_ROWS: Final = 100_000
LARGE_BYTES: Final = 64 * 1024 * 1024
"""From here on a table is large, where nobody has counted its rows yet."""
LONGEST_COMPARED: Final = 2000
"""Lines of one object that are compared line by line; comparing takes time with their square."""
MASK: Final = "[secret]"
ORDER: Final[dict[Verb, int]] = {"dropped": 0, "changed": 1, "added": 2}
RULES: Final[tuple[Rule, ...]] = (
    "table-dropped",
    "column-dropped",
    "type-changed",
    "not-null-added",
    "not-null",
    "index-built",
)

_BUILDS: Final = re.compile(
    rf"CREATE (?:UNIQUE )?INDEX (?P<index>{QUALIFIED}) ON (?:ONLY )?(?P<on>{QUALIFIED}) "
    rf"|ALTER TABLE (?:ONLY )?(?P<table>{QUALIFIED})\s+"
    rf"ADD CONSTRAINT (?P<key>{QUALIFIED}) (?:PRIMARY KEY|UNIQUE|EXCLUDE)\b"
)
_VARYING: Final = re.compile(r"character varying(?:\((?P<longest>[0-9]+)\))?|text")
_NUMERIC: Final = re.compile(r"numeric(?:\((?P<digits>[0-9]+),(?P<scale>-?[0-9]+)\))?")
_LITERAL: Final = r"(?<![\w$])[eE]?'[^']*+(?:''[^']*+)*+'"
_OPTION: Final = re.compile(rf'((?:pass|pwd|secret|token|key|cred|conn)[^\s"]*"? ){_LITERAL}', re.IGNORECASE)
_ANY: Final = re.compile(_LITERAL)
ALL_SECRET: Final = frozenset({"USER MAPPING", "SUBSCRIPTION"})
WITH_OPTIONS: Final = frozenset({"SERVER", "FOREIGN DATA WRAPPER", "FOREIGN TABLE"})


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One object that differs.

    Attributes:
        verb: What was done to it.
        kind: What it is, in pg_dump's words, such as TABLE or INDEX.
        name: Its name, as SQL has it where it is a table's.
        lines: Its SQL: each line begins with `-`, `+` or a blank.
    """

    verb: Verb
    kind: str
    name: str
    lines: list[str] = msgspec.field(default_factory=list)


class Danger(msgspec.Struct, frozen=True, kw_only=True):
    """A change that needs an eye.

    Attributes:
        rule: Which one it is.
        table: The table, as SQL names it.
        name: Its column or index; empty where it is the table itself.
        old: A column's type before; empty for other rules.
        new: A column's type afterwards.
        rows: About how many rows the table has; -1 where nobody has counted them, None where it was not asked.
    """

    rule: Rule
    table: str
    name: str = ""
    old: str = ""
    new: str = ""
    rows: int | None = None


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How large a table is: about how many rows (-1: never counted), and bytes."""

    rows: int
    bytes: int

    @property
    def large(self) -> bool:
        """Whether building an index on it takes a while."""
        return self.rows >= LARGE_ROWS or (self.rows < 0 and self.bytes >= LARGE_BYTES)


def indexed(old: Schema, new: Schema) -> list[str]:
    """Tables of both, on which the new one has an index that the old one has not."""
    return sorted({table for table, _ in _built(old, new)})


def compare(old: Schema, new: Schema, sizes: Mapping[str, Size]) -> tuple[list[Change], list[Danger]]:
    """What differs, dropped objects first; and what of it needs an eye first, the worst first.

    Args:
        old: The parent's.
        new: The branch's.
        sizes: Of the tables that `indexed` names, how large they are in the parent.
    """
    changes = sorted(_changes(old, new), key=lambda one: (ORDER[one.verb], one.kind != "TABLE", one.kind, one.name))
    found = [*_of_tables(old, new), *_of_columns(old, new)]
    for table, name in _built(old, new):
        size = sizes.get(table)
        if size is not None and size.large:
            found.append(Danger(rule="index-built", table=table, name=name, rows=size.rows))
    return changes, sorted(found, key=lambda one: (RULES.index(one.rule), one.table, one.name))


def _changes(old: Schema, new: Schema) -> Iterator[Change]:
    before, after = _by_key(old), _by_key(new)
    for key in before | after:
        for was, now in _paired(before[key], after[key]):
            if was is None and now is not None:
                yield _change("added", now, [f"+ {line}" for line in _lines(now)])
            elif was is not None and now is None:
                yield _change("dropped", was, [f"- {line}" for line in _lines(was)])
            elif was is not None and now is not None and (lines := _different(was, now)):
                yield _change("changed", now, lines)


def _by_key(schema: Schema) -> defaultdict[tuple[str, str, str], list[Entry]]:
    found: defaultdict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for one in schema.entries:
        found[one.key].append(one)
    return found


def _paired(before: Sequence[Entry], after: Sequence[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Entries of one name: those that are the same on both sides are left out, the others go side by side."""
    same = Counter(one.sql for one in before) & Counter(one.sql for one in after)
    yield from zip_longest(_without(before, same), _without(after, same))


def _without(entries: Sequence[Entry], same: Counter[str]) -> list[Entry]:
    left, kept = same.copy(), []
    for one in entries:
        if left[one.sql]:
            left[one.sql] -= 1
        else:
            kept.append(one)
    return kept


def _change(verb: Verb, entry: Entry, lines: list[str]) -> Change:
    return Change(verb=verb, kind=entry.kind, name=entry.title, lines=[str(readable(line)) for line in lines])


def _different(was: Entry, now: Entry) -> list[str]:
    """The lines that differ; none for a table whose columns only stand in another order."""
    if was.table and now.table:
        return [*_columns(was, now), *_rest(was, now)]
    return _unified(was, now) or ["! only what is masked differs"]


def _unified(was: Entry, now: Entry) -> list[str]:
    before, after = _lines(was), _lines(now)
    if len(before) + len(after) > LONGEST_COMPARED:
        return [f"- {len(before)} lines", f"+ {len(after)} lines"]
    told = difflib.unified_diff(before, after, lineterm="", n=2)
    return [f"{line[0]} {line[1:]}" for line in told if line[:3] not in {"---", "+++"} and line[:2] != "@@"]


def _columns(was: Entry, now: Entry) -> Iterator[str]:
    for name in {**was.columns, **now.columns}:
        old, new = was.columns.get(name), now.columns.get(name)
        if old is not None and new is not None and old.sql == new.sql:
            continue
        yield from _marked("-", [old.sql] if old else [], was.kind)
        yield from _marked("+", [new.sql] if new else [], now.kind)


def _rest(was: Entry, now: Entry) -> Iterator[str]:
    """Constraints, and how the statement begins and ends."""
    yield from _marked("-", [one for one in was.rest if one not in now.rest], was.kind)
    yield from _marked("+", [one for one in now.rest if one not in was.rest], now.kind)


def _marked(sign: str, texts: list[str], kind: str) -> list[str]:
    return [f"{sign} {line}" for text in texts for line in masked(kind, text).split("\n")]


def _lines(entry: Entry) -> list[str]:
    return masked(entry.kind, entry.sql).split("\n")


def masked(kind: str, sql: str) -> str:
    """The statement without what is secret in the options of what reaches other servers."""
    if kind in ALL_SECRET:
        sql = _ANY.sub(f"'{MASK}'", sql)
    if kind in WITH_OPTIONS:
        sql = _OPTION.sub(rf"\1'{MASK}'", sql)
    return sql


def _of_tables(old: Schema, new: Schema) -> Iterator[Danger]:
    there = new.tables
    for table in old.tables:
        if table not in there:
            yield Danger(rule="table-dropped", table=table)


def _of_columns(old: Schema, new: Schema) -> Iterator[Danger]:
    """Of tables that are there before and after."""
    after = new.tables
    for table, was in old.tables.items():
        now = after[table].columns if table in after else {}
        for name, column in was.columns.items() if table in after else ():
            if name not in now:
                yield Danger(rule="column-dropped", table=table, name=name)
            else:
                yield from _of_column(table, name, column, now[name])
        for name, column in now.items():
            if name not in was.columns and column.not_null and not column.filled and (table, name) not in new.filled:
                yield Danger(rule="not-null-added", table=table, name=name)


def _of_column(table: str, name: str, was: Column, now: Column) -> Iterator[Danger]:
    if was.type != now.type and not _is_wider(was.type, now.type):
        yield Danger(rule="type-changed", table=table, name=name, old=was.type, new=now.type)
    if now.not_null and not was.not_null:
        yield Danger(rule="not-null", table=table, name=name)


def _is_wider(old: str, new: str) -> bool:
    """Whether every value stays as it is stored, so that nothing is rewritten.

    Source: https://www.postgresql.org/docs/18/sql-altertable.html, notes.
    """
    if (was := _VARYING.fullmatch(old)) and (now := _VARYING.fullmatch(new)):
        return now["longest"] is None or (was["longest"] is not None and int(now["longest"]) >= int(was["longest"]))
    if (was := _NUMERIC.fullmatch(old)) and (now := _NUMERIC.fullmatch(new)):
        if now["digits"] is None:
            return True
        return was["scale"] == now["scale"] and int(now["digits"]) >= int(was["digits"] or 0)
    return False


def _built(old: Schema, new: Schema) -> Iterator[tuple[str, str]]:
    """Indexes that the new one has besides, by table and name, of tables that both have."""
    before = {one.sql for one in old.entries}
    there = old.tables
    for one in new.entries:
        found = _BUILDS.match(one.sql) if one.kind in {"INDEX", "CONSTRAINT"} and one.sql not in before else None
        table = (found["on"] or found["table"]) if found else ""
        if found and table in there:
            yield table, found["index"] or found["key"]
