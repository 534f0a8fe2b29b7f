"""Property values as the engine holds them: JSON values plus secrets and unknowns; and their form on Pulumi's wire.

On the wire everything special is an object that carries a signature. Here a secret is a `Secret`, an unknown is the
sentinel text, an output value has become what it wraps, and a reference to a resource keeps its signature.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, MutableMapping

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands on the wire for a value that is known only after the deployment (Pulumi's own sentinel)."""

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a type's name on the wire, not a password
_REFERENCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_LARGEST_WHOLE: Final = 1e21  # from here on the CLI writes numbers with an exponent
_REFUSED: Final = {
    "c44067f5952c0a294b673a41bacd8c17": "assets",
    "0def7320c3a5731c473e5ecbe6d01bc7": "archives",
}


@dataclass(frozen=True)
class Secret:
    """A value that is encrypted in the state and masked everywhere else."""

    value: Any = field(repr=False)


def decode(value: Any, dependencies: set[str] | None = None) -> Any:
    """Turn a wire value into ours; URNs that output values depend on are added to `dependencies`."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_WHOLE:
        return int(value)  # the wire knows no whole numbers; the state writes them as such
    if isinstance(value, list):
        return [decode(item, dependencies) for item in value]
    if not isinstance(value, dict):
        return value
    items = {key: decode(item, dependencies) for key, item in value.items()}
    return _decode_signed(items, dependencies) if SIGNATURE in items else items


def _decode_signed(items: dict[str, Any], dependencies: set[str] | None) -> Any:
    signature = items[SIGNATURE]
    if signature == _SECRET:
        return Secret(items.get("value"))
    if signature == _OUTPUT:
        if dependencies is not None:
            dependencies.update(items.get("dependencies", ()))
        value = items.get("value", UNKNOWN)
        return Secret(value) if items.get("secret") and not isinstance(value, Secret) else value
    if signature == _REFERENCE:
        known = {key: items[key] for key in ("urn", "id") if key in items}
        return {SIGNATURE: _REFERENCE, "packageVersion": items.get("packageVersion", ""), **known}
    what = _REFUSED.get(signature, f"values with the signature {signature!r}")
    raise UnsupportedError(f"The embedded engine does not support {what}.", next_step="./infra setup --pulumi")


def encode(value: Any, *, secrets: bool = False, references: bool = False, unknowns: bool = True) -> Any:
    """Turn our value into a wire value.

    Args:
        value: What to send.
        secrets: Whether the receiver understands secrets; else it gets them in the clear.
        references: Whether the receiver understands references; else it gets the id, or the URN of a component.
        unknowns: Whether unknown members of objects and arrays stay in; else they are left out.
    """
    if isinstance(value, Secret):
        inner = encode(value.value, secrets=secrets, references=references, unknowns=unknowns)
        return {SIGNATURE: _SECRET, "value": inner} if secrets else inner
    if isinstance(value, list):
        return [
            encode(item, secrets=secrets, references=references, unknowns=unknowns)
            for item in value
            if unknowns or not _is_unknown(item)
        ]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE) == _REFERENCE and not references:
        return value.get("id") or value["urn"]
    return {
        key: encode(item, secrets=secrets, references=references, unknowns=unknowns)
        for key, item in value.items()
        if unknowns or not _is_unknown(item)
    }


def plain(value: Any) -> Any:
    """The value without its secret marks."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def contains_secret(value: Any) -> bool:
    """Whether a secret is anywhere inside."""
    return isinstance(value, Secret) or any(map(contains_secret, _members(value)))


def contains_unknown(value: Any) -> bool:
    """Whether an unknown is anywhere inside."""
    return bool(value == UNKNOWN) or any(map(contains_unknown, _members(value)))


def _members(value: Any) -> Collection[Any]:
    if isinstance(value, Secret):
        return (value.value,)
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _is_unknown(value: Any) -> bool:
    return value in (UNKNOWN, Secret(UNKNOWN))


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal in Pulumi's sense: true is not 1, and a secret differs from its plain value."""
    if isinstance(left, Secret) and isinstance(right, Secret):
        return same(left.value, right.value)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def keep_secrets(answer: MutableMapping[str, Any], sent: Mapping[str, Any]) -> None:
    """Mark again what came back in the clear from a provider that does not understand secrets."""
    for key, value in sent.items():
        if key not in answer:
            continue
        found = answer[key]
        if isinstance(found, dict) and isinstance(value, dict):
            keep_secrets(found, value)
        elif not isinstance(found, Secret) and contains_secret(value):
            answer[key] = Secret(found)
