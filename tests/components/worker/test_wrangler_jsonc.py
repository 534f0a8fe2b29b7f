"""Reading JSON with comments: everything has its place, and what wrangler refuses is refused with line and column."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.worker.wrangler.jsonc import DEEPEST, Document, MalformedError, parse
from tests.components.worker.wrangler_world import COMMENTS, modules, read_by_wrangler, sample, wild

if TYPE_CHECKING:
    from pathlib import Path

    from components.worker.wrangler.jsonc import Node

json_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def _refused(text: str) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        parse(text)
    return caught.value


def _outcome(text: str) -> Document | MalformedError:
    try:
        return parse(text)
    except MalformedError as error:
        return error


@given(data=json_data, seed=st.integers(0, 2**32))
def test_any_layout_reads_as_its_data(data: object, seed: int) -> None:
    """Blanks, comments, trailing commas, line ends and a byte order mark change nothing of what is read."""
    text = wild(data, random.Random(seed))  # noqa: S311 - the same layout for the same seed
    document = parse(text)
    assert document.root.data == data
    assert all(text[start : start + 2] in {"//", "/*"} for start, _ in document.comments)


@given(data=json_data, seed=st.integers(0, 2**32))
def test_every_value_stands_where_it_is_said_to(data: object, seed: int) -> None:
    """The text between a value's start and end reads as that value alone."""
    text = wild(data, random.Random(seed))  # noqa: S311 - the same layout for the same seed

    def look(node: Node) -> None:
        assert parse(text[node.start : node.end]).root.data == node.data
        for entry in node.entries:
            if isinstance(node.data, dict):
                assert json.loads(text[entry.start : entry.key_end]) == entry.key
            assert entry.comma is None or text[entry.comma] == ","
            look(entry.value)

    look(parse(text).root)


def test_lines_and_columns_count_from_one() -> None:
    """Every kind of line end ends a line, and a byte order mark takes no column."""
    text = '\ufeff{ "a": 1,\r\n  "b": 2,\r\t"c": 3,\n\n"d": { "e": 4 } }'
    document = parse(text)
    entries = [document.entry(*path) for path in (["a"], ["b"], ["c"], ["d"], ["d", "e"])]
    assert [document.place(entry.start) for entry in entries if entry] == [(1, 3), (2, 3), (3, 2), (5, 1), (5, 8)]


def test_of_two_members_with_one_key_the_later_counts() -> None:
    """As in wrangler; the earlier one is told, with its path."""
    document = parse('{"a": 1, "b": [{"c": 1, "c": 2, "c": 3}], "a": {"x": 1}}')
    assert document.root.data == {"a": {"x": 1}, "b": [{"c": 3}]}
    assert document.at("a", "x") is not None
    assert [(path, entry.value.data) for path, entry in document.duplicates()] == [
        (("a",), 1),
        (("b", "0", "c"), 1),
        (("b", "0", "c"), 2),
    ]


def test_what_is_not_there_is_none() -> None:
    """A path through something that is no object leads nowhere."""
    document = parse('{"a": [1], "b": "x"}')
    assert document.at("a", "0") is None
    assert document.at("b", "c") is None
    assert document.at("z") is None


MALFORMED = {
    "": (1, 1, "a value is expected"),
    "{": (1, 2, "the text ends, but"),
    "{\n  a: 1}": (2, 3, "a key in double quotes"),
    "{'a': 1}": (1, 2, "a key in double quotes"),
    '{"a": 1,,}': (1, 9, "a key in double quotes"),
    "{,}": (1, 2, "a key in double quotes"),
    '{"a" 1}': (1, 6, "a colon is expected behind the key"),
    '{"a": }': (1, 7, "a value is expected"),
    '{"a": 1\n "b": 2}': (2, 2, "a comma or } is expected"),
    "[1 2]": (1, 4, "a comma or ] is expected"),
    "[,]": (1, 2, "a value is expected"),
    '{"a": NaN}': (1, 7, "a value is expected"),
    '{"a": -Infinity}': (1, 7, "a value is expected"),
    '{"a": +1}': (1, 7, "a value is expected"),
    '{"a": 01}': (1, 8, "a comma or } is expected"),
    '{"a": 0x1}': (1, 8, "a comma or } is expected"),
    '{"a": "x}': (1, 7, "is not closed"),
    '{"a": "x\n"}': (1, 9, "control character"),
    '{"a": "x\t"}': (1, 9, "control character"),
    '{"a": "\\x41"}': (1, 8, "backslash"),
    '{"a": "\\u12"}': (1, 9, "hexadecimal"),
    '{"a": 1 /* b }': (1, 9, "not closed with */"),
    '{"a": 1} /': (1, 10, "behind the end"),
    '{"a": 1}\n{}': (2, 1, "behind the end"),
    '{"a": 1\xa0}': (1, 8, "a comma or } is expected"),
    "[" * 5000: (1, DEEPEST + 1, "deeper than"),
}


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_text_is_told_with_its_place(text: str) -> None:
    """Line, column and reason, in words."""
    line, column, reason = MALFORMED[text]
    error = _refused(text)
    assert (error.line, error.column) == (line, column)
    assert reason in error.reason
    assert error.message == f"line {line}, column {column}: {error.reason}"
    assert f"line {line}" in error.next_step


def test_a_huge_number_is_a_double_as_in_javascript() -> None:
    """It does not meet Python's limit of digits."""
    assert parse(f'{{"a": {"9" * 5000}}}').root.data == {"a": float("inf")}


@given(text=st.text(alphabet='{}[]",:/*\\ \n\r\ta1-.eut"', max_size=20))
def test_any_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    """There is no third outcome."""
    read = _outcome(text)
    if isinstance(read, MalformedError):
        assert 1 <= read.line <= text.count("\n") + text.count("\r") + 1
        assert 1 <= read.column <= len(text) + 1
    else:
        assert read.root.end <= len(text)


def _broken(dice: random.Random) -> str:
    """A good text with one small thing wrong, or many, or nothing."""
    data = {"name": "a", "vars": {"A": [1, 2.5, True, None], "B": "x\\u00e9\n"}, "env": {"s": {}}}
    text = wild(data, dice)
    pieces = [*COMMENTS, *'{}[]",:/*\\ \n\t-.0e', "true", "\xa0", "\u2028", '"a"', ",,", "'", "NaN", '\\"']
    for _ in range(dice.choice([0, 1, 1, 1, 2, 3])):
        start = dice.randrange(len(text))
        text = text[:start] + dice.choice(["", *pieces]) + text[start + dice.choice([0, 0, 1, 2]) :]
    return text


@pytest.mark.wrangler
def test_wrangler_reads_and_refuses_the_same_texts(tmp_path: Path) -> None:
    """Its own reader agrees: on what is malformed, on the line of it, and on every value of the rest."""
    modules()
    dice = random.Random(5)  # noqa: S311 - the same texts every time
    texts = [*MALFORMED, *(_broken(dice) for _ in range(1500)), sample("right"), sample("wrong_block")]
    texts = [text for text in texts if text != "[" * 5000]
    refused = 0
    for text, answer in zip(texts, read_by_wrangler(tmp_path, texts), strict=True):
        read = _outcome(text)
        if isinstance(read, MalformedError):
            refused += 1
            assert "refused" in answer, text
            # For wrangler a carriage return alone ends no line; for editors, and so for us, it does.
            assert read.line == answer["line"] or re.search(r"\r(?!\n)", text), text
        else:
            assert answer.get("raw", answer) == read.root.data, text
    assert 300 < refused < 1400
