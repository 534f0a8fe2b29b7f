"""What a command says to a person (standard error) and to a program (standard output)."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations.errors import ChangesRefusedError
from operations.next_steps import filled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_embedded.api import Output, Result


def say(text: str = "") -> None:
    """Tell a person; commands in it are those of this run."""
    print(filled(text), file=sys.stderr, flush=True)


def answer(document: Any) -> None:
    """Give a program its one document."""
    print(as_text(document), flush=True)


def can_ask() -> bool:
    """Whether somebody is there to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def asked(question: str) -> str:
    """Ask; what was typed, without blanks around it."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def agreed(question: str) -> bool:
    """Ask; anything but a yes is a no."""
    return asked(f"{question} [y/N] ").lower() in {"y", "yes"}


def why_not(*, asked: bool) -> str:
    """Why something is not done that needs a yes."""
    return "the answer was no" if asked else "there is no terminal to ask on, and no --yes"


def require_agreement(question: str, *, yes: bool, otherwise: str, next_step: str) -> None:
    """Ask before something is done that `--yes` has not agreed to.

    Args:
        question: What is asked.
        yes: Agreed to beforehand.
        otherwise: What was not done without a yes, as a sentence that goes on with "because".
        next_step: What to do instead.

    Raises:
        ChangesRefusedError: The answer was no, or nobody is there to answer.
    """
    asked = not yes and can_ask()
    if not yes and not (asked and agreed(question)):
        raise ChangesRefusedError(f"{otherwise}, because {why_not(asked=asked)}", next_step=next_step)


MASK = "[secret]"


def outcome(result: Result) -> str:
    """Say in one word how a run ended."""
    if result.interrupted:
        return "interrupted"
    if not result.succeeded:
        return "failed"
    return "succeeded"


def shown(outputs: Mapping[str, Output], *, show_secrets: bool = False) -> dict[str, Any]:
    """The outputs as values, secrets masked unless asked for."""
    return {
        name: MASK if output.secret and not show_secrets else output.value for name, output in sorted(outputs.items())
    }


def of_run(result: Result, engine: str, *, verdict: str | None = None) -> dict[str, Any]:
    """The answer of up, refresh and destroy."""
    answer = {
        "stack": result.stack,
        "engine": engine,
        "result": verdict or outcome(result),
        "changes": asdict(result.changes),
        "outputs": shown(result.outputs),
        "durationSeconds": round(result.duration_seconds, 3),
    }
    return {**answer, "errors": [filled(error) for error in result.errors]} if result.errors else answer


def of_error(message: str, next_step: str, *, code: int, name: str) -> dict[str, Any]:
    """The answer of a command that ended before it had anything else to say."""
    return {"error": {"code": code, "name": name, "message": message, "next": next_step}}


def of_failed_preview(message: str, next_step: str, *, code: int, name: str) -> dict[str, Any]:
    """The same for a preview, whose readers look for the cause among the diagnostics."""
    told = {"message": f"error: {message}\n", "severity": "error"}
    return {**of_error(message, next_step, code=code, name=name), "diagnostics": [told]}


def as_text(answer: Any) -> str:
    """One document."""
    return json.dumps(answer, indent=2, ensure_ascii=False)


SUMMARY_VARIABLE, OUTPUT_VARIABLE = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"
"""They name files of the job; without them this is no job."""


def summarize(markdown: str, environ: Mapping[str, str]) -> None:
    """Add to the summary of the job, where this is one."""
    _append(environ.get(SUMMARY_VARIABLE, ""), markdown)


def put_out(name: str, value: str, environ: Mapping[str, str]) -> None:
    """Set an output of the step, where this is one. The value is one line."""
    if not value.isprintable():
        raise ValueError(f"the output {name} is not one line")
    _append(environ.get(OUTPUT_VARIABLE, ""), f"{name}={value}\n")


def _append(file: str, text: str) -> None:
    if file:
        with Path(file).open("a", encoding="utf-8") as opened:
            opened.write(text)
