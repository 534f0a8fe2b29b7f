"""How up, preview, refresh and destroy answer: one document for a program, progress and a next step for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations import answers, changes, console
from operations.deployed import unseen
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from operations.changes import Done, ShowProgress
    from operations.engines.interface import Change
    from operations.progress import Progress
    from pulumi_embedded.api import Result


def shower(*, verbose: bool) -> ShowProgress:
    """Show progress on standard error."""

    def show(*, planned: bool = False) -> Progress:
        from operations.progress import Progress  # noqa: PLC0415 - loads the engine

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
        console.answer(done.document or answers.of_run(done.result, done.engine, verdict=verdict))
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
