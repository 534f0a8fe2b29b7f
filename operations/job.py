"""What a job of a workflow is told besides its log: Markdown in its summary, and outputs for later steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
