"""Property paths such as `spec.ports[0]["name"]` and `tags.*`, as ignore_changes and replace_on_changes take them."""

from __future__ import annotations

import re
from typing import Any, Final

from engine.errors import ProjectError
from engine.values import Secret, same

Path = tuple[str | int, ...]
_PART: Final = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\[(\*)\]|\["((?:[^"\\]|\\.)*)"\]')
_MISSING: Final = object()


def parse(text: str) -> Path:
    """Split a path into names, indices and `*`."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise ProjectError(f"{text!r} is not a property path; allowed are forms like a.b[0] and a.*")
        name, index, star, quoted = match.groups()
        parts.append(int(index) if index else name or star or quoted.replace('\\"', '"'))
        position = match.end()
    return tuple(parts)


def covers(pattern: Path, path: Path) -> bool:
    """Whether `path` is what `pattern` names, or lies inside it."""
    return len(path) >= len(pattern) and all(ours in ("*", theirs) for ours, theirs in zip(pattern, path, strict=False))


def restore(path: Path, old: Any, new: Any) -> Any:
    """Return `new` with what lies at `path` as it is in `old`; a path that leads nowhere changes nothing."""
    result = _restore(path, old, new, secret=False)
    return new if result is _MISSING else result


def _restore(path: Path, old: Any, new: Any, *, secret: bool) -> Any:
    if not path:
        return Secret(old) if secret and old is not _MISSING and not isinstance(old, Secret) else old
    if isinstance(new, Secret):
        inner = old.value if isinstance(old, Secret) else old
        return Secret(_restore(path, inner, new.value, secret=False))
    if isinstance(old, Secret):
        return _restore(path, old.value, new, secret=True)
    olds, news = _members(old), _members(new)
    if olds is None or news is None or isinstance(old, dict) != isinstance(new, dict):
        return new
    for key in {*olds, *news} if path[0] == "*" else (path[0],):
        before, after = olds.get(key, _MISSING), news.get(key, _MISSING)
        if len(path) > 1 and _MISSING in (before, after):
            continue
        news[key] = _restore(path[1:], before, after, secret=secret)
    kept = {key: item for key, item in news.items() if item is not _MISSING}
    return kept if isinstance(new, dict) else [kept[key] for key in sorted(kept) if key < len(new)]


def _members(value: Any) -> dict[Any, Any] | None:
    if isinstance(value, dict):
        return dict(value)
    return dict(enumerate(value)) if isinstance(value, list) else None


def changed(old: Any, new: Any, at: Path = ()) -> list[Path]:
    """List the paths at which two plain values differ, as deep as both are objects or arrays."""
    olds, news = _members(old), _members(new)
    if olds is None or news is None or isinstance(old, dict) != isinstance(new, dict):
        return [] if same(old, new) else [at]
    found: list[Path] = []
    for key in dict.fromkeys([*olds, *news]):
        if key in olds and key in news:
            found += changed(olds[key], news[key], (*at, key))
        else:
            found.append((*at, key))
    return found
