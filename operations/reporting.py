"""How up, preview, refresh and destroy answer: one document for a program, progress and a next step for a person."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from operations import changes, console
from operations.changes import unseen
from operations.display.listeners import make_listener
from operations.display.plan import STACK_TYPE, output_lines, summed_up, untold
from operations.errors import ExitCode
from operations.next_steps import filled
from pulumi_embedded.api import Message, StepFailed, StepStarted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping
    from typing import Any, TextIO

    from operations.changes import Done, ShowProgress
    from operations.engines.interface import Change
    from pulumi_embedded.api import Event, Result, Step


def shower(*, verbose: bool) -> ShowProgress:
    """Show progress on standard error."""

    def show(*, planned: bool = False) -> Progress:

        return Progress(verbose=verbose, planned=planned)

    return show


def carried_out(kind: Change, arguments: argparse.Namespace) -> Done:
    """Carry a change out as the command line says, asking where somebody is there to answer."""
    return changes.change(
        kind,
        changes.Target.from_arguments(arguments),
        yes=arguments.yes,
        ask=asker(kind),
        show=shower(verbose=arguments.verbose),
    )


def asker(kind: str) -> Callable[[Result], bool] | None:
    """Whoever asks whether a plan is to be carried out; None where nobody is there to answer."""
    if not console.can_ask():
        return None
    return lambda plan: console.agreed(f"{kind} {plan.stack}: carry this plan out?")


def exit_code(done: Done) -> ExitCode:
    """What the exit code says about it."""
    if done.refused:
        return ExitCode.CHANGES_REFUSED
    if done.result.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.SUCCESS if done.result.succeeded else ExitCode.RESOURCE_FAILED


def report(done: Done, *, as_json: bool, next_step: str, stack: str = "") -> ExitCode:
    """Answer, say what was not seen healthy and the next step, and return the exit code.

    Args:
        done: How the change ended.
        as_json: Whether a program reads the answer.
        next_step: What to do after a success; empty for nothing.
        stack: The stack's name; empty where the change promises nothing about the app.
    """
    if as_json:
        verdict = "refused" if done.refused else None
        console.answer(done.document or console.of_run(done.result, done.engine, verdict=verdict))
    code = exit_code(done)
    if done.refused:
        console.say(str(done.refused))
    elif code is ExitCode.RESOURCE_FAILED:
        kept = "" if done.result.kind == "preview" else "; what was made is kept and recorded"
        console.say(f"  next: correct what is said above and call again{kept}")
    elif code is ExitCode.INTERRUPTED:
        console.say("  next: call again; what was made is kept and recorded")
    else:
        for sentence in unseen(done.result.outputs, stack) if stack else ():
            console.say(sentence)
        if next_step:
            console.say(f"  next: {next_step}")
    return code


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
