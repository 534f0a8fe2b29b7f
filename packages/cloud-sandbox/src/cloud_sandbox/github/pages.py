"""Lists in pages, and the header `Link` that leads from one to the next.

Source: https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from cloud_sandbox.github.world import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloud_sandbox.github.world import Call

SIZE, LARGEST = 30, 100


def answer(items: Sequence[Any], call: Call) -> Answer:
    """The page of a list that was asked for; beyond the last one there is nothing."""
    size = min(_number(call.query.get("per_page"), SIZE), LARGEST)
    number = _number(call.query.get("page"), 1)
    last = max(1, -(-len(items) // size))
    links = {
        "prev": number - 1 if number > 1 else 0,
        "next": number + 1 if number < last else 0,
        "last": last if number < last else 0,
        "first": 1 if number > 1 else 0,
    }
    told = ", ".join(f'<{_url(call, page)}>; rel="{rel}"' for rel, page in links.items() if page)
    found = list(items[(number - 1) * size : number * size])
    return Answer(body=found, headers={"Link": told} if told else {})


def _url(call: Call, page: int) -> str:
    return f"{call.base}{call.request.path}?{urlencode({**call.query, 'page': str(page)})}"


def _number(text: str | None, default: int) -> int:
    """A number from the query; what is none, or below one, does not count."""
    return int(text) if text and text.isascii() and text.isdecimal() and int(text) else default
