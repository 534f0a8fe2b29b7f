"""Postgres parameters a branch may set: defaults by instance type, limits, and the words for a bad value.

Source: internal/postgrescfg of the open-source service; the table itself is `data/parameters.json`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from cloud_sandbox.xata.catalogue import Catalogue, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Spec = dict[str, Any]
BYTES = {"": 1, "B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
SECONDS = {"": 0.0, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""A number without a unit is nothing, as on the real server."""
NUMBER = re.compile(r"(-?[0-9.]+)\s*([A-Za-z]*)")
TRUTHS = ("true", "on", "yes", "1", "false", "off", "no", "0")


def _measure(units: dict[str, float] | dict[str, int], kind: str) -> Callable[[str], float]:
    def measure(text: str) -> float:
        match = NUMBER.fullmatch(text)
        if not match or match[2] not in units:
            raise ValueError(f"invalid {kind} value: {text}")
        try:
            return float(match[1]) * units[match[2]]
        except ValueError:
            raise ValueError(f"invalid {kind} value: {text}") from None

    return measure


def _integer(text: str) -> float:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise ValueError(f"invalid integer value: {text}")
    return int(text)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"invalid float value: {text}") from None


def _duration(text: str) -> float:
    lowered = text.lower()
    if lowered == "0":
        return 0.0
    match = NUMBER.fullmatch(lowered)
    if not match or match[2] not in SECONDS:
        raise ValueError(f"invalid duration value: {text}")
    return float(match[1]) * SECONDS[match[2]]


def _go_duration(seconds: float) -> str:
    """A duration as Go prints it, for example `480h0m0s`, `1m0s`, `250ms`."""
    if seconds == 0:
        return "0s"
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    if seconds < 1:
        return f"{sign}{seconds * 1000:.6g}ms"
    whole, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(whole), 60)
    prefix = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{prefix}{rest:g}s"


MEASURES: dict[str, Callable[[str], float]] = {
    "int": _integer,
    "float": _float,
    "bytes": _measure(BYTES, "bytes"),
    "duration": _duration,
}
WORDS: dict[str, Callable[[float], str]] = {
    "int": lambda value: str(int(value)),
    "float": lambda value: f"{value:f}",
    "bytes": lambda value: f"{int(value)} bytes",
    "duration": _go_duration,
}


def check_value(spec: Spec, text: str, *, controls: bool = False) -> None:
    """Raise ValueError, with the server's text, for a value the parameter can not have.

    `controls`: control characters are not looked for, as on the older server.
    """
    if not controls and any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("value must not contain control characters")
    value, kind = text.strip(), spec["type"]
    if kind in MEASURES:
        _check_range(spec, MEASURES[kind](value), kind)
    elif kind == "enum":
        if value not in spec["values"]:
            raise ValueError(f"value {value} is not in allowed values: [{' '.join(spec['values'])}]")
    elif kind == "boolean":
        if value not in TRUTHS:
            raise ValueError(
                "boolean parameter must be one of: 'true', 'on', 'yes', '1' (for true)"
                f" or 'false', 'off', 'no', '0' (for false), got: {value}"
            )
    elif not value and not spec.get("allow_empty"):
        raise ValueError("string parameter cannot be empty")


def _check_range(spec: Spec, value: float, kind: str) -> None:
    measure, words = MEASURES[kind], WORDS[kind]
    if spec.get("min") and value < measure(spec["min"]):
        raise ValueError(f"value {words(value)} is below minimum {words(measure(spec['min']))}")
    if spec.get("max") and value > measure(spec["max"]):
        raise ValueError(f"value {words(value)} is above maximum {words(measure(spec['max']))}")


def configurable(catalogue: Catalogue, image: str, libraries: Sequence[str]) -> dict[str, Spec]:
    """The parameters that exist for an image and its preload libraries."""
    major = int(image.rpartition(":")[2].partition(".")[0])
    offered = {name: about for name, _, about in catalogue.image_extensions(image)}

    def exists(spec: Spec) -> bool:
        if spec.get("minimum_version", 0) > major or (catalogue.settings.is_april and "since" in spec):
            return False
        extension = spec.get("extension")
        if not extension:
            return True
        return extension in offered and (not offered[extension]["preload"] or extension in libraries)

    return {name: spec for name, spec in table("parameters")["parameters"].items() if exists(spec)}


def specification(catalogue: Catalogue, size: str, image: str, libraries: Sequence[str]) -> dict[str, Spec]:
    """The same with the instance type's own defaults and limits. An unknown type raises KeyError."""
    overrides = table("parameters")["instance_types"][size]
    base = configurable(catalogue, image, libraries)
    return {name: spec | overrides.get(name, {}) for name, spec in base.items()}


def defaults(catalogue: Catalogue, size: str, image: str, libraries: Sequence[str]) -> dict[str, str]:
    """The value of every parameter of a new branch."""
    return {name: spec["default"] for name, spec in specification(catalogue, size, image, libraries).items()}


def problems(specs: dict[str, Spec], wanted: dict[str, str], *, controls: bool = False) -> str:
    """What is wrong with wanted values, as one text in order of names; empty when all is well."""
    found = ((name, _problem(specs, name, wanted[name], controls=controls)) for name in sorted(wanted))
    return "; ".join(f"{name}: {problem}" for name, problem in found if problem)


def _problem(specs: dict[str, Spec], name: str, value: str, *, controls: bool) -> str:
    if name not in specs:
        return f"unknown parameter: {name}"
    try:
        check_value(specs[name], value, controls=controls)
    except ValueError as error:
        return str(error)
    return ""


def resized(before: dict[str, Spec], after: dict[str, Spec], values: dict[str, str]) -> dict[str, str]:
    """Values after a change of instance type: defaults follow, own values are kept within the new limits."""
    result = {}
    for name, value in values.items():
        if name not in before or name not in after:
            result[name] = value
        elif value == before[name]["default"]:
            result[name] = after[name]["default"]
        else:
            result[name] = _bounded(after[name], value)
    return {name: spec["default"] for name, spec in after.items()} | result


def _bounded(spec: Spec, value: str) -> str:
    measure = MEASURES.get(spec["type"])
    if measure is None:
        return value
    try:
        amount = measure(value)
    except ValueError:
        return value
    if spec.get("max") and amount > measure(spec["max"]):
        return str(spec["max"])
    if spec.get("min") and amount < measure(spec["min"]):
        return str(spec["min"])
    return value
