"""What goes wrong on order: which requests, and how.

A fault is matched by method and path, skips the first requests it is told to skip, and ends after so many times.
"""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from cloud_sandbox.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloud_sandbox.wire import Cut, Request

CODES = (
    "Aborted",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "PermissionDenied",
    "Unavailable",
)
CUTS = ("", "before", "in", "after")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One order.

    `match`: `method` (empty: any), `path` (a regular expression found anywhere in it), `nth` (1 is the next matching
    request); `times`: for how many requests it holds from there on, 0 for ever.

    Without being worked on: `status` answers that status (with `retryAfter` as `Retry-After`, seconds or a date, and
    `message` below 500); `cut: before` closes the connection without an answer.
    Worked on, then: `loseAnswer` drops the answer after the write, `malformed` breaks its JSON, `cut: in` stops in
    the middle of it, `cut: after` closes after it, `delay` waits so many seconds before it.
    While a branch is created: `hold` keeps the project's lock so many seconds, `abort` rolls back at the end of them
    (the caller is gone: no row), and `cluster` lets the clusters service refuse create, update, delete or rotate with
    that gRPC code.
    """

    method: str = ""
    path: str = ""
    nth: int = 1
    times: int = 1
    status: int = 0
    message: str = ""
    retry_after: str = ""
    delay: float = 0.0
    hold: float = 0.0
    cut: Cut = ""
    lose_answer: bool = False
    malformed: bool = False
    abort: bool = False
    cluster: str = ""

    def __post_init__(self) -> None:
        """Refuse what would never match or never happen."""
        if self.cut not in CUTS or (self.cluster and self.cluster not in CODES):
            raise ControlError(f"cut is one of {CUTS}, cluster one of {CODES}; got {self.cut!r} and {self.cluster!r}")
        if (self.status and not 100 <= self.status <= 599) or self.nth < 1 or self.times < 0:  # noqa: PLR2004 - the range of HTTP statuses
            raise ControlError(f"status {self.status}, nth {self.nth} or times {self.times} is out of range")
        if min(self.delay, self.hold) < 0:
            raise ControlError("delay and hold are seconds, not negative")
        try:
            re.compile(self.path)
        except re.error as error:
            raise ControlError(f"path {self.path!r} is no regular expression: {error}") from error

    def matches(self, request: Request) -> bool:
        """Whether the order is about such a request."""
        return self.method in {"", request.method} and re.search(self.path, request.path) is not None


NAMES = {"retryAfter": "retry_after", "loseAnswer": "lose_answer"}


def fault_of(data: Mapping[str, Any]) -> Fault:
    """An order from JSON, the parts of `match` beside or inside the rest.

    Raises:
        ControlError: A part is unknown or has another type.
    """
    flat = {**data, **data.get("match", {})}
    given = {NAMES.get(name, name): value for name, value in flat.items() if name != "match"}
    known = {part.name: part for part in fields(Fault)}
    for name, value in given.items():
        if name not in known:
            raise ControlError(f"a fault has no part {name!r}; known: {', '.join(sorted(known))}")
        wanted = type(known[name].default)
        if name == "retry_after":
            given[name] = str(value)
        elif wanted is float and type(value) in {int, float}:
            given[name] = float(value)
        elif type(value) is not wanted:
            raise ControlError(f"{name} is a {wanted.__name__}, not {value!r}")
    return Fault(**given)


@dataclass(kw_only=True)
class _Order:
    fault: Fault
    seen: int = 0
    done: int = 0


@dataclass(kw_only=True)
class Faults:
    """The orders; the first one that applies wins."""

    orders: list[_Order] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, fault: Fault) -> None:
        """Order a fault."""
        with self.lock:
            self.orders.append(_Order(fault=fault))

    def listed(self) -> list[dict[str, Any]]:
        """The orders as JSON-able data, with how many matching requests came and how many were broken."""
        with self.lock:
            return [asdict(order.fault) | {"seen": order.seen, "done": order.done} for order in self.orders]

    def clear(self) -> None:
        """Cancel all orders."""
        with self.lock:
            self.orders.clear()

    def take(self, request: Request) -> Fault | None:
        """The fault for this request, counted as used; every order counts the request."""
        chosen = None
        with self.lock:
            for order in self.orders:
                if not order.fault.matches(request):
                    continue
                order.seen += 1
                due = order.seen >= order.fault.nth and (not order.fault.times or order.done < order.fault.times)
                if due and chosen is None:
                    order.done += 1
                    chosen = order.fault
        return chosen
