"""Tables, and the one place that decides about colours and width: a terminal gets both, a pipe whole lines without."""

from __future__ import annotations

import os
import shutil
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLOURS: Final = {"red": 31, "green": 32, "yellow": 33, "magenta": 35, "cyan": 36, "dim": 2}
GAP: Final = "  "
LEAST_TEXT: Final = 30
"""Columns that a text has at least, however wide what stands before it is."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a table, and what stands below it.

    Attributes:
        cells: The columns before the text.
        text: What may be long.
        below: Further lines, such as the next step.
        coloured: Which of the cells has a colour.
        colour: Its name; empty for none.
    """

    cells: tuple[str, ...]
    text: str
    below: tuple[str, ...] = ()
    coloured: int = 0
    colour: str = ""


def table(rows: Sequence[Row], stream: TextIO, environ: Mapping[str, str] = os.environ) -> list[str]:
    """The rows as lines for a stream; on a terminal a long text goes on below, indented by the first column.

    Args:
        rows: All with as many cells.
        stream: Where the lines go.
        environ: Holds NO_COLOR, FORCE_COLOR, TERM and COLUMNS.
    """
    widths = [max((len(row.cells[column]) for row in rows), default=0) for column in range(len(rows[0].cells))]
    columns = shutil.get_terminal_size().columns if stream.isatty() else 0
    indent = " " * (widths[0] + len(GAP))
    lines: list[str] = []
    for row in rows:
        start = "".join(f"{cell:<{width}}{GAP}" for cell, width in zip(row.cells, widths, strict=True))
        first, *more = _wrapped(start + row.text, indent, columns)
        lines += [_painted(first, row, widths) if has_colours(stream, environ) else first, *more]
        for text in row.below:
            lines += _wrapped(indent + text, indent + GAP, columns)
    return [line.rstrip() for line in lines]


def has_colours(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what goes to a stream has colours: NO_COLOR always wins, FORCE_COLOR comes before the kind of stream."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "") not in {"", "0"}:
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


def painted(text: str, colour: str) -> str:
    """A text in a colour."""
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if colour and text else text


def _painted(line: str, row: Row, widths: Sequence[int]) -> str:
    start = sum(width + len(GAP) for width in widths[: row.coloured])
    end = start + len(row.cells[row.coloured])
    return line[:start] + painted(line[start:end], row.colour) + line[end:]


def _wrapped(text: str, indent: str, columns: int) -> list[str]:
    """The text in lines of a terminal, of which the further ones are indented; words, such as paths, stay whole."""
    first, *others = text.split("\n")
    if not columns:
        return [first, *(indent + line for line in others)]
    lines: list[str] = []
    for number, line in enumerate((first, *others)):
        head = len(line) - len(line.lstrip()) if number == 0 else 0
        lines += textwrap.wrap(
            line[head:],
            max(columns, len(indent) + LEAST_TEXT),
            initial_indent=line[:head] if number == 0 else indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
            replace_whitespace=False,
        ) or [""]
    return lines
