"""What a step means, in words: its sign, its verb, and the properties it changes. Secrets never appear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine import gotext
from engine.values import UNKNOWN, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.api import Op, Step

_LONGEST: Final = 60
_SECRET_TEXT: Final = "[secret]"  # noqa: S105 - what stands in the place of a secret
_UNKNOWN_TEXT: Final = "known after up"
_ABSENT: Final = object()

# Sign, verb, and verb while it goes on. The verbs suit a plan as well as the deed.
_WORDS: Final[dict[Op, tuple[str, str, str]]] = {
    "same": (" ", "keep", "checking"),
    "create": ("+", "create", "creating"),
    "update": ("~", "update", "updating"),
    "delete": ("-", "delete", "deleting"),
    "refresh": (" ", "read", "reading"),
    "create-replacement": ("+-", "replace", "replacing"),
    "delete-replaced": ("--", "delete replaced", "deleting replaced"),
}
_FOUND: Final[dict[Op, tuple[str, str, str]]] = {
    "update": ("~", "drifted", "reading"),
    "delete": ("-", "gone", "reading"),
}


def words(step: Step, found: Op = "same") -> tuple[str, str, str]:
    """Return sign, verb and progressive verb of a step; of a refresh, what it found counts."""
    return _FOUND.get(found, _WORDS["refresh"]) if step.op == "refresh" else _WORDS[step.op]


def property_lines(step: Step) -> list[str]:
    """Return a line for each property that a step changes: "~ port: 5432 -> 5433"."""
    if step.old is None or step.new is None or step.op == "delete-replaced":
        return []
    return [
        f"{line} (forces replacement)" if {path, path.partition(".")[0]} & set(step.replace_keys) else line
        for path, line in _differences(dict(step.old), dict(step.new), "")
    ]


def _show(value: Any) -> str:
    if isinstance(value, Secret):
        return _SECRET_TEXT
    if value == UNKNOWN:
        return _UNKNOWN_TEXT
    text = gotext.dump(_masked(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _masked(value: Any) -> Any:
    match value:
        case Secret():
            return _SECRET_TEXT
        case dict():
            return {key: _masked(item) for key, item in value.items() if not _is_internal(key)}
        case list() | tuple():
            return [_masked(item) for item in value]
        case _:
            return _UNKNOWN_TEXT if value == UNKNOWN else value


def _differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if not _is_internal(key):
                below = f"{path}.{key}" if path else key
                yield from _differences(old.get(key, _ABSENT), new.get(key, _ABSENT), below)
    elif old is _ABSENT:
        yield path, f"+ {path}: {_show(new)}"
    elif new is _ABSENT:
        yield path, f"- {path}: {_show(old)}"
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path, f"~ {path}: {_show(old)} -> {_show(new)}"


def _is_internal(key: str) -> bool:
    return key.startswith("__")
