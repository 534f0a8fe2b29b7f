"""Reads JSON as Go's scanner does: the same texts for the same mistakes, and the offsets that errors quote.

The real server is written in Go and passes its decoder's texts on to the caller. Source: encoding/json, scanner.go.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Literal, NoReturn

NodeKind = Literal["object", "array", "string", "number", "bool", "null"]

MAX_DEPTH = 10_000
SPACES = b" \t\r\n"
ESCAPES = b'bfnrt\\/"'
HEX = b"0123456789abcdefABCDEF"
DIGITS = b"0123456789"
PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
OPENINGS: dict[int, NodeKind] = {ord("{"): "object", ord("["): "array"}
CLOSINGS: dict[NodeKind, int] = {"object": ord("}"), "array": ord("]")}
WORDS: dict[bytes, NodeKind] = {b"true": "bool", b"false": "bool", b"null": "null"}


class ScanError(Exception):
    """The text is no JSON. `offset` counts the bytes read, the offending one included."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class EndError(Exception):
    """The text ends too early; `str()` is Go's word for it (`EOF` when there was nothing at all)."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One JSON value: `start` is its first byte, `end` the byte after its last."""

    kind: NodeKind
    start: int
    end: int
    text: bytes
    members: tuple[tuple[str, Node], ...] = ()
    items: tuple[Node, ...] = ()
    string: str = field(default="")


def quoted(byte: int) -> str:
    """A byte as Go quotes it in an error."""
    if byte == ord("'"):
        return r"'\''"
    if byte == ord('"'):
        return "'\"'"
    short = {7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r", 0x5C: r"\\"}
    character = chr(byte)
    if byte in short:
        return f"'{short[byte]}'"
    if character.isprintable():
        return f"'{character}'"
    return f"'\\x{byte:02x}'" if character.isascii() else f"'\\u00{byte:02x}'"


@dataclass(kw_only=True)
class _Open:
    """An object or array that is still being read."""

    kind: NodeKind
    start: int
    members: list[tuple[str, Node]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    key: str = ""

    def add(self, node: Node) -> None:
        if self.kind == "object":
            self.members.append((self.key, node))
        else:
            self.items.append(node)


class _Scanner:
    """One pass over the bytes; every method starts at `at` and leaves it after what it read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.open: list[_Open] = []

    def bad(self, context: str) -> NoReturn:
        if self.at >= len(self.data):
            raise EndError("unexpected EOF")
        raise ScanError(f"invalid character {quoted(self.data[self.at])} {context}", self.at + 1)

    def peek(self) -> int:
        """The byte at hand; -1 at the end."""
        return self.data[self.at] if self.at < len(self.data) else -1

    def space(self) -> None:
        while self.at < len(self.data) and self.data[self.at] in SPACES:
            self.at += 1

    def value(self) -> Node:
        """The first value. A loop, not a recursion: a body may nest deeper than Python's stack."""
        while True:
            self.space()
            opened = self.peek() in OPENINGS
            node = self.begin() if opened else self.literal()
            while node is not None:
                if not self.open:
                    return node
                self.open[-1].add(node)
                node = self.next()

    def begin(self) -> Node | None:
        """After an opening bracket: the finished value when it is empty."""
        kind = OPENINGS[self.peek()]
        if len(self.open) >= MAX_DEPTH:
            raise ScanError("exceeded max depth", self.at + 1)
        self.open.append(_Open(kind=kind, start=self.at))
        self.at += 1
        self.space()
        if self.peek() == CLOSINGS[kind]:
            return self.close()
        if kind == "object":
            self.key()
        return None

    def next(self) -> Node | None:
        """After a member or an item: the finished value when that was the last one."""
        around = self.open[-1]
        self.space()
        if self.peek() == CLOSINGS[around.kind]:
            return self.close()
        if around.kind == "array":
            self.expect(",", "after array element")
            return None
        self.expect(",", "after object key:value pair")
        self.space()
        self.key()
        return None

    def close(self) -> Node:
        self.at += 1
        done = self.open.pop()
        return self.node(done.kind, done.start, members=tuple(done.members), items=tuple(done.items))

    def key(self) -> None:
        if self.peek() != ord('"'):
            self.bad("looking for beginning of object key string")
        self.open[-1].key = self.string().string
        self.expect(":", "after object key")

    def literal(self) -> Node:
        byte = self.peek()
        if byte == ord('"'):
            return self.string()
        if byte == ord("-") or (byte >= 0 and byte in DIGITS):
            return self.number()
        for word, kind in WORDS.items():
            if byte == word[0]:
                return self.word(word, kind)
        return self.bad("looking for beginning of value")

    def expect(self, character: str, context: str) -> None:
        self.space()
        if self.peek() != ord(character):
            self.bad(context)
        self.at += 1

    def string(self) -> Node:
        start = self.at
        self.at += 1
        while True:
            self.at = self.plain(self.at)
            if self.peek() == ord('"'):
                break
            if self.peek() != ord("\\"):
                self.bad("in string literal")
            self.at += 1
            self.escape()
        self.at += 1
        return self.node("string", start, string=_unquote(self.data[start : self.at]))

    def plain(self, start: int) -> int:
        """The end of the part of a string that needs no look."""
        found = PLAIN.match(self.data, start)
        return found.end() if found else start

    def escape(self) -> None:
        if self.peek() == ord("u"):
            self.at += 1
            for _ in range(4):
                if self.peek() < 0 or self.peek() not in HEX:
                    self.bad("in \\u hexadecimal character escape")
                self.at += 1
            return
        if self.peek() < 0 or self.peek() not in ESCAPES:
            self.bad("in string escape code")
        self.at += 1

    def digits(self, context: str) -> None:
        if self.peek() < 0 or self.peek() not in DIGITS:
            self.bad(context)
        while self.peek() >= 0 and self.peek() in DIGITS:
            self.at += 1

    def number(self) -> Node:
        start = self.at
        if self.peek() == ord("-"):
            self.at += 1
        if self.peek() == ord("0"):
            self.at += 1
        else:
            self.digits("in numeric literal")
        if self.peek() == ord("."):
            self.at += 1
            self.digits("after decimal point in numeric literal")
        if self.peek() in (ord("e"), ord("E")):
            self.at += 1
            if self.peek() in (ord("+"), ord("-")):
                self.at += 1
            self.digits("in exponent of numeric literal")
        return self.node("number", start)

    def word(self, word: bytes, kind: NodeKind) -> Node:
        start = self.at
        for byte in word:
            if self.peek() != byte:
                self.bad(f"in literal {word.decode()} (expecting {quoted(byte)})")
            self.at += 1
        return self.node(kind, start)

    def node(
        self,
        kind: NodeKind,
        start: int,
        *,
        members: tuple[tuple[str, Node], ...] = (),
        items: tuple[Node, ...] = (),
        string: str = "",
    ) -> Node:
        text = self.data[start : self.at]
        return Node(kind=kind, start=start, end=self.at, text=text, members=members, items=items, string=string)


def _unquote(raw: bytes) -> str:
    """The text of a string literal; what is no UTF-8 or half a surrogate pair becomes U+FFFD, as in Go."""
    text = json.loads(raw.decode("utf-8", errors="replace"), strict=False)
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)


def scan(data: bytes) -> Node:
    """Read the first JSON value; what follows it is not looked at, as with a Go decoder on a stream.

    Raises:
        ScanError: It is no JSON.
        EndError: It stops in the middle, or holds nothing.
    """
    if not data.strip(SPACES):
        raise EndError("EOF")
    return _Scanner(data).value()
