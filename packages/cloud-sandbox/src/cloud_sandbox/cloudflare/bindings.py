"""The rules of bindings: what is kept, inherited, refused, and what is told of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cloud_sandbox.cloudflare.models import Binding, Bindings
    from cloud_sandbox.cloudflare.settings import Settings

IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
VARIABLES = {"plain_text": "text", "json": "json", "secret_text": "text", "secret_key": "key_base64"}
"""Kinds that count as environment variables, and the field that holds the value."""
HIDDEN = {"text", "key_base64", "key_jwk"}
SECRETS = {"secret_text", "secret_key"}


def shown(binding: Binding) -> Binding:
    """A binding as the API tells of it: without a secret's value."""
    hidden = HIDDEN if binding["type"] in SECRETS else set()
    return {field: value for field, value in binding.items() if field not in hidden}


def secrets_of(bindings: Bindings) -> list[Binding]:
    """The secrets among them, as told."""
    return [shown(binding) for binding in bindings.values() if binding["type"] in SECRETS]


def resolve(sent: Iterable[Any], before: Bindings, *, keep: Iterable[str] = (), strict: bool = False) -> Bindings:
    """The bindings of a new version.

    Args:
        sent: What the upload says.
        before: Those of the latest version, deployed or not: an `inherit` takes from there.
        keep: Kinds of `before` that stay when the upload does not name them.
        strict: An `inherit` without anything to take is refused, not dropped.

    Raises:
        ApiError: A binding is malformed, doubled, or inherits what is not there.
    """
    kept = set(keep)
    found: Bindings = {}
    for binding in sent:
        if not isinstance(binding, dict) or not isinstance(binding.get("type"), str):
            raise errors.invalid("a binding is an object with a name and a type")
        name = binding.get("name")
        if not name or not isinstance(name, str):
            raise errors.nameless_binding()
        if name in found:
            raise errors.name_taken(name)
        taken = _inherited(name, binding, before, strict=strict) if binding["type"] == "inherit" else binding
        if taken is not None:
            found[name] = {**taken, "name": name}
    stays = {name: binding for name, binding in before.items() if binding["type"] in kept and name not in found}
    return {**stays, **found}


def _inherited(name: str, binding: Binding, before: Bindings, *, strict: bool) -> Binding | None:
    if binding.get("version_id", "latest") != "latest":
        raise errors.invalid_inherit(name, "only the literal 'latest' is supported by this API")
    taken = before.get(str(binding.get("old_name") or name))
    if taken is None and strict:
        raise errors.invalid_inherit(name, "the previous version has no binding of that name")
    return taken


def merged(before: Bindings, patch: Mapping[str, Any]) -> Bindings:
    """A merge-patch of bindings by name: an object sets, null removes, what is not named stays.

    Raises:
        ApiError: A name to remove is not there, or a value is neither.
    """
    after = dict(before)
    for name, binding in patch.items():
        if binding is None:
            if after.pop(name, None) is None:
                raise errors.binding_not_found(name)
        elif isinstance(binding, dict) and isinstance(binding.get("type"), str):
            after[name] = {**binding, "name": name}
        else:
            raise errors.invalid(f"'{name}' has to be an object with a type, or null")
    return after


def check(bindings: Bindings, settings: Settings) -> None:
    """Names, sizes and number.

    Raises:
        ApiError: 10021, 10054 or 10055.
    """
    variables = [binding for binding in bindings.values() if binding["type"] in VARIABLES]
    for binding in variables:
        name, value = binding["name"], binding.get(VARIABLES[binding["type"]])
        if not IDENTIFIER.fullmatch(name):
            raise errors.invalid(f"binding name {name[:80]!r} is not a valid JavaScript identifier")
        if binding["type"] in {"plain_text", "secret_text"} and not isinstance(value, str):
            raise errors.invalid(f"binding '{name}' of type {binding['type']} must have a `text` specified")
        if isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) > settings.value_bytes:
            raise errors.value_too_long(name, settings.value_bytes)
    if len(variables) > settings.variables:
        raise errors.too_many_variables(settings.variables)


def secret(name: str, sent: Mapping[str, Any]) -> Binding:
    """A secret as a request gives it.

    Raises:
        ApiError: It is no secret.
    """
    if sent.get("type") not in SECRETS:
        raise errors.invalid(f"secret '{name}' must be of type secret_text or secret_key")
    return {**sent, "name": name}


def refuse_taken(before: Bindings, names: Iterable[str]) -> None:
    """Refuse secrets whose names other kinds of bindings have.

    Raises:
        ApiError: 10053.
    """
    for name in names:
        if name in before and before[name]["type"] not in SECRETS:
            raise errors.name_taken(name)
