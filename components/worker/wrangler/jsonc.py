"""JSON with comments, read with the place of everything in it. Pure.

What is accepted is what wrangler accepts, which reads its files with the npm package jsonc-parser: JSON with comments
and trailing commas, of two members with one key the later. Strings, numbers and words are left to Python's json; the
libraries for JSON with comments either drop positions or also accept what wrangler refuses.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from components.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 100
"""Levels of nesting; real files have five."""

LINE_END = re.compile(r"\r\n|\n|\r")
_GAP = re.compile(r"[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_BOM = "\ufeff"


class MalformedError(ConfigurationError):
    """The text is not of the file's format. Lines and columns count from 1."""

    def __init__(self, reason: str, *, line: int, column: int) -> None:
        self.reason, self.line, self.column = reason, line, column
        super().__init__(
            f"line {line}, column {column}: {reason}",
            next_step=f"correct line {line}: every editor that knows the format shows the place",
        )


@dataclass(frozen=True, kw_only=True)
class Node:
    """A value and where it stands: `text[start:end]`. `data` is what wrangler reads; numbers are doubles, as there."""

    start: int
    end: int
    data: Any
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A member of an object or an item of an array, which has no key.

    `start` is the place of the key or item, `key_end` the place behind the key, `comma` the place of the comma behind.
    """

    key: str
    start: int
    key_end: int
    value: Node
    comma: int | None


@dataclass(frozen=True, kw_only=True)
class Document:
    """A text that was read, a byte order mark included. `comments` are the places of the comments, in order."""

    text: str
    root: Node
    comments: tuple[tuple[int, int], ...]

    def entry(self, *path: str) -> Entry | None:
        """The member at a path of keys; of several the one that counts, the last."""
        node: Node | None = self.root
        found = None
        for key in path:
            named = [entry for entry in node.entries if entry.key == key] if node and is_object(node) else []
            found = named[-1] if named else None
            node = found.value if found else None
        return found

    def at(self, *path: str) -> Node | None:
        """The value at a path of keys."""
        if not path:
            return self.root
        entry = self.entry(*path)
        return entry.value if entry else None

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1."""
        return place(self.text, offset)

    def duplicates(self) -> list[tuple[tuple[str, ...], Entry]]:
        """Members whose key stands again later in the same object, with their paths: they do not count."""
        return list(_duplicates((), self.root))


def parse(text: str) -> Document:
    """Read a text.

    Raises:
        MalformedError: wrangler would refuse it too, or it is nested deeper than any real file.
    """
    parser = _Parser(text)
    root = parser.whole()
    return Document(text=text, root=root, comments=tuple(parser.comments))


def is_object(node: Node) -> bool:
    """Whether the value is an object."""
    return isinstance(node.data, dict)


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1; a byte order mark takes no column."""
    ends = [match.end() for match in LINE_END.finditer(text, 0, offset)]
    start = ends[-1] if ends else int(text.startswith(_BOM))
    return len(ends) + 1, offset - start + 1


def _duplicates(path: tuple[str, ...], node: Node) -> Iterator[tuple[tuple[str, ...], Entry]]:
    counting = {entry.key: number for number, entry in enumerate(node.entries)}
    for number, entry in enumerate(node.entries):
        here = (*path, entry.key) if is_object(node) else (*path, str(number))
        if is_object(node) and counting[entry.key] != number:
            yield here, entry
        yield from _duplicates(here, entry.value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


class _Parser:
    """Recursive descent; `at` is the place of the next character."""

    scalars = json.JSONDecoder(parse_int=float, parse_constant=_no_constant)

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = int(text.startswith(_BOM))
        self.comments: list[tuple[int, int]] = []

    def whole(self) -> Node:
        self.gap()
        root = self.value(1)
        self.gap()
        if self.at < len(self.text):
            self.fail("there is text behind the end of the configuration")
        return root

    def gap(self) -> None:
        """Go over blanks, line ends and comments."""
        while match := _GAP.match(self.text, self.at):
            if match[0].startswith("/"):
                self.comments.append(match.span())
            self.at = match.end()
        if self.text.startswith("/*", self.at):
            self.fail("the comment that begins here is not closed with */")

    def value(self, depth: int) -> Node:
        start = self.at
        if depth > DEEPEST:
            self.fail(f"the nesting is deeper than {DEEPEST} levels")
        if self.peek() == "{":
            entries = self.entries("}", depth)
            data: Any = {entry.key: entry.value.data for entry in entries}
        elif self.peek() == "[":
            entries = self.entries("]", depth)
            data = [entry.value.data for entry in entries]
        else:
            entries, data = (), self.scalar("a value is expected: text in double quotes, a number, true, { or [")
        return Node(start=start, end=self.at, data=data, entries=entries)

    def entries(self, close: str, depth: int) -> tuple[Entry, ...]:
        found: list[Entry] = []
        self.at += 1
        self.gap()
        while self.peek() != close:
            if found and found[-1].comma is None:
                self.fail(f"a comma or {close} is expected")
            found.append(self.entry(close, depth))
        self.at += 1
        return tuple(found)

    def entry(self, close: str, depth: int) -> Entry:
        start, key = self.at, self.key() if close == "}" else ""
        key_end = self.at
        if close == "}":
            self.gap()
            if self.peek() != ":":
                self.fail("a colon is expected behind the key")
            self.at += 1
            self.gap()
        value = self.value(depth + 1)
        self.gap()
        comma = self.at if self.peek() == "," else None
        if comma is not None:
            self.at += 1
            self.gap()
        return Entry(key=key, start=start, key_end=key_end, value=value, comma=comma)

    def key(self) -> str:
        expected = "a key in double quotes or } is expected"
        if self.peek() != '"':
            self.fail(expected)
        return str(self.scalar(expected))

    def scalar(self, expected: str) -> Any:
        try:
            value, self.at = self.scalars.raw_decode(self.text, self.at)
        except json.JSONDecodeError as error:
            self.at = error.pos
            self.fail(expected if error.msg == "Expecting value" else _in_words(error.msg))
        except ValueError:  # NaN and Infinity, which Python would allow
            self.fail(expected)
        return value

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def fail(self, reason: str) -> NoReturn:
        line, column = place(self.text, self.at)
        end = "" if self.at < len(self.text) else "the text ends, but "
        raise MalformedError(end + reason, line=line, column=column)


def _in_words(message: str) -> str:
    """Python's reason for refusing a text, as a sentence of ours."""
    reasons = {
        "Unterminated string": 'the text that begins here is not closed with "',
        "Invalid control character": "a line end, tab or other control character stands in a text; write \\n or \\t",
        "Invalid \\escape": "this backslash begins no escape that JSON knows; write \\\\ for a backslash",
        "Invalid \\uXXXX escape": "four hexadecimal digits are expected behind \\u",
    }
    return next((reason for start, reason in reasons.items() if message.startswith(start)), message)
