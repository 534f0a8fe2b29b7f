"""What a person sees of one run: the engine's display, then how it ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from engine.api import Message, StepFailed
from operations.display.listeners import make_listener
from operations.display.plan import summed_up, untold

if TYPE_CHECKING:
    from typing import TextIO

    from engine.api import Event, Result


class Progress:
    """Shows one run on standard error: a live tree in a terminal, plain lines elsewhere. A context manager.

    Args:
        verbose: Show debug messages, too.
        planned: Whether the run only plans.
        stream: Where to show it.
    """

    def __init__(self, *, verbose: bool = False, planned: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._display = make_listener(verbose=verbose, planned=planned, stream=self._stream)
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
        errors = [f"error: {error}" for error in untold(result.errors, self._told)]
        print("\n".join([*errors, summed_up(result, engine)]), file=self._stream, flush=True)
