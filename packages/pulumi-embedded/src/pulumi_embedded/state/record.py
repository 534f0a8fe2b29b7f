"""One resource as a checkpoint records it: the names, order and forms of its fields, and its text."""

from __future__ import annotations

import json
from operator import is_
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.state.resource import ResourceState
from pulumi_embedded.values import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pulumi_embedded.state.values import Values

# Attribute, name in the checkpoint, and form, in the order the CLI writes them.
_FIELDS: Final = (
    ("urn", "urn", "text"), ("custom", "custom", "flag"), ("delete", "delete", "flag"), ("id", "id", "text"),
    ("type", "type", "text"), ("inputs", "inputs", "object"), ("outputs", "outputs", "object"),
    ("parent", "parent", "text"), ("protect", "protect", "flag"), ("external", "external", "flag"),
    ("dependencies", "dependencies", "texts"), ("init_errors", "initErrors", "texts"),
    ("provider", "provider", "text"), ("property_dependencies", "propertyDependencies", "texts by name"),
    ("pending_replacement", "pendingReplacement", "flag"),
    ("additional_secret_outputs", "additionalSecretOutputs", "texts"), ("aliases", "aliases", "texts"),
    ("custom_timeouts", "customTimeouts", "seconds by name"), ("import_id", "importID", "text"),
    ("retain_on_delete", "retainOnDelete", "flag"), ("deleted_with", "deletedWith", "text"),
    ("replace_with", "replaceWith", "texts"), ("created", "created", "time"), ("modified", "modified", "time"),
    ("source_position", "sourcePosition", "text"), ("ignore_changes", "ignoreChanges", "texts"),
    ("replace_on_changes", "replaceOnChanges", "texts"),
)  # fmt: skip
_ATTRIBUTES: Final = {name: (attribute, form) for attribute, name, form in _FIELDS}
_ALWAYS: Final = ("urn", "custom", "type")
_FORMS: Final[Mapping[str, tuple[Any, str]]] = {
    "text": (str, "a text"), "flag": (bool, "true or false"), "number": ((int, float), "a number"),
    "object": (dict, "an object"), "array": (list, "an array"), "texts": (list, "an array of texts"),
    "texts by name": (dict, "an object of arrays of texts"), "seconds by name": (dict, "an object of numbers"),
    "time": (str, "a time such as 2026-01-02T03:04:05Z"),
}  # fmt: skip
_SHOWN: Final = 60
_END: Final = object()
"""Stands behind the members of each collection, so that none can move to the next one unseen."""


class FormError(ValueError):
    """A recorded value has another form than a checkpoint gives it."""


def expect(value: Any, form: str, what: str) -> Any:
    """Return a value as it is recorded; null stands for none, as in the CLI.

    Raises:
        FormError: The value has another form.
    """
    kind, wanted = _FORMS[form]
    if value is None:
        return kind() if isinstance(kind, type) else 0
    if not isinstance(value, kind) or (form == "number" and isinstance(value, bool)):
        found = json.dumps(value, ensure_ascii=False)
        shown = found if len(found) <= _SHOWN else f"{found[:_SHOWN]}…"
        raise FormError(f"{what} is {shown}; it must be {wanted}")
    if form == "texts":
        return [expect(item, "text", f"an item of {what}") for item in value]
    if form.endswith(" by name"):
        inner = "texts" if form.startswith("texts") else "number"
        return {key: expect(item, inner, f"{what}, {key!r},") for key, item in value.items()}
    return value


def decode(recorded: Any, values: Values, what: str) -> ResourceState:
    """Return the resource that is recorded; `what` says which it is in words."""
    recorded = expect(recorded, "object", what)
    what += f" ({recorded.get('urn', 'without a URN')})"
    for name in _ALWAYS:
        if name not in recorded:
            raise FormError(f"{what} lacks the field {name!r}")
    at = (str(recorded["urn"]), str(recorded.get("id", "")))
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    try:
        for name, value in recorded.items():
            if name not in _ATTRIBUTES:
                extra[name] = values.decode(value, (*at, name))
            elif value is not None:
                attribute, form = _ATTRIBUTES[name]
                fields[attribute] = _field(expect(value, form, f"its field {name!r}"), form, values, (*at, name))
    except FormError as error:
        raise FormError(f"{what}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormError(f"{what}, field {name!r}: a value has an unexpected form ({error!r})") from None
    return ResourceState(**fields, extra=extra)


def _field(value: Any, form: str, values: Values, place: tuple[str, ...]) -> Any:
    if form == "object":
        return values.decode(value, place)
    return values.time(value) if form == "time" else value


def _encode(resource: ResourceState, values: Values) -> dict[str, Any]:
    at = (resource.urn, resource.id)
    recorded: dict[str, Any] = {}
    for attribute, name, form in _FIELDS:
        value = getattr(resource, attribute)
        if not value and attribute not in _ALWAYS:
            continue
        if form == "object":
            value = values.encode(value, (*at, name))
        elif form == "time":
            value = values.time_text(value)
        elif form.endswith(" by name"):
            value = dict(sorted(value.items()))
        recorded[name] = value
    for name, value in resource.extra.items():
        recorded[name] = values.encode(value, (*at, name))
    return recorded


class Texts:
    """Makes the texts of resources, each of them once: what is as it was keeps the text it has got.

    A save after every step would else encode every resource at every step. Nobody has to say what changed: a text is
    kept for the very objects it was made of, the resource's fields with all that is inside them. Changing anything,
    at any depth, puts another object there; and as the old ones are kept too, none can turn up again as a new one.
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        self._made: dict[int, tuple[list[Any], list[Any], bytes]] = {}

    def of(self, resources: Iterable[ResourceState]) -> list[bytes]:
        """Return the texts of all resources of a state; those of others are forgotten."""
        made = {}
        texts = []
        for resource in resources:
            known = self._made.get(id(resource))
            if known is None or known[0][0] is not vars(resource) or not _same(known[1], _members(known[0])):
                holders = _holders(resource)
                known = (holders, _members(holders), dump(_encode(resource, self._values)))
            made[id(resource)] = known
            texts.append(known[2])
        self._made = made
        return texts


def _holders(resource: ResourceState) -> list[Any]:
    """Every object of a resource that holds others, the resource's own fields first."""
    found: list[Any] = [vars(resource)]
    for holder in found:  # which grows meanwhile
        found += (item for item in _members([holder]) if isinstance(item, dict | list | tuple | Secret))
    return found


def _members(holders: list[Any]) -> list[Any]:
    """What they hold, one after the other."""
    found: list[Any] = []
    for holder in holders:
        if isinstance(holder, dict):
            found += holder
            found += holder.values()
        elif isinstance(holder, Secret):
            found.append(holder.value)
        else:
            found += holder
        found.append(_END)
    return found


def _same(known: list[Any], present: list[Any]) -> bool:
    return len(known) == len(present) and all(map(is_, known, present))


def dump(value: Any) -> bytes:
    """Return JSON text as compact as the CLI's."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
