"""What is wrong with an answer of another shape, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


def first_fault(error: ValidationError, *place: str) -> str:
    """The first field that is not as it should be, and why. What was found is not told: it may be a secret.

    Args:
        error: What the model said.
        place: Where in the answer the model begins.
    """
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    name = ".".join((*place, *(str(part) for part in first["loc"]))) or "the answer"
    return f"the answer is not what it should be: {name}: {first['msg']}"
