"""What Xata's answers say of themselves, besides what was asked for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.http.exchange import Answer


def message_of(answer: Answer) -> str:
    """The `message` of an error's body; empty when the body is not Xata's. It may hold secrets: scrub it."""
    found = answer.document.get("message")
    return found if isinstance(found, str) else ""


def request_id_of(answer: Answer) -> str:
    """The request's id as the server tells it, in the header or in the body."""
    found = answer.headers.get("x-request-id") or answer.document.get("id")
    return found if isinstance(found, str) else ""
