"""Markdown as GitHub reads it, in which nothing that others wrote can do anything. Pure.

What comes from a document (names, values, messages) stands in code spans and fenced blocks alone: there is no HTML, no
mention, no link and no emphasis in them. The fence is longer than any in the text, and characters that would turn or
hide text are written as their numbers.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST_NAME: Final = 120
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK: Final = frozenset({"\u00a0", "\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"})
"""What looks like nothing, or like a plain blank."""


def plain(text: str, *, longest: int = LONGEST_NAME) -> str:
    """One line in which every character shows; what is longer then is cut."""
    shown = "".join(_shown(character) for character in text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN and character not in _BLANK:
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004 - beyond the first plane


def code(text: str, *, in_table: bool = False) -> str:
    """A code span."""
    shown = plain(text) or " "
    if in_table:
        shown = shown.replace("|", "\\|")
    ticks = "`" * (_longest_run(shown) + 1)
    space = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{ticks}{space}{shown}{space}{ticks}"


def fence(lines: list[str], language: str = "") -> str:
    """A fenced block; every line is made plain, whatever it holds."""
    shown = [plain(line, longest=400) for line in lines]
    ticks = "`" * max(3, _longest_run("\n".join(shown)) + 1)
    return "\n".join([f"{ticks}{language}", *shown, ticks])


def folded(summary: str, body: str) -> str:
    """A part that is opened on a click. The summary is ours: it holds nothing that others wrote."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def length(text: str) -> int:
    """Characters as JavaScript counts them, which is never less than how others do."""
    return len(text.encode("utf-16-le")) // 2


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
