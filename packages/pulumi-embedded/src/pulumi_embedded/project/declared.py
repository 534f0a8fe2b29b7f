"""What Pulumi.yaml declares about the configuration: keys, types, defaults, and what a type accepts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded import gotext
from pulumi_embedded.errors import ProjectError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CLI_HINT: Final = "use the Pulumi CLI for this project (./infra setup --pulumi)"
_KEY: Final = re.compile(r"[^:]+:(config:)?[^:]+")
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_TYPES: Final = ("string", "integer", "boolean", "array", "object")
_EXAMPLES: Final = {"string": "some text", "integer": "1", "boolean": "true", "array": "[]", "object": "{name: value}"}
_DECLARATION: Final = frozenset({"type", "description", "default", "value", "items", "secret"})


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One key that Pulumi.yaml declares under `config`.

    Attributes:
        key: "namespace:name".
        type: One of the five names of types, or None in the short form, which accepts anything.
        default: What a stack gets that says nothing; None makes the key mandatory.
        items: What an array holds: {"type": …, "items": …}.
        secret: The stack's value must be encrypted.
    """

    key: str
    type: str | None = None
    default: Any = None
    items: Mapping[str, Any] | None = None
    secret: bool = False

    @property
    def type_name(self) -> str:
        """The type as a person reads it: "array<string>"."""
        return _type_name(self.type or "string", self.items)

    @property
    def line(self) -> str:
        """A line for the stack's file, with a value of the right type."""
        example = self.default if self.default is not None else _EXAMPLES[self.type or "string"]
        return f"{self.key}: {example if isinstance(example, str) else gotext.dump(example)}"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as the CLI hands it to the check, has the declared type."""
        return self.type is None or _fits(self.type, self.items, value)


class Reader:
    """A mapping of a file, read with errors that name the file and the key.

    Args:
        file: The file.
        content: The mapping; None is an empty one.
        within: The keys that lead to it.
    """

    def __init__(self, file: Path, content: Any, within: str = "") -> None:
        self.file = file
        self._within = f"{within}." if within else ""
        self.content: dict[str, Any] = {}
        if content is not None:
            if not isinstance(content, dict):
                raise self.wrong(within or "the whole file", "a mapping of keys to values", content)
            self.content = content

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there."""
        value = self.content.get(key)
        value = default if value is None else value
        if not isinstance(value, str):
            raise self.wrong(self._within + key, "a text", value)
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        """Return the mapping below a key; an empty one when nothing is there."""
        return Reader(self.file, self.content.get(key), self._within + key).content

    def wrong(self, key: str, wanted: str, got: Any) -> ProjectError:
        """Return the error for a value that is not what it must be."""
        found = "nothing" if got is None else f"{got!r}"
        return ProjectError(f"{self.file}: {key} must be {wanted}, got {found}", next_step=f"correct it in {self.file}")


def full_key(said: Reader, key: str, project: str) -> str:
    """Return "namespace:name" of a key as it is written; keys that steer the CLI itself are refused by name."""
    full = key if ":" in key else f"{project}:{key}"
    if not _KEY.fullmatch(full):
        raise said.wrong(f"config.{key}", "named `name` or `namespace:name`", key)
    namespace, *_, name = full.split(":")
    if namespace == "pulumi" and name != "tags":
        raise UnsupportedError(
            f"{said.file}: the setting {full} is not supported by the embedded engine", next_step=CLI_HINT
        )
    return f"{namespace}:{name}"


def read_declarations(said: Reader, project: str) -> dict[str, Declaration]:
    """Return what a project file declares under `config`, by full key."""
    declared: dict[str, Declaration] = {}
    for key, content in said.mapping("config").items():
        full = full_key(said, key, project)
        own = full.startswith(f"{project}:")
        if not isinstance(content, dict):
            content = {"default" if own else "value": content}  # noqa: PLW2901 - the short form is the long one
        declared[full] = _declaration(said, full, content, own=own)
    return declared


def _declaration(said: Reader, key: str, content: dict[str, Any], *, own: bool) -> Declaration:
    at = f"config.{key}"
    unknown = sorted(content.keys() - _DECLARATION)
    if unknown:
        raise said.wrong(at, f"made of {', '.join(sorted(_DECLARATION))}", unknown[0])
    if own and re.search(r"[.\[]", key):
        raise UnsupportedError(f"{said.file}: {at} declares a path into an object", next_step=CLI_HINT)
    kind, items, default, value = (content.get(name) for name in ("type", "items", "default", "value"))
    if default is not None and value is not None:
        raise said.wrong(at, "given `default` or `value`", "both")
    if not own and (kind is not None or value is None):
        raise said.wrong(at, "given a `value` and no type, because it is not the project's own", content)
    if kind is not None and (kind not in _TYPES or (kind == "array" and not _is_items(items))):
        raise said.wrong(at, f"of a type among {', '.join(_TYPES)} (an array with `items: {{type: …}}`)", kind)
    chosen = value if default is None else default
    if own and kind is not None and default is not None and not _fits(kind, items, default):
        raise said.wrong(f"{at}.default", f"of type {_type_name(kind, items)}", default)
    return Declaration(key=key, type=kind, default=chosen, items=items, secret=content.get("secret") is True)


def _is_items(items: Any) -> bool:
    if not isinstance(items, dict) or items.get("type") not in _TYPES:
        return False
    return items["type"] != "array" or _is_items(items.get("items"))


def _fits(kind: str, items: Any, value: Any) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return _is_integer(value)
        case "boolean":
            return isinstance(value, bool) or value in ("true", "false")
        case "object":
            return isinstance(value, dict)
        case _:
            return isinstance(value, list) and all(_fits(items["type"], items.get("items"), item) for item in value)


def _is_integer(value: Any) -> bool:
    match value:
        case bool():
            return False
        case int():
            return True
        case float():
            return value.is_integer()
        case str():
            return _INTEGER.fullmatch(value) is not None
        case _:
            return False


def _type_name(kind: str, items: Any) -> str:
    return f"array<{_type_name(items['type'], items.get('items'))}>" if kind == "array" and items else kind
