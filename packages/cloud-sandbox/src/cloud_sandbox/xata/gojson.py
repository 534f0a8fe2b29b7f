"""Decodes JSON into declared shapes as Go does: which key means which field, and what a wrong type is answered with.

A shape lists fields by their JSON names. What a body does not mention stays out of the result, so that a caller can
tell "absent" from a value; `null` leaves a plain field untouched and sets an optional one to None. Source:
encoding/json, decode.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloud_sandbox.xata.goscan import Node, scan

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMITS = {"int32": 2**31, "int": 2**63}


class FieldTypeError(Exception):
    """A value does not fit its field; `str()` is Go's text."""

    def __init__(self, *, value: str, go_type: str, offset: int, struct: str, field: str) -> None:
        self.value, self.go_type, self.offset, self.struct, self.field = value, go_type, offset, struct, field
        place = f"Go struct field {struct}.{field} of type" if struct or field else "Go value of type"
        super().__init__(f"json: cannot unmarshal {value} into {place} {go_type}")


class FieldValueError(Exception):
    """A type that reads itself refused the value; decoding ends at once."""


@dataclass(frozen=True, kw_only=True)
class Scalar:
    """`string`, `bool`, `int`, `int32`, or a named string type such as `spec.BranchFromParentMode`."""

    name: str
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Struct:
    """Named fields. `name` is the Go type, as an error prints it."""

    name: str
    fields: Mapping[str, Shape]
    optional: bool = False

    @property
    def short(self) -> str:
        """The type without its package; empty for an anonymous one."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, kw_only=True)
class Texts:
    """A `map[string]string`."""

    optional: bool = False
    name: str = "map[string]string"


@dataclass(frozen=True, kw_only=True)
class Many:
    """A list of one shape."""

    item: Shape
    name: str
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A `time.Time`, kept as the text it was given as."""

    optional: bool = False
    name: str = "time.Time"


Shape = Scalar | Struct | Texts | Many | Moment

STRING, BOOL, INT, INT32 = (Scalar(name=name) for name in ("string", "bool", "int", "int32"))
OPTIONAL_STRING, OPTIONAL_BOOL, OPTIONAL_INT, OPTIONAL_INT32 = (
    Scalar(name=name, optional=True) for name in ("string", "bool", "int", "int32")
)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class _Decoder:
    """One decoding: remembers the first problem and goes on, as Go does."""

    def __init__(self) -> None:
        self.problem: FieldTypeError | None = None
        self.path: list[str] = []
        self.struct = ""

    def refuse(self, shape: Shape, value: str, offset: int) -> None:
        """Note a wrong type; the first one wins."""
        if self.problem is None:
            self.problem = FieldTypeError(
                value=value, go_type=shape.name, offset=offset, struct=self.struct, field=".".join(self.path)
            )

    def value(self, node: Node, shape: Shape, before: Any) -> Any:
        """What the field holds afterwards; `before` is what it held."""
        if node.kind == "null":
            return None if shape.optional or isinstance(shape, Many | Texts) else before
        match shape, node.kind:
            case Moment(), _:
                after: Any = _moment(node)
            case Struct(), "object":
                after = self.fields(node, shape, dict(before or {}))
            case Texts(), "object":
                after = dict(before or {}) | {key: self.value(member, STRING, "") for key, member in node.members}
            case Many(), "array":
                after = [self.value(item, shape.item, None) for item in node.items]
            case Scalar(), "string" | "number" | "bool":
                after = self.scalar(node, shape, before)
            case _:
                after = before
                self.refuse(shape, node.kind, node.start + 1 if node.kind in {"object", "array"} else node.end)
        return after

    def scalar(self, node: Node, shape: Scalar, before: Any) -> Any:
        """A literal into a plain field."""
        if node.kind == "bool" and shape.name == "bool":
            return node.text == b"true"
        if node.kind == "string" and shape.name not in {"bool", *LIMITS}:
            return node.string
        if node.kind == "number" and shape.name in LIMITS:
            return self.integer(node, shape, before)
        self.refuse(shape, node.kind, node.end)
        return before

    def integer(self, node: Node, shape: Scalar, before: Any) -> Any:
        """A number into an integer field: fractions, exponents and overflow are refused with their text."""
        text, limit = node.text.decode(), LIMITS[shape.name]
        if text.lstrip("-").isdigit() and -limit <= int(text[:40]) < limit:
            return int(text)
        self.refuse(shape, f"number {text}", node.end)
        return before

    def fields(self, node: Node, shape: Struct, result: dict[str, Any]) -> dict[str, Any]:
        """An object into a struct: the exact name first, then any spelling of case; unknown keys are skipped."""
        folded = {name.casefold(): name for name in shape.fields}
        outer, depth = self.struct, len(self.path)
        for key, member in node.members:
            name = key if key in shape.fields else folded.get(key.casefold())
            if name is None:
                continue
            self.path.append(name)
            self.struct = shape.short
            decoded = self.value(member, shape.fields[name], result.get(name))
            if decoded is not None or name in result or shape.fields[name].optional:
                result[name] = decoded
            del self.path[depth:]
            self.struct = outer
        return result


def _moment(node: Node) -> str:
    if node.kind != "string":
        raise FieldValueError("Time.UnmarshalJSON: input is not a JSON string")
    if not MOMENT.fullmatch(node.string):
        text, layout = _quoted(node.text[1:-1]), "2006-01-02T15:04:05Z07:00"
        raise FieldValueError(f'parsing time {text} as "{layout}": cannot parse {text} as "2006"')
    return node.string


def _quoted(raw: bytes) -> str:
    """A text as Go's time package quotes it: every byte that is not plain ASCII escaped."""
    plain = (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in raw)  # noqa: PLR2004 - the printable bytes of ASCII
    return '"' + "".join("\\" + character if character in '"\\' else character for character in plain) + '"'


def decode(node: Node, shape: Shape) -> Any:
    """Decode a value that was already read.

    Raises:
        FieldTypeError: A field has another type.
        FieldValueError: A time is no time.
    """
    decoder = _Decoder()
    result = decoder.value(node, shape, {} if isinstance(shape, Struct) and not shape.optional else None)
    if decoder.problem:
        raise decoder.problem
    return result


def again(node: Node) -> Node:
    """The same value as if it had been the whole text: offsets count from its own start."""
    return scan(node.text)
