"""Tables: whole lines in a pipe, colours and 80 columns on a terminal."""

from __future__ import annotations

import io

import pytest

from operations.display.table import Row, has_colours, table

LONG = "the host db.example.invalid could not be found by name, nor at any address that was tried before it gave up"
PATH = "/a/path/that/is/longer/than/what/is/left/of/the/line/and/stays/in/one/piece/so/that/it/can/be/copied"
ROWS = [
    Row(cells=("name", "FAILED"), text=LONG, below=(f"next: look at {PATH}",), coloured=1, colour="red"),
    Row(cells=("tcp", "ok"), text="open"),
]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_pipe_gets_whole_lines_without_colours() -> None:
    """What a program or grep reads stands in one line."""
    assert table(ROWS, io.StringIO(), {}) == [
        f"name  FAILED  {LONG}",
        f"      next: look at {PATH}",
        "tcp   ok      open",
    ]


def test_a_terminal_gets_lines_of_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long cause goes on below, indented; a path stays whole."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = table(ROWS, Terminal(), {"NO_COLOR": "1"})
    assert [line for line in lines if len(line) > 80] == [f"        {PATH}"]
    assert lines[0].startswith("name  FAILED  the host")
    assert all(line.startswith("      ") for line in lines[1:-1])
    assert " ".join(line.strip() for line in lines[:2]) == f"name  FAILED  {LONG}"


def test_only_the_verdict_has_a_colour() -> None:
    """The columns stay where they are."""
    first = table(ROWS, Terminal(), {})[0]
    assert first.startswith("name  \x1b[31mFAILED\x1b[0m  the host")


@pytest.mark.parametrize(
    ("environ", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colours_are_for_terminals(environ: dict[str, str], terminal: bool, coloured: bool) -> None:  # noqa: FBT001 - a table
    """NO_COLOR always wins; FORCE_COLOR comes before what the stream is."""
    assert has_colours(Terminal() if terminal else io.StringIO(), environ) is coloured
