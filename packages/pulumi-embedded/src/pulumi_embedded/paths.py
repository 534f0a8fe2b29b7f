"""Property paths such as `spec.ports[0]["name"]` and `tags.*`, as ignore_changes and replace_on_changes take them."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from pulumi_embedded.errors import ProjectError
from pulumi_embedded.values import Secret, same

Path = tuple[str | int, ...]
Kind = Literal["add", "delete", "update"]
_PART: Final = re.compile(r'\.*(?:([^.\[]+)|\[([+-]?\d+)\]|\[(\*)\]|\["((?:\\"|[^"\\]|\\(?!"))*)"\])')
_PLAIN: Final = re.compile(r"[A-Za-z0-9_]*")
_MISSING: Final = object()


def parse(text: str) -> Path:
    """Split a path into names, indices and `*`."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        match = None if text[0] == "." else _PART.match(text, position)
        if match is None:
            raise ProjectError(f"{text!r} is not a property path; allowed are forms like a.b[0] and a.*")
        name, index, star, quoted = match.groups()
        parts.append(int(index) if index else name or star or quoted.replace('\\"', '"'))
        position = match.end()
    return tuple(parts)


def text(path: Path) -> str:
    """Write a path: names that hold more than letters, digits and underscores stand in quotes."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
        elif _PLAIN.fullmatch(part):
            written += f".{part}" if written else part
        else:
            quoted = part.replace('"', '\\"')
            written += f'["{quoted}"]'
    return written


def covers(pattern: Path, path: Path) -> bool:
    """Whether `path` is what `pattern` names, or lies inside it."""
    return len(path) >= len(pattern) and all(ours in ("*", theirs) for ours, theirs in zip(pattern, path, strict=False))


def reset(path: Path, old: Any, new: Any, *, secret: bool = False) -> bool:
    """Make what lies at `path` inside `new` what it is in `old`, in place.

    Args:
        path: Where; `*` stands for every member.
        old: Recorded properties.
        new: Properties of the program; an object or array of the caller's own.
        secret: Whether `old` lies inside a secret, and `new` does not.

    Returns:
        False when the path leads to something that was added or removed on the way, which cannot be taken back.
    """
    if not path:
        return False
    secret = (secret or isinstance(old, Secret)) and not isinstance(new, Secret)
    old, new = _bare(old), _bare(new)
    if len(path) > 1:
        return _descend(path, old, new, secret=secret)
    if path[0] == "*":
        return _reset_all(old, new, secret=secret)
    return (_reset_index if isinstance(path[0], int) else _reset_name)(path[0], old, new, secret=secret)


def _descend(path: Path, old: Any, new: Any, *, secret: bool) -> bool:
    key, inside = path[0], path[1:]
    if key == "*":
        if not isinstance(old, dict | list) or type(old) is not type(new):
            return False
        olds, news = _members(old), _members(new)
        reached = all(name in news and reset(inside, olds[name], news[name], secret=secret) for name in olds)
        return reached and (isinstance(old, dict) or len(old) == len(new))
    kind = list if isinstance(key, int) else dict
    if not isinstance(old, kind) or not isinstance(new, kind):
        return not isinstance(old, kind) and not isinstance(new, kind)
    olds, news = _members(old), _members(new)
    if key in news and (kind is dict or key in olds):
        return reset(inside, olds.get(key), news[key], secret=secret)
    return kind is dict and key not in olds


def _reset_name(name: Any, old: Any, new: Any, *, secret: bool) -> bool:
    value = old.get(name, _MISSING) if isinstance(old, dict) else _MISSING
    if not isinstance(new, dict):
        return value is _MISSING
    _put(new, name, value, secret=secret)
    return True


def _reset_index(index: Any, old: Any, new: Any, *, secret: bool) -> bool:
    if not isinstance(old, list) or not isinstance(new, list):
        return not isinstance(old, list) and not isinstance(new, list)
    if 0 <= index < min(len(old), len(new)):
        _put(new, index, old[index], secret=secret)
        return True
    return bool(index >= max(len(old), len(new)))


def _reset_all(old: Any, new: Any, *, secret: bool) -> bool:
    if isinstance(new, dict) and isinstance(old, dict):
        for key in {*old, *new}:
            _put(new, key, old.get(key, _MISSING), secret=secret)
    elif isinstance(new, list) and isinstance(old, list):
        for index in range(min(len(old), len(new))):
            _put(new, index, old[index], secret=secret)
        return len(old) == len(new)
    return isinstance(new, dict | list)


def _put(target: Any, key: Any, value: Any, *, secret: bool) -> None:
    if value is _MISSING:
        target.pop(key, None)
    else:
        target[key] = Secret(value) if secret and not isinstance(value, Secret) else value


def _bare(value: Any) -> Any:
    return _bare(value.value) if isinstance(value, Secret) else value


def _members(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else dict(enumerate(value))


def changed(old: Any, new: Any, at: Path = ()) -> dict[Path, Kind]:
    """Say how two plain values differ at which paths, as deep as both are objects or arrays; null is no value."""
    if not isinstance(old, dict | list) or type(old) is not type(new):
        return {} if same(old, new) else {at: "add" if old is None else "delete" if new is None else "update"}
    olds, news = _members(old), _members(new)
    found: dict[Path, Kind] = {}
    for key in dict.fromkeys([*olds, *news]):
        if isinstance(old, list) and (key not in olds or key not in news):
            found[*at, key] = "add" if key in news else "delete"
        else:
            found |= changed(olds.get(key), news.get(key), (*at, key))
    return found
