"""What a person sees of one run: the engine's display, then how it ended."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from operations.display.listeners import make_listener
from operations.display.plan import STACK_TYPE, output_lines, summed_up, untold
from operations.next_steps import filled
from pulumi_embedded.api import Message, StepFailed, StepStarted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TextIO

    from pulumi_embedded.api import Event, Result, Step


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
        self._outputs: Mapping[str, Any] | None = None

    def __enter__(self) -> Self:
        self._display.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._display.__exit__(*error)

    def on_event(self, event: Event) -> None:
        """Show an event, and remember which errors have been told, and which outputs were there before."""
        if isinstance(event, StepStarted) and event.step.type == STACK_TYPE and event.step.op != "refresh":
            self._outputs = _outputs(event.step)
        elif isinstance(event, StepFailed):
            self._told.add(event.message)
            event = replace(event, message=filled(event.message))
        elif isinstance(event, Message):
            self._told.add(event.text)
            event = replace(event, text=filled(event.text))
        self._display.on_event(event)

    def summary(self, result: Result, engine: str) -> None:
        """Say how the run ended, which outputs a plan changes, and the errors that no event has told."""
        lines = [filled(f"error: {error}") for error in untold(result.errors, self._told)]
        if result.kind == "preview" and result.succeeded and self._outputs is not None:
            changed = output_lines(self._outputs, result.outputs)
            lines += ["   outputs", *(f"     {line}" for line in changed)] if changed else []
        print("\n".join([*lines, summed_up(result, engine)]), file=self._stream, flush=True)


def _outputs(stack: Step) -> Mapping[str, Any] | None:
    """The recorded outputs; None where the stack itself goes, and they with it."""
    if stack.new_state is None:
        return None
    return stack.old_state.outputs if stack.old_state is not None else {}
