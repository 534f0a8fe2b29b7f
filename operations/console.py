"""What a command says to a person (standard error) and to a program (standard output)."""

from __future__ import annotations

import sys
from typing import Any

from operations.answers import as_text
from operations.next_steps import filled


def say(text: str = "") -> None:
    """Tell a person; commands in it are those of this run."""
    print(filled(text), file=sys.stderr, flush=True)


def answer(document: Any) -> None:
    """Give a program its one document."""
    print(as_text(document), flush=True)


def can_ask() -> bool:
    """Whether somebody is there to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Ask; anything but a yes is a no."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
