"""How a sync is told: one document for a program, and for a job on GitHub its summary and an output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operations.exit_codes import ExitCode
from operations.job import put_out, summarize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operations.sync.following import Followed, Step

RESULTS = {ExitCode.SUCCESS: "succeeded", ExitCode.CHANGES_REFUSED: "refused", ExitCode.INTERRUPTED: "interrupted"}
STATES = {"up": "up", "down": "gone"}


def as_answer(stack: str, repository: str, followed: Followed) -> dict[str, Any]:
    """The answer for a program."""
    return {
        "stack": stack,
        "repository": repository,
        "environment": state_of(followed),
        "why": followed.decision.why,
        "address": address_of(followed),
        "steps": [_step(one) for one in followed.steps],
    }


def state_of(followed: Followed) -> str:
    """What the environment is now: up, gone or untouched; unknown where the last step did not end well."""
    last = followed.steps[-1] if followed.steps else None
    if last is None or (last.done.code is ExitCode.CHANGES_REFUSED and len(followed.steps) == 1):
        return "untouched"
    return STATES[last.decision.verb] if last.done.code is ExitCode.SUCCESS else "unknown"


def address_of(followed: Followed) -> str:
    """Where the environment answers; empty where it does not."""
    return followed.steps[-1].done.address if state_of(followed) == "up" else ""


def sentence(stack: str, followed: Followed) -> str:
    """How it ended, for a person."""
    told = {
        "up": f"the environment {stack} is up",
        "gone": f"there is no environment {stack}",
        "untouched": f"the environment {stack} was left as it is",
        "unknown": f"the environment {stack} is not what it should be, as the log says",
    }
    return f"{told[state_of(followed)]}: {followed.decision.why}"


def tell_run(stack: str, followed: Followed, environ: Mapping[str, str]) -> None:
    """Tell a workflow's run, where this is one: the summary of the job, and the output `address`.

    Neither holds a word that came from the pull request.
    """
    address = address_of(followed)
    words = sentence(stack, followed)
    summarize(f"{words}.\n\n" + (f"<{address}>\n\n" if address else ""), environ)
    put_out("address", address, environ)


def _step(step: Step) -> dict[str, Any]:
    return {
        "do": step.decision.verb,
        "why": step.decision.why,
        "result": RESULTS.get(step.done.code, "failed"),
        "changes": dict(step.done.changes),
    }
