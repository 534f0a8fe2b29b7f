"""How a person reads what differs."""

from __future__ import annotations

from typing import Any

import pytest

from operations.display.plan import differences, shown
from pulumi_embedded.values import UNKNOWN, Secret

LONG = "x" * 100


def _lines(old: Any, new: Any) -> list[str]:
    return [line for one in differences(old, new) for line in one.lines()]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, ["~ a: 1 -> true"]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, ["~ a.b.c: 1 -> 2"]),
        ({"a": {"b.c": 1}}, {"a": {"b.c": 2}}, ['~ a["b.c"]: 1 -> 2']),
        ({"a": ["x", "y"]}, {"a": ["x", "n", "y"]}, ['+ a[1]: "n"']),
        ({"a": ["x", "n", "y"]}, {"a": ["x", "y"]}, ['- a[1]: "n"']),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]}, ["~ a[1].b: 2 -> 3"]),
        ({"a": list(range(300))}, {"a": [*range(299), 0]}, ["~ a[299]: 299 -> 0"]),
        ({"a": "x"}, {"a": UNKNOWN}, ['~ a: "x" -> known after up']),
        ({"__provider": "x"}, {"__provider": "y"}, []),
        ({"a": None}, {}, ["- a: null"]),
        ({"a": "é <b> & c"}, {}, ['- a: "é <b> & c"']),
    ],
)
def test_each_difference_is_a_line_with_its_path(old: Any, new: Any, lines: list[str]) -> None:
    """Objects and lists are entered, and paths are written as Pulumi writes them."""
    assert _lines(old, new) == lines


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": Secret("s3cret")}, {"a": Secret("s3cret2")}),
        ({"a": Secret("s3cret")}, {"a": 1}),
        ({}, {"a": {"b": [Secret("s3cret")]}}),
        ({"a": [Secret("s3cret"), 1]}, {"a": [1]}),
        ({"a": [1, Secret("s3cret")]}, {"a": [1, Secret("s3cret2")]}),
        ({"a": Secret({"b": "s3cret"})}, {"a": {"b": "public"}}),
    ],
)
def test_secrets_never_appear(old: Any, new: Any) -> None:
    """Wherever a secret stands, its mask stands in its place."""
    text = "\n".join(_lines(old, new))
    assert "[secret]" in text
    assert "s3cret" not in text


def test_text_of_several_lines_is_told_line_by_line() -> None:
    """Only the lines that changed, and not more of them than one reads."""
    assert _lines({"t": "a\nb\nc"}, {"t": "a\nB\nc"}) == ["~ t:", "    - b", "    + B"]
    many = _lines({"t": "\n".join("a" * 30)}, {"t": "\n".join("b" * 30)})
    assert (len(many), many[-1]) == (14, "    … 48 more lines")
    assert _lines({"t": "a\n"}, {"t": "a"}) == ["~ t:", "    (only the line ends differ)"]


def test_long_values_are_cut_around_what_differs() -> None:
    """A value of many characters does not flood the plan, and both sides never look the same."""
    assert _lines({"a": "x"}, {"a": LONG}) == ['~ a: "x" -> "' + "x" * 58 + "…"]
    assert _lines({"a": f"{LONG}y"}, {"a": f"{LONG}z"}) == [f'~ a: …{"x" * 12}y" -> …{"x" * 12}z"']


def test_wide_characters_take_two_columns() -> None:
    """A value is cut by what it takes on the screen."""
    assert shown("日" * 40) == '"' + "日" * 29 + "…"
    assert shown("e\u0301" * 40) == '"' + "e\u0301" * 40 + '"'


def test_what_a_terminal_would_obey_is_written_out() -> None:
    """No value moves the cursor, sets a colour or turns the text around."""
    assert shown("\x1b[31m\x9b\u202e") == '"\\u001b[31m\\u009b\\u202e"'
    assert _lines({"t": "a\n"}, {"t": "\x1b[2J\n"}) == ["~ t:", "    - a", "    + \\u001b[2J"]
    assert _lines({}, {"\u202e": 1}) == ['+ ["\\u202e"]: 1']
