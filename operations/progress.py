"""What a person sees of one run: the engine's display, then how it ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from engine.api import Message, StepFailed
from operations.display.listeners import make_listener

if TYPE_CHECKING:
    from typing import TextIO

    from engine.api import Changes, Event, Result

DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}


class Progress:
    """Shows one run on standard error: a live tree in a terminal, plain lines elsewhere. A context manager.

    Args:
        verbose: Show debug messages, too.
        stream: Where to show it.
    """

    def __init__(self, *, verbose: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._display = make_listener(verbose=verbose, stream=self._stream)
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        self._display.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._display.__exit__(*error)

    def on_event(self, event: Event) -> None:
        """Show an event, and remember which errors have been told."""
        if isinstance(event, StepFailed):
            self._told.add(event.message)
        elif isinstance(event, Message):
            self._told.add(event.text)
        self._display.on_event(event)

    def summary(self, result: Result, engine: str) -> None:
        """Say how the run ended, and the errors that no event has told."""
        untold = [f"error: {error}" for error in result.errors if error not in self._told]
        print("\n".join([*untold, summed_up(result, engine)]), file=self._stream, flush=True)


def summed_up(result: Result, engine: str) -> str:
    """One line on how a run ended."""
    ended = "interrupted" if result.interrupted else "done" if result.succeeded else "failed"
    planned = result.kind == "preview"
    counts = counted(result.changes, planned=planned)
    kind = "plan" if planned else result.kind
    return f"{kind} of {result.stack} {ended} in {result.duration_seconds:.1f} s ({engine} engine): {counts}"


def counted(changes: Changes, *, planned: bool) -> str:
    """The changes in words, such as "2 created, 1 unchanged"."""
    parts = [(getattr(changes, name), f"to {name}" if planned else past) for name, past in DONE.items()]
    return ", ".join(f"{count} {text}" for count, text in [*parts, (changes.same, "unchanged")] if count) or "nothing"
