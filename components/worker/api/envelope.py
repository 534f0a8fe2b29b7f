"""The envelope of Cloudflare's answers: `success`, `errors`, `result`, `result_info`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.http.exchange import Answer


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One error of an answer. The message is the server's: it may hold secrets."""

    code: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """Where a list stands: the number of this page, from 1, and how many things all pages hold. None: not told."""

    number: int | None
    total: int | None


def is_enveloped(answer: Answer) -> bool:
    """Whether Cloudflare itself answered: the body says whether it succeeded."""
    return isinstance(answer.document.get("success"), bool)


def has_succeeded(answer: Answer) -> bool:
    """Whether the status and the envelope both say so."""
    return answer.succeeded and answer.document.get("success") is True


def troubles_of(answer: Answer) -> tuple[Trouble, ...]:
    """The errors of an answer; those that cannot be read are left out."""
    found = answer.document.get("errors")
    return tuple(trouble for item in (found if isinstance(found, list) else []) if (trouble := _trouble(item)))


def _trouble(item: Any) -> Trouble | None:
    code, message = (item.get("code"), item.get("message")) if isinstance(item, dict) else (None, None)
    if isinstance(code, bool) or not isinstance(code, int):
        return None
    return Trouble(code=code, message=message if isinstance(message, str) else "")


def message_of(answer: Answer) -> str:
    """The errors' messages as one text."""
    return "; ".join(trouble.message for trouble in troubles_of(answer) if trouble.message)


def ray_of(answer: Answer) -> str:
    """What Cloudflare's support finds the request by."""
    return answer.headers.get("cf-ray", "")


def page_of(answer: Answer) -> Page:
    """Where the list in the answer stands."""
    info = answer.document.get("result_info")
    told = info if isinstance(info, dict) else {}
    return Page(number=_count(told.get("page")), total=_count(told.get("total_count")))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
