"""The bodies of requests: which fields there are, and what an unreadable one is answered with.

A field that no table names is skipped, and `null` is the same as a field that is not there. Two ways of refusing exist
on the real server: most handlers answer 400 with status and message in one text, `loose` ones (the creation of a
project) with that status and that message. Source: services/projects/api/spec/server.gen.go.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloud_sandbox.xata.messages import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloud_sandbox.wire import Request

Shape = Any
"""`string`, `bool`, `int`, `int32`, `map` for texts by name, a table of fields, or a list of the shape of its items."""
SCALE: dict[str, Shape] = {"enabled": "bool", "inactivityPeriodMinutes": "int"}
PROJECT: dict[str, Shape] = {
    "name": "string",
    "configuration": {
        "ipFiltering": {"cidr": [{"cidr": "string", "description": "string"}], "enabled": "bool"},
        "scaleToZero": {"baseBranches": SCALE, "childBranches": SCALE},
    },
}
BACKUP: dict[str, Shape] = {"backupTime": "string", "retentionPeriod": "int32"}
CLUSTER: dict[str, Shape] = {
    "image": "string",
    "instanceType": "string",
    "postgresConfigurationParameters": "map",
    "preloadLibraries": ["string"],
    "replicas": "int32",
    "storage": "int32",
}
PLACED: dict[str, Shape] = {**CLUSTER, "region": "string"}
BRANCH: dict[str, Shape] = {
    "backupConfiguration": BACKUP,
    "description": "string",
    "name": "string",
    "scaleToZero": SCALE,
}
MODES: dict[str, dict[str, Shape]] = {"inherit": {"parentID": "string"}, "custom": {"configuration": PLACED}}
BRANCH_UPDATE: dict[str, Shape] = {**BRANCH, **CLUSTER, "hibernate": "bool"}
RESTORE: dict[str, Shape] = {**BRANCH, "configuration": PLACED}
ROTATION: dict[str, Shape] = {"username": "string"}

JSON = "application/json"
BITS = {"int32": 31, "int": 63}
KINDS = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}


class _UnreadableError(Exception):
    """The body or a field of it cannot be read."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def read(request: Request, shape: Mapping[str, Shape], *, loose: bool = False) -> dict[str, Any]:
    """The fields that were given.

    Raises:
        RefusedError: The body is unreadable.
    """
    try:
        return _fields(_document(request), shape, "")
    except _UnreadableError as error:
        text = str(error) if loose else f"code={error.status}, message={error}"
        raise RefusedError(error.status if loose else 400, text) from error


def read_branch(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """A branch creation: its common fields, and the whole body for the part that depends on the mode.

    Raises:
        RefusedError: It is unreadable.
    """
    return read(request, BRANCH), _document(request)


def branch_mode(document: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The mode of a branch creation and the fields it asks for.

    Raises:
        ValueError: The mode is unknown, or a field has another type; the text is the server's.
    """
    mode = document.get("mode") or ""
    if mode not in MODES:
        raise ValueError(f"unknown discriminator value: {mode}")
    try:
        return mode, _fields(document, MODES[mode], "")
    except _UnreadableError as error:
        raise ValueError(str(error)) from error


def _document(request: Request) -> dict[str, Any]:
    """The body's object; empty when there is none to read."""
    if not request.body:
        return {}
    if (request.headers.get("content-type") or JSON).partition(";")[0].strip() != JSON:
        raise _UnreadableError("Unsupported Media Type", status=415)
    found = _parsed(request.body)
    if not isinstance(found, dict | None):
        raise _mismatch("object", found, "")
    return found or {}


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode(errors="replace"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _UnreadableError("Syntax error: the body is no JSON") from None


def _no_number(word: str) -> None:
    raise ValueError(word)


def _fields(document: Mapping[str, Any], shape: Mapping[str, Shape], place: str) -> dict[str, Any]:
    given = {name: document[name] for name in shape if document.get(name) is not None}
    return {name: _value(value, shape[name], f"{place}{name}") for name, value in given.items()}


def _value(value: Any, shape: Shape, place: str) -> Any:
    if isinstance(shape, list) and isinstance(value, list):
        return [_value(item, shape[0], place) for item in value if item is not None]
    if shape == "map" and isinstance(value, dict):
        return {_text(name): _value(item, "string", f"{place}.{name}") for name, item in value.items()}
    if isinstance(shape, dict) and isinstance(value, dict):
        return _fields(value, shape, f"{place}.")
    if shape == "string" and isinstance(value, str):
        return _text(value)
    if shape == "bool" and isinstance(value, bool):
        return value
    if shape in ("int", "int32") and type(value) is int and -(2 ** BITS[shape]) <= value < 2 ** BITS[shape]:
        return value
    raise _mismatch(shape if isinstance(shape, str) else KINDS[type(shape)], value, place)


def _text(value: str) -> str:
    """Half a character of two is no text: the real server reads the sign for an unknown one."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _mismatch(wanted: str, value: Any, place: str) -> _UnreadableError:
    return _UnreadableError(f"Unmarshal type error: expected={wanted}, got={KINDS[type(value)]}, field={place}")
