"""What of a change of the outputs contract breaks those who read it. Pure: two JSON Schemas in, sentences out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OPEN = {"environment"}
"""Fields whose words may grow within a version; the contract says so."""
LIMITS = ("minimum", "maximum", "pattern", "minLength", "maxLength", "minItems", "maxItems", "format")


def breaking(published: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Sentences that say what a reader of the published schema would not understand any more; none when all is well."""
    return list(_objects(published, present, published, present, ""))


def _objects(
    old: Mapping[str, Any], new: Mapping[str, Any], published: Mapping[str, Any], present: Mapping[str, Any], where: str
) -> Iterator[str]:
    """Compare the fields of two objects."""
    for name, was in old["properties"].items():
        field, now = f"{where}{name}", new["properties"].get(name)
        if now is None:
            yield f"{field} is gone, or has another name"
            continue
        if name in old.get("required", []) and name not in new.get("required", []):
            yield f"{field} was always there, and may be missing now"
        if was.get("secret") != now.get("secret"):
            yield f"{field} was {_openness(was)}, and would be {_openness(now)} now"
        yield from _values(_resolved(was, published), _resolved(now, present), published, present, field)


def _values(
    old: Mapping[str, Any], new: Mapping[str, Any], published: Mapping[str, Any], present: Mapping[str, Any], field: str
) -> Iterator[str]:
    """Compare what a field may hold."""
    if _kind(old) != _kind(new):
        yield f"{field} was {_kind(old)}, and would be {_kind(new)} now"
        return
    if "enum" in old and field not in OPEN and not set(new.get("enum", [None])) <= set(old["enum"]):
        yield f"{field} was one of {', '.join(old['enum'])}, and may be something else now"
    if old.get("const") != new.get("const"):
        yield f"{field} was {old.get('const')}, and would be {new.get('const')} now"
    for limit in LIMITS:
        if limit in old and old[limit] != new.get(limit):
            yield f"{field} kept {limit} {old[limit]}, and would not now"
    if "properties" in old:
        yield from _objects(old, new, published, present, f"{field}.")
    if "items" in old:
        yield from _values(
            _resolved(old["items"], published), _resolved(new["items"], present), published, present, f"{field}[]"
        )


def _openness(field: Mapping[str, Any]) -> str:
    return "a secret" if field.get("secret") else "plain"


def _resolved(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a field refers to, where it does."""
    reference = field.get("$ref")
    found: Mapping[str, Any] = schema["$defs"][reference.rpartition("/")[2]] if reference else field
    return found


def _kind(value: Mapping[str, Any]) -> str:
    """The type, in words; of a choice the types of all its parts."""
    if "anyOf" in value:
        return " or ".join(sorted(str(part.get("type")) for part in value["anyOf"]))
    return str(value.get("type"))
