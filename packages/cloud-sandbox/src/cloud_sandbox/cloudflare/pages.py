"""Lists in pages, as `page` and `per_page` ask for them; beyond the last page there is nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare.world import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloud_sandbox.cloudflare.world import Call

SIZE = 50


def page(items: Sequence[Any], call: Call, *, size: int = SIZE) -> tuple[list[Any], dict[str, int]]:
    """The part of a list that was asked for, and what is told of the whole."""
    per_page, number = _number(call.query.get("per_page"), size), _number(call.query.get("page"), 1)
    found = list(items[(number - 1) * per_page : number * per_page])
    pages = -(-len(items) // per_page)
    info = {"page": number, "per_page": per_page, "count": len(found), "total_count": len(items), "total_pages": pages}
    return found, info


def answer(items: Sequence[Any], call: Call) -> Answer:
    """The same as a whole answer."""
    found, info = page(items, call)
    return Answer(result=found, info=info)


def _number(text: str | None, default: int) -> int:
    """A number from the query; what is none, or below one, does not count."""
    return int(text) if text and text.isascii() and text.isdecimal() and int(text) else default
