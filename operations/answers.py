"""The JSON documents that commands answer with. `docs/schemas/` describes them; tests hold both together."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from operations.next_steps import filled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_embedded.api import Output, Result

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
