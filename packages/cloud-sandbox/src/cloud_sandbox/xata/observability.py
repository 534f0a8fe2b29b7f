"""Metrics and logs: their requests are checked, but there is no backend, so a good one fails (500).

Source: services/projects/api/handler.go and logs.go.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloud_sandbox.xata import bodies, messages
from cloud_sandbox.xata.messages import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.xata.calls import Answer, Call
    from cloud_sandbox.xata.world import World

LONGEST_RANGE = timedelta(days=180)
MOST_METRICS, MOST_LOGS, MOST_FILTERS, MOST_VALUES, LONGEST_VALUE = 15, 200, 16, 100, 1024
LEVELS = ("debug", "info", "warning", "error")
LISTED_FIELDS, TEXT_OPERATIONS = ("instance", "level", "process"), ("contains", "icontains", "regex", "iregex")


def metrics(world: World, call: Call) -> Answer:
    """POST …/metrics."""
    body = bodies.read(call.request, bodies.METRICS, loose=True)
    if not world.settings.is_april:
        wanted = body.get("metrics") or []
        if not wanted:
            raise messages.invalid("metrics", "`metrics` must not be empty", branch=call.branch)
        if len(wanted) > MOST_METRICS:
            raise messages.invalid("metrics", f"at most {MOST_METRICS} metrics may be requested", branch=call.branch)
    _check_range(call.branch, body)
    instances = body.get("instances") or []
    if world.settings.is_april:
        _check_instances(call.branch, instances, "invalid instance", lambda name: name.startswith(call.branch))
    with world.mutex:
        branch = world.branch(call.organization, call.project, call.branch)
        known = {f"{branch.id}-{number}" for number in range(1, branch.cluster.replicas + 2)}
    if not world.settings.is_april:
        _check_instances(call.branch, instances, "unknown instance", known.__contains__)
    raise messages.internal("no metrics backend")


def logs(world: World, call: Call) -> Answer:
    """POST …/logs."""
    body = bodies.read(call.request, bodies.LOGS, loose=True)
    _check_range(call.branch, body)
    limit = body.get("limit")
    if limit is not None and not 1 <= limit <= MOST_LOGS:
        raise messages.invalid("limit", f"limit must be between 1 and {MOST_LOGS}", branch=call.branch)
    filters = body.get("filters") or []
    if len(filters) > MOST_FILTERS:
        raise messages.invalid("filters", f"at most {MOST_FILTERS} filters are allowed", branch=call.branch)
    for place, one in enumerate(filters):
        problem = _filter_problem(one)
        if problem:
            raise messages.invalid(f"filters[{place}].{problem[0]}", problem[1], branch=call.branch)
    with world.mutex:
        world.branch(call.organization, call.project, call.branch)
    raise messages.internal("no logs backend")


def _check_range(branch: str, body: dict[str, Any]) -> None:
    """Refuse a range that ends before it starts or is longer than half a year."""
    start, end = (_moment(body.get(name)) for name in ("start", "end"))
    if end < start:
        raise messages.invalid("start", "start time must come before end time", branch=branch)
    if end - start > LONGEST_RANGE:
        raise messages.invalid("end", "maximum date range is 4320h0m0s", branch=branch)


def _moment(text: str | None) -> datetime:
    try:
        return datetime.fromisoformat(text or "0001-01-01T00:00:00Z")
    except ValueError:
        raise RefusedError(400, f'parsing time "{text}": day out of range') from None


def _check_instances(branch: str, names: list[str], problem: str, known: Callable[[str], bool]) -> None:
    for name in names:
        if not known(name):
            raise messages.invalid("instances", f"{problem} [{name}]", branch=branch)


def _filter_problem(given: dict[str, Any]) -> tuple[str, str] | None:
    """The part of a filter that is wrong, and why; None when it is fine."""
    field, operation = given.get("field", ""), given.get("op", "")
    if field in LISTED_FIELDS:
        return _list_problem(given, field, operation)
    if field == "body":
        return _text_problem(given, operation)
    return "field", f"unknown field [{field}]"


def _list_problem(given: dict[str, Any], field: str, operation: str) -> tuple[str, str] | None:
    values = given.get("values") or []
    unknown = [value for value in values if field == "level" and value not in LEVELS]
    checks = (
        (operation != "in", "op", f"op [{operation}] not allowed for field [{field}]"),
        (not values, "values", "values must be non-empty for op [in]"),
        (len(values) > MOST_VALUES, "values", f"at most {MOST_VALUES} values are allowed"),
        (given.get("value") is not None, "value", "value must be unset for op [in]"),
        (bool(unknown), "values", f"invalid log level [{''.join(unknown[:1])}]"),
    )
    return next(((part, text) for wrong, part, text in checks if wrong), None)


def _text_problem(given: dict[str, Any], operation: str) -> tuple[str, str] | None:
    value = given.get("value") or ""
    checks = (
        (not value, "value", f"value must be non-empty for op [{operation}]"),
        (len(value.encode()) > LONGEST_VALUE, "value", f"value must be at most {LONGEST_VALUE} characters"),
        (bool(given.get("values")), "values", f"values must be unset for op [{operation}]"),
        (operation not in TEXT_OPERATIONS, "op", f"op [{operation}] not allowed for field [body]"),
        (operation.endswith("regex") and not _is_regex(value), "value", f"invalid regex: {value}"),
    )
    return next(((part, text) for wrong, part, text in checks if wrong), None)


def _is_regex(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True
