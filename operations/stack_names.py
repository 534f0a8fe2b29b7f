"""The stacks there are, known without loading anything: a wrong name is answered before anything else happens."""

from __future__ import annotations

from pathlib import Path

from operations.errors import UsageError
from stacks.stack_names import ALLOWED, environments, files, is_name, is_pull_request, names, order, refusal

__all__ = ["ALLOWED", "checked", "environments", "files", "is_name", "is_pull_request", "names", "order"]

PROJECT = Path(__file__).resolve().parent.parent


def checked(name: str) -> str:
    """Return the name of a stack if there is one.

    Raises:
        UsageError: There is none of that name; the nearest names and the allowed ones are in the text.
    """
    refused = refusal(name, PROJECT)
    if refused:
        raise UsageError(refused[0], next_step=refused[1])
    return name
