"""A snapshot as the document that Pulumi's file backend keeps: checkpoint version 3.

What this engine does not know is kept and written back. What it cannot know the meaning of (another version) is
refused, because writing such a state back would silently change it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from engine.errors import StateError, UnsupportedError
from engine.state.resource import PendingOperation, ResourceState, Snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from engine.state.values import Values

_VERSION: Final = 3
_COMPRESSED: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}

# Attribute and name in the checkpoint, in the order the CLI writes them.
_FIELDS: Final = (
    ("urn", "urn"), ("custom", "custom"), ("delete", "delete"), ("id", "id"), ("type", "type"), ("inputs", "inputs"),
    ("outputs", "outputs"), ("parent", "parent"), ("protect", "protect"), ("external", "external"),
    ("dependencies", "dependencies"), ("init_errors", "initErrors"), ("provider", "provider"),
    ("property_dependencies", "propertyDependencies"), ("pending_replacement", "pendingReplacement"),
    ("additional_secret_outputs", "additionalSecretOutputs"), ("aliases", "aliases"),
    ("custom_timeouts", "customTimeouts"), ("import_id", "importID"), ("retain_on_delete", "retainOnDelete"),
    ("deleted_with", "deletedWith"), ("replace_with", "replaceWith"),
    ("created", "created"), ("modified", "modified"),
    ("source_position", "sourcePosition"), ("ignore_changes", "ignoreChanges"),
    ("replace_on_changes", "replaceOnChanges"),
)  # fmt: skip
_ATTRIBUTES: Final = {name: attribute for attribute, name in _FIELDS}
_ALWAYS: Final = frozenset({"urn", "custom", "type"})
_PROPERTIES: Final = frozenset({"inputs", "outputs"})
_TIMES: Final = frozenset({"created", "modified"})
_LATEST: Final = frozenset({"manifest", "secrets_providers", "resources", "pending_operations", "metadata"})


def parse(data: bytes, file: Path) -> dict[str, Any]:
    """Return the checkpoint inside a state file, or say what is wrong with the file."""
    for magic, name in _COMPRESSED.items():
        if data.startswith(magic):
            raise damaged(file, f"it is compressed with {name}, which the embedded engine does not read")
    try:
        document = json.loads(data)
    except ValueError as error:
        raise damaged(file, f"it is not complete JSON ({error}; the file has {len(data)} bytes)") from None
    checkpoint = document.get("checkpoint") if isinstance(document, dict) else None
    if not isinstance(checkpoint, dict):
        raise damaged(file, "it is JSON, but it holds no checkpoint")
    version = document.get("version")
    if version == 0 and not checkpoint.get("latest"):
        return checkpoint  # what `pulumi stack init` writes before the first deployment
    if version != _VERSION:
        features = ", ".join(document.get("features") or ()) or "none named"
        raise UnsupportedError(
            f"{file} has checkpoint version {version} (features: {features}); the embedded engine reads and writes "
            f"version {_VERSION}; it was not touched",
            next_step="use the Pulumi CLI for this stack (./infra setup --pulumi)",
        )
    return checkpoint


def salt_of(checkpoint: dict[str, Any], file: Path) -> str | None:
    """Return the salt the checkpoint's secrets were made with; other ways to keep secrets are refused by name."""
    provider = (checkpoint.get("latest") or {}).get("secrets_providers") or {}
    kind = provider.get("type") or "passphrase"
    if kind != "passphrase":
        raise UnsupportedError(
            f"the secrets in {file} are kept by the provider {kind!r}; the embedded engine knows passphrases only",
            next_step="use the Pulumi CLI for this stack (./infra setup --pulumi)",
        )
    salt = (provider.get("state") or {}).get("salt")
    return str(salt) if salt else None


def decode(checkpoint: dict[str, Any], values: Values, file: Path) -> Snapshot:
    """Return the snapshot inside a checkpoint."""
    latest = checkpoint.get("latest") or {}
    try:
        return Snapshot(
            resources=[_decode_resource(r, values) for r in latest.get("resources") or ()],
            pending_operations=[
                PendingOperation(resource=_decode_resource(o["resource"], values), type=o["type"])
                for o in latest.get("pending_operations") or ()
            ],
            salt=salt_of(checkpoint, file),
            metadata=latest.get("metadata") or {},
            extra={
                "latest": {key: value for key, value in latest.items() if key not in _LATEST},
                "checkpoint": {key: value for key, value in checkpoint.items() if key not in {"stack", "latest"}},
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(file, f"a resource in it has an unexpected form ({type(error).__name__}: {error})") from None


def encode(snapshot: Snapshot, values: Values, *, stack: str, salt: str) -> dict[str, Any]:
    """Return the checkpoint of a snapshot, without its manifest: the part that says something changed."""
    latest: dict[str, Any] = {"manifest": {}, "secrets_providers": {"type": "passphrase", "state": {"salt": salt}}}
    if snapshot.resources:
        latest["resources"] = [_encode_resource(r, values) for r in snapshot.resources]
    if snapshot.pending_operations:
        latest["pending_operations"] = [
            {"resource": _encode_resource(o.resource, values), "type": o.type} for o in snapshot.pending_operations
        ]
    latest["metadata"] = snapshot.metadata
    latest |= snapshot.extra.get("latest", {})
    return {"stack": stack, **snapshot.extra.get("checkpoint", {}), "latest": latest}


def render(checkpoint: dict[str, Any]) -> bytes:
    """Return the bytes of the state file, stamped with the present moment."""
    # No version: the CLI takes it for the version of itself, and the magic number would have to match it.
    checkpoint["latest"]["manifest"] = {"time": timestamp(), "magic": "", "version": ""}
    return dump({"version": _VERSION, "checkpoint": checkpoint})


def timestamp(moment: datetime | None = None) -> str:
    """Return a moment (the present one by default) as a checkpoint writes it: RFC 3339 in UTC."""
    text = (moment or datetime.now(UTC)).astimezone(UTC).isoformat()
    return text.removesuffix("+00:00") + "Z"


def dump(value: Any) -> bytes:
    """Return JSON text as compact as the CLI's."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def damaged(file: Path, what: str) -> StateError:
    """Return the error for a state file that must neither be used nor overwritten."""
    backup = file.with_name(file.name + ".bak")
    advice = "restore a copy from the backups folder"
    if backup.exists():
        advice = f"the previous state is beside it: look at {backup} and copy it over {file.name}"
    return StateError(f"the state file {file} cannot be used: {what}; it was not touched", next_step=advice)


def _decode_resource(recorded: dict[str, Any], values: Values) -> ResourceState:
    at = (str(recorded["urn"]), str(recorded.get("id", "")))
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in recorded.items():
        if name not in _ATTRIBUTES:
            extra[name] = values.decode(value, (*at, name))
        elif name in _PROPERTIES:
            fields[name] = values.decode(value, (*at, name))
        elif name in _TIMES and value:
            fields[name] = datetime.fromisoformat(value)
        elif value is not None:
            fields[_ATTRIBUTES[name]] = value
    return ResourceState(**fields, extra=extra)


def _encode_resource(resource: ResourceState, values: Values) -> dict[str, Any]:
    at = (resource.urn, resource.id)
    recorded: dict[str, Any] = {}
    for attribute, name in _FIELDS:
        value = getattr(resource, attribute)
        if attribute in _PROPERTIES and value:
            recorded[name] = values.encode(value, (*at, name))
        elif isinstance(value, datetime):
            recorded[name] = timestamp(value)
        elif value or attribute in _ALWAYS:
            recorded[name] = value
    for name, value in resource.extra.items():
        recorded[name] = values.encode(value, (*at, name))
    return recorded
