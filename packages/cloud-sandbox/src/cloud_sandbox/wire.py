"""Requests, answers and routes, free of any HTTP library."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Operation = TypeVar("Operation")
Cut = Literal["", "before", "in", "after"]

JSON_TYPE = "application/json"


def _present() -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request. `path` and `query` are as sent (still percent-encoded), header names are lower case.

    `gone` says whether the caller has closed the connection: a create that is not committed by then is rolled back.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    gone: Callable[[], bool] = field(default=_present, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What an operation answers, before it is written as JSON; no body for 204."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Response:
    """One answer, and how its delivery goes wrong.

    `cut`: `before` sends nothing and closes, `in` sends half of the body, `after` sends all and closes.
    `delay` is in seconds, before the first byte.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    cut: Cut = ""
    delay: float = 0.0


NO_ANSWER = Response(status=0, cut="before")


@dataclass(frozen=True, kw_only=True)
class Route(Generic[Operation]):
    """What answers a method and a path. `scope` names what a key must be allowed, in each cloud's own words."""

    method: str
    path: str
    scope: str
    operation: Operation


def _fits(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    found = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith(":"):
            found[wanted[1:]] = unquote(part, errors="surrogateescape")
        elif wanted != part:
            return None
    return found


def match(
    routes: tuple[Route[Operation], ...], method: str, path: str
) -> tuple[Route[Operation], dict[str, str]] | None:
    """The operation a request asks for and the values of its path; a slash at the end does not matter.

    Fixed parts win over placeholders: `GET …/projects/limits` never asks for a project named `limits`.
    """
    parts = (path[:-1] if len(path) > 1 and path.endswith("/") else path).split("/")
    candidates = [(route, _fits(route.path.split("/"), parts)) for route in routes if route.method == method]
    fitting = [(route, values) for route, values in candidates if values is not None]
    return min(fitting, key=lambda pair: len(pair[1]), default=None)


def encode(value: Any) -> bytes:
    """Compact JSON, a line feed at the end."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def moment(microseconds: int) -> str:
    """A time as the API writes it: UTC, as many decimals as it needs, at most six."""
    whole = datetime.fromtimestamp(microseconds // 1_000_000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    decimals = f"{microseconds % 1_000_000:06d}".rstrip("0")
    return f"{whole}.{decimals}Z" if decimals else f"{whole}Z"
