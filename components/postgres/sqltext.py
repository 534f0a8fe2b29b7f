"""Reading SQL as psql does, just enough to know where each statement ends. Pure.

Statements are sent one at a time, so that an error names its line, and so that those which would end the transaction
or which only psql understands are refused before anything runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from components.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*)
  | (?P<comment>/\*)
  | (?P<quoted>(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z) | '(?:[^']|'')*(?:'|\Z) | "(?:[^"]|"")*(?:"|\Z))
  | (?P<dollar>(?<![\w$])\$(?:[^\W\d]\w*)?\$)
  | (?P<word>[^\W\d][\w$]*)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_EXTENSION = re.compile(
    r'CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:"(?P<quoted>[^"]+)"|(?P<word>[\w$]+))', re.IGNORECASE
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")

_TRANSACTION = frozenset({"BEGIN", "START TRANSACTION", "COMMIT", "END", "ABORT", "ROLLBACK", "PREPARE TRANSACTION"})
_ROUTINES = frozenset({"FUNCTION", "PROCEDURE"})


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement: its text without the semicolon, the line it starts on, and its first words in capitals."""

    text: str
    line: int
    words: tuple[str, ...]


def split(name: str, text: str) -> list[Statement]:
    """The statements of an SQL file.

    Raises:
        ConfigurationError: One of them cannot run in the file's one transaction, or is psql's and not SQL.
    """
    statements = []
    for start, end, words in _ranges(name, text):
        statement = Statement(text=text[start:end], line=_line(text, start), words=words)
        _refuse_unsuited(name, statement)
        statements.append(statement)
    return statements


def extension_of(statement: Statement) -> str:
    """The extension that a statement creates; empty for any other statement."""
    found = _EXTENSION.match(statement.text)
    return (found["quoted"] or found["word"].lower()) if found else ""


def _ranges(name: str, text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Where each statement starts and ends, with its words outside quotes."""
    start, parentheses, blocks = -1, 0, 0
    words: list[str] = []
    for kind, begin, end in _tokens(text):
        part = text[begin:end]
        if part == ";" and not parentheses and not blocks:
            if start >= 0:
                yield start, begin, tuple(words)
            start, words = -1, []
            continue
        if part == "\\":
            raise _unsuited(name, _line(text, begin), "a psql command (a backslash outside quotes)", _PLAIN_SQL)
        start = begin if start < 0 else start
        parentheses = max(0, parentheses + (part == "(") - (part == ")"))
        if kind == "word":
            words.append(part.upper())
            blocks = max(0, blocks + _block_step(words, blocks))
    if start >= 0:
        yield start, len(text), tuple(words)


def _block_step(words: list[str], blocks: int) -> int:
    """How a word changes the depth of `BEGIN ATOMIC … END`: semicolons in there belong to the routine."""
    if words[0] != "CREATE" or not _ROUTINES.intersection(words[1:4]):
        return 0
    if words[-2:] == ["BEGIN", "ATOMIC"] or (blocks and words[-1] == "CASE"):
        return 1
    return -1 if words[-1] == "END" else 0


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Everything but white space and comments: the kind of token, its start and its end."""
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:  # never: the last alternative takes anything
            return
        kind, begin, place = match.lastgroup, match.start(), match.end()
        if kind == "comment":
            place = _comment_end(text, place)
        elif kind == "dollar":
            closing = text.find(match[0], place)
            place = len(text) if closing < 0 else closing + len(match[0])
            yield kind, begin, place
        elif kind != "space":
            yield kind, begin, place


def _comment_end(text: str, place: int) -> int:
    """The end of a block comment; they nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, place):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


_PLAIN_SQL = (
    "write the file in plain SQL; make dumps with pg_dump --inserts and remove lines that start with a backslash"
)


def _refuse_unsuited(name: str, statement: Statement) -> None:
    words = statement.words
    for length in (1, 2):
        opening = " ".join(words[:length])
        if opening in _TRANSACTION and words[1:2] != ("TO",) and words[2:3] != ("TO",):
            raise _unsuited(
                name,
                statement.line,
                opening,
                "remove it: each file is applied as a whole in one transaction of its own",
            )
    if words[:1] == ("COPY",) and ("FROM", "STDIN") in pairwise(words):
        raise _unsuited(name, statement.line, "COPY … FROM STDIN", _PLAIN_SQL)


def _unsuited(name: str, line: int, what: str, next_step: str) -> ConfigurationError:
    return ConfigurationError(f"the SQL file {name} cannot be applied: line {line} is {what}", next_step=next_step)


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
