"""Where two property values differ, and how a person reads it. Secrets never appear; long values are cut."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.values import UNKNOWN, Secret, plain, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ABSENT: Final = object()
"""Stands on the side of a difference where the property is not there."""

_LONGEST: Final = 60
_MOST_LINES: Final = 12
_LONGEST_LIST: Final = 200
_BEFORE_THE_DIFFERENCE: Final = 12
_SECRET_TEXT: Final = "[secret]"  # noqa: S105 - what stands in the place of a secret
_UNKNOWN_TEXT: Final = "known after up"
_PLAIN_KEY: Final = re.compile(r"[\w$-]+")
# What a terminal obeys instead of showing it: control characters that JSON leaves alone, and those that turn text.
_OBEYED: Final = {c: f"\\u{c:04x}" for c in (*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One property that differs; `path` is written as Pulumi writes it, such as `tags.a` or `hosts[0]`."""

    path: str
    old: Any = field(repr=False)
    new: Any = field(repr=False)

    @property
    def key(self) -> str:
        """The top-level property."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]

    def lines(self, mark: str = "") -> list[str]:
        """Say it, such as "~ port: 5432 -> 5433"; text of several lines line by line. `mark` ends the first line."""
        if self.old is ABSENT:
            return [f"+ {self.path}: {shown(self.new)}{mark}"]
        if self.new is ABSENT:
            return [f"- {self.path}: {shown(self.old)}{mark}"]
        if isinstance(self.old, str) and isinstance(self.new, str) and "\n" in self.old + self.new:
            return [f"~ {self.path}:{mark}", *_changed_lines(self.old, self.new)]
        old, new = _pair(self.old, self.new)
        return [f"~ {self.path}: {old} -> {new}{mark}"]

    def sides(self) -> tuple[str, str]:
        """Both values as a person reads them, an empty text where the property is not there."""
        if self.old is ABSENT or self.new is ABSENT:
            return "" if self.old is ABSENT else shown(self.old), "" if self.new is ABSENT else shown(self.new)
        return _pair(self.old, self.new)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """The properties that differ, sorted by their paths; Pulumi's internal ones are left out."""
    return list(_in_objects(dict(old), dict(new), ""))


def shown(value: Any) -> str:
    """One value as a person reads it."""
    return _cut(_text(value))


def _in_values(old: Any, new: Any, path: str) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _in_objects(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _in_lists(old, new, path)
    elif old is ABSENT or new is ABSENT or not same(old, new):
        yield Difference(path=path, old=old, new=new)


def _in_objects(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Difference]:
    for key in sorted(old.keys() | new.keys()):
        if not key.startswith("__"):
            name = key if _PLAIN_KEY.fullmatch(key) else f"[{json.dumps(key, ensure_ascii=False).translate(_OBEYED)}]"
            below = f"{path}.{name}" if path and not name.startswith("[") else f"{path}{name}"
            yield from _in_values(old.get(key, ABSENT), new.get(key, ABSENT), below)


def _in_lists(old: list[Any], new: list[Any], path: str) -> Iterator[Difference]:
    """Pair the items up, so that one more in the middle is one difference; very long lists by their positions."""
    operations: Any = [("replace", 0, len(old), 0, len(new))]
    if max(len(old), len(new)) <= _LONGEST_LIST:
        # The values are compared, secrets as well; only paths and masked values leave this module.
        left, right = (
            [json.dumps([isinstance(item, Secret), plain(item)], sort_keys=True) for item in side]
            for side in (old, new)
        )
        operations = difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    for kind, start, end, begin, stop in operations:
        if kind == "equal":
            continue
        for offset in range(max(end - start, stop - begin)):
            before = old[start + offset] if start + offset < end else ABSENT
            after = new[begin + offset] if begin + offset < stop else ABSENT
            at = start + offset if after is ABSENT else begin + offset
            yield from _in_values(before, after, f"{path}[{at}]")


def _changed_lines(old: str, new: str) -> list[str]:
    told = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    lines = [line for line in told if not line.startswith(("---", "+++", "@@"))]
    if not lines:
        return ["    (only the line ends differ)"]
    more = [f"    … {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    return [f"    {line[0]} {_cut(_harmless(line[1:]))}" for line in lines[:_MOST_LINES]] + more


def _pair(old: Any, new: Any) -> tuple[str, str]:
    """Both sides; where they would be cut before they differ, from shortly before that point."""
    left, right = _text(old), _text(new)
    pairs = enumerate(zip(left, right, strict=False))
    alike = next((at for at, (one, other) in pairs if one != other), min(len(left), len(right)))
    start = alike - _BEFORE_THE_DIFFERENCE if alike > _LONGEST - _BEFORE_THE_DIFFERENCE else 0
    return _cut(left, start), _cut(right, start)


def _text(value: Any) -> str:
    if isinstance(value, Secret):
        return _SECRET_TEXT
    if value == UNKNOWN:
        return _UNKNOWN_TEXT
    return json.dumps(_masked(value), ensure_ascii=False, sort_keys=True).translate(_OBEYED)


def _harmless(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("\\\\", "\\").translate(_OBEYED)


def _masked(value: Any) -> Any:
    match value:
        case Secret():
            return _SECRET_TEXT
        case dict():
            return {key: _masked(item) for key, item in value.items() if not key.startswith("__")}
        case list() | tuple():
            return [_masked(item) for item in value]
        case _:
            return _UNKNOWN_TEXT if value == UNKNOWN else value


def _cut(text: str, start: int = 0) -> str:
    """At most as many columns as a line can spare; a wide character takes two."""
    text = f"…{text[start:]}" if start else text
    columns = 0
    for position, character in enumerate(text):
        columns += _columns(character)
        if columns > _LONGEST:
            kept = text[:position]
            while kept and sum(map(_columns, kept)) >= _LONGEST:
                kept = kept[:-1]
            return f"{kept}…"
    return text


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
