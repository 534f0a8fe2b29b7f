"""The text of a `.dev.vars` file: read it as wrangler does, and edit it so that a shell reads the same. Pure.

wrangler reads the file with the npm package dotenv, without expanding variables. Its grammar is one regular
expression, repeated here with JavaScript's idea of white space and line ends. An edit is only accepted when reading its
result gives back every value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import ConfigurationError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BLANK = "\t\v\f \xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000\ufeff"
_LINE_ENDS = "\n\r\u2028\u2029"
_S = f"[{_BLANK}{_LINE_ENDS}]"
_START, _END = rf"(?:\A|(?<=[{_LINE_ENDS}]))", rf"(?=[{_LINE_ENDS}]|\Z)"
_ASSIGNMENT = re.compile(
    rf"{_START}{_S}*(?:export{_S}+)?(?P<key>[A-Za-z0-9_.-]+)(?P<is>{_S}*={_S}*?|:{_S}+?)"
    rf"""(?P<value>{_S}*'(?:\\'|[^'])*'|{_S}*"(?:\\"|[^"])*"|{_S}*`(?:\\`|[^`])*`|[^#\r\n]+)?"""
    rf"{_S}*(?:#[^{_LINE_ENDS}]*)?{_END}"
)
_QUOTED = re.compile(rf"{_START}(['\"`])([\s\S]*)\1{_END}")
_CLEAN_HEAD = re.compile(r"[ \t]*(?:export[ \t]+)?")
_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class _Assignment:
    """One assignment: what wrangler reads, and where it stands in the text, from the key to the end of the value."""

    key: str
    value: str
    start: int
    end: int


def parse(text: str) -> dict[str, str]:
    """What wrangler reads from the text; of two assignments to a key the later one counts."""
    return {assignment.key: assignment.value for assignment in _assignments(text)}


def quote(key: str, value: str) -> str:
    """The value in a form that dotenv and a POSIX shell read alike.

    Raises:
        ConfigurationError: There is no such form. The value is not shown.
    """
    if any(character in "\0\r" or "\ud800" <= character <= "\udfff" for character in value):
        raise ConfigurationError(
            f"the value of {key} cannot stand in .dev.vars: it holds a zero byte, a carriage return or half a "
            "character (a lone surrogate)",
            next_step=f"give {key} a value without it",
        )
    if "'" not in value:
        return f"'{value}'"
    if not set(value) & set('"$`\\'):
        return f'"{value}"'
    raise ConfigurationError(
        f'the value of {key} cannot stand in .dev.vars: it holds a single quote together with one of " $ ` \\, and '
        "wrangler and a shell read every way to write that differently",
        next_step=f"percent-encode the quote if it is part of a URL, or give {key} a value without it",
    )


def assign(text: str, values: Mapping[str, str], *, drop: Iterable[str] = ()) -> str:
    """The text with every key of `values` set and every key of `drop` removed; all other lines stay as they are.

    An assignment is replaced where it stands, with its `export` and its comment; earlier ones of the same key go, since
    they do not count. Our own lines end with a line feed also in a file with other line ends: a shell would take a
    carriage return for a part of the value.

    Raises:
        ConfigurationError: A name or value cannot be written.
        RefusedError: Another line, such as one with an open quote, would swallow ours or change.
    """
    edited = text
    for key in drop:
        edited = _set(edited, key, None)
    for key, value in values.items():
        if not _SHELL_NAME.fullmatch(key):
            raise ConfigurationError(
                f"{key!r} is not a name for .dev.vars: allowed are letters, digits and _, not starting with a digit",
                next_step="rename the variable",
            )
        edited = _set(edited, key, f"{key}={quote(key, value)}")
    others = {key: value for key, value in parse(text).items() if key not in values and key not in set(drop)}
    if parse(edited) != {**others, **values}:
        raise RefusedError(
            "another line of .dev.vars would swallow ours or be read differently: one of them has an open quote, or "
            "ends in a backslash before its last quote",
            next_step="close the quote in .dev.vars, or drop that backslash, then run ./infra up STACK again",
        )
    return edited


def _assignments(text: str) -> list[_Assignment]:
    """Every assignment in the order of the text. dotenv first turns all line ends into line feeds."""
    places = [match.start() for match in re.finditer(r"\r\n|[\s\S]", text)] + [len(text)]
    found = []
    for match in _ASSIGNMENT.finditer(re.sub(r"\r\n?", "\n", text)):
        raw = match["value"] or ""
        value = raw.strip(_BLANK + _LINE_ENDS)
        end = match.start("value") + len(raw.rstrip(_BLANK + _LINE_ENDS)) if value else match.end("is")
        found.append(
            _Assignment(key=match["key"], value=_unquoted(value), start=places[match.start("key")], end=places[end])
        )
    return found


def _unquoted(value: str) -> str:
    bare = _QUOTED.sub(lambda match: match[2], value)
    return bare.replace("\\n", "\n").replace("\\r", "\r") if value.startswith('"') else bare


def _set(text: str, key: str, line: str | None) -> str:
    """Put `line` in the place of the last assignment to `key`, or at the end; remove the other assignments."""
    places = [assignment for assignment in _assignments(text) if assignment.key == key]
    if line is not None and not places:
        return _appended(text, line)
    for place in reversed(places):
        text = _without(text, place) if line is None else _replaced(text, place, line)
        line = None
    return text


def _appended(text: str, line: str) -> str:
    if not text or text.endswith("\n"):
        return f"{text}{line}\n"
    return f"{text}{_line_end(text)}{line}"


def _replaced(text: str, place: _Assignment, line: str) -> str:
    begin = _line_start(text, place.start)
    head, tail = text[begin : place.start], text[place.end :]
    if not _CLEAN_HEAD.fullmatch(head):  # Blanks that only JavaScript knows would be part of a shell's word.
        head = "export " if "export" in head else ""
    blanks = tail[: len(tail) - len(tail.lstrip(_BLANK))]
    rest = tail[len(blanks) :]
    if rest.startswith("#"):
        gap = blanks if re.fullmatch(r"[ \t]+", blanks) else " "
        return f"{text[:begin]}{head}{line}{gap}{rest}"
    return f"{text[:begin]}{head}{line}{_with_line_feed(rest)}"


def _without(text: str, place: _Assignment) -> str:
    """Remove an assignment; a comment behind it stays."""
    begin = _line_start(text, place.start)
    rest = text[place.end :].lstrip(_BLANK)
    if rest.startswith("#"):
        return text[:begin] + rest
    if rest:
        return text[:begin] + _with_line_feed(rest)[1:]
    # The last line, without an end: the one before becomes the last, and goes without one too.
    return re.sub(r"(?:\r\n|\n|\r)\Z", "", text[:begin])


def _line_start(text: str, place: int) -> int:
    return max(text.rfind(end, 0, place) for end in _LINE_ENDS) + 1


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _with_line_feed(rest: str) -> str:
    """What follows an assignment, its line end turned into a line feed."""
    return re.sub(rf"\A(?:\r\n|[{_LINE_ENDS}])", "\n", rest)
