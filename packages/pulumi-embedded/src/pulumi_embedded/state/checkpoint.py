"""A snapshot as the document that Pulumi's file backend keeps: a checkpoint of version 3, or 4 with named features.

What this engine does not know is kept and written back. What it cannot know the meaning of (another version, another
feature) is refused, because writing such a state back would silently change it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.errors import StateError, UnsupportedError
from pulumi_embedded.state import files, record
from pulumi_embedded.state.record import FormError, Texts, dump, expect
from pulumi_embedded.state.resource import PendingOperation, Snapshot
from pulumi_embedded.state.values import timestamp

if TYPE_CHECKING:
    from pathlib import Path

    from pulumi_embedded.state.values import Values

__all__ = ["Texts", "damaged", "decode", "dump", "encode", "parse", "render", "salt_of", "timestamp"]

_PLAIN, _FEATURED = 3, 4
_REPLACE_WITH: Final = "replaceWith"
_HOOKS: Final = "hooks"
_FEATURES: Final = frozenset({_REPLACE_WITH, _HOOKS})
_COMPRESSED: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}
_LATEST: Final = frozenset({"manifest", "secrets_providers", "resources", "pending_operations", "metadata"})
_STACK_TYPE: Final = "pulumi:pulumi:Stack"
_NOTHING_OF_ITS_OWN: Final = (_STACK_TYPE, "pulumi:providers:")
_USE_CLI: Final = "use the Pulumi CLI for this stack (./infra setup --pulumi)"


def parse(data: bytes, file: Path) -> dict[str, Any]:
    """Return the checkpoint inside a state file, or say what is wrong with the file."""
    for magic, name in _COMPRESSED.items():
        if data.startswith(magic):
            raise compressed(file, name)
    document = _read_json(data, file)
    if isinstance(document, dict) and document.get("checkpoint") is None:
        raise damaged(file, "it is JSON, but it holds no checkpoint")
    try:
        expect(document, "object", "the document")
        checkpoint = expect(document["checkpoint"], "object", "its field 'checkpoint'")
        features = expect(document.get("features"), "texts", "its field 'features'")
        _check_version(expect(document.get("version"), "number", "its field 'version'"), features, checkpoint, file)
        latest = expect(checkpoint.get("latest"), "object", "its field 'latest'")
        provider = expect(latest.get("secrets_providers"), "object", "its field 'secrets_providers'")
        if provider.get("type") == "passphrase":
            expect(provider.get("state"), "object", "the field 'state' of its 'secrets_providers'")
    except FormError as error:
        raise damaged(file, str(error)) from None
    return {**checkpoint, "latest": latest}


def _read_json(data: bytes, file: Path) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"it holds {constant}, which JSON does not know")

    try:
        return json.loads(data, parse_constant=refuse)
    except json.JSONDecodeError as error:
        what = f"it is not complete JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        raise damaged(file, what if data.strip() else "it is empty, not complete JSON") from None
    except UnicodeDecodeError as error:
        raise damaged(file, f"it is not text: byte {error.start} is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise damaged(file, str(error)) from None


def _check_version(version: float, features: list[str], checkpoint: dict[str, Any], file: Path) -> None:
    unknown = sorted(set(features) - _FEATURES)
    if version == 0 and not checkpoint.get("latest"):
        return  # what `pulumi stack init` writes before the first deployment
    if version not in (_PLAIN, _FEATURED):
        whose = "a newer Pulumi writes" if version > _FEATURED else "Pulumi wrote years ago"
        what = f"has checkpoint version {version}, which {whose}; the embedded engine knows {_PLAIN} and {_FEATURED}"
    elif version == _FEATURED and unknown:
        known = ", ".join(sorted(_FEATURES))
        what = f"needs the features {', '.join(unknown)}; of features, the embedded engine knows {known} only"
    else:
        return
    raise UnsupportedError(f"the state file {file} {what}; it was not touched", next_step=_USE_CLI)


def salt_of(checkpoint: dict[str, Any], file: Path) -> str | None:
    """Return the salt the checkpoint's secrets were made with; other ways to keep secrets are refused by name."""
    provider = (checkpoint.get("latest") or {}).get("secrets_providers") or {}
    kind = provider.get("type") or "passphrase"
    if kind != "passphrase":
        raise UnsupportedError(
            f"the secrets in {file} are kept by the provider {kind!r}; the embedded engine knows passphrases only",
            next_step=_USE_CLI,
        )
    salt = (provider.get("state") or {}).get("salt")
    return str(salt) if salt else None


def root(checkpoint: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return the stack's own record as it stands in a checkpoint; an empty one where nothing was brought up yet."""
    try:
        recorded = expect(checkpoint["latest"].get("resources"), "array", "its field 'resources'")
        resources = [expect(item, "object", "a resource") for item in recorded]
        stacks = [one for one in resources if one.get("type") == _STACK_TYPE and not one.get("parent")]
        expect(stacks[0].get("outputs") if stacks else None, "object", "the field 'outputs' of the stack")
    except FormError as error:
        raise damaged(file, str(error)) from None
    return stacks[0] if stacks else {}


def held(checkpoint: dict[str, Any], file: Path, *, settled: bool = False) -> list[str]:
    """Return the names of what a checkpoint records, and of what an earlier run may have created before it was cut off.

    The stack itself and default providers are nothing that could be left behind. With `settled` somebody has looked for
    what those runs left.
    """
    try:
        latest = checkpoint["latest"]
        pending = expect(latest.get("pending_operations"), "array", "its field 'pending_operations'")
        recorded = expect(latest.get("resources"), "array", "its field 'resources'")
        found = [expect(item, "object", "a resource") for item in recorded]
        left = () if settled else pending
        found += [expect(expect(item, "object", "an operation").get("resource"), "object", "its") for item in left]
    except FormError as error:
        raise damaged(file, str(error)) from None
    urns = [str(one.get("urn")) for one in found if not str(one.get("type")).startswith(_NOTHING_OF_ITS_OWN)]
    return list(dict.fromkeys(urn.rpartition("::")[2] for urn in urns))


def decode(checkpoint: dict[str, Any], values: Values, file: Path) -> Snapshot:
    """Return the snapshot inside a checkpoint."""
    latest = checkpoint["latest"]
    try:
        recorded = expect(latest.get("resources"), "array", "its field 'resources'")
        return Snapshot(
            resources=[record.decode(item, values, f"resource {at}") for at, item in enumerate(recorded, start=1)],
            pending_operations=_decode_pending(latest, values),
            salt=salt_of(checkpoint, file),
            metadata=expect(latest.get("metadata"), "object", "its field 'metadata'"),
            extra={
                "latest": {key: value for key, value in latest.items() if key not in _LATEST},
                "checkpoint": {key: value for key, value in checkpoint.items() if key not in {"stack", "latest"}},
            },
        )
    except FormError as error:
        raise damaged(file, str(error)) from None


def _decode_pending(latest: dict[str, Any], values: Values) -> list[PendingOperation]:
    found = []
    for at, item in enumerate(expect(latest.get("pending_operations"), "array", "its field 'pending_operations'")):
        what = f"pending operation {at + 1}"
        operation = expect(item, "object", what)
        resource = record.decode(operation.get("resource"), values, f"the resource of {what}")
        found.append(
            PendingOperation(resource=resource, type=expect(operation.get("type"), "text", f"the type of {what}"))
        )
    return found


def encode(snapshot: Snapshot, texts: Texts, *, stack: str, salt: str) -> tuple[bytes, bytes]:
    """Return the text of the document before and after the manifest, which alone says when it was written."""
    pending = snapshot.pending_operations
    made = texts.of([*snapshot.resources, *(operation.resource for operation in pending)])
    count = len(snapshot.resources)
    latest = [_member("secrets_providers", dump({"type": "passphrase", "state": {"salt": salt}}))]
    if snapshot.resources:
        latest.append(_member("resources", b"[" + b",".join(made[:count]) + b"]"))
    if pending:
        operations = [
            b'{"resource":' + text + b',"type":' + dump(operation.type) + b"}"
            for operation, text in zip(pending, made[count:], strict=True)
        ]
        latest.append(_member("pending_operations", b"[" + b",".join(operations) + b"]"))
    # What is written keeps the rules, so a note of the CLI about a state that did not is out of date.
    metadata = {key: value for key, value in snapshot.metadata.items() if key != "integrity_error"}
    latest.append(_member("metadata", dump(metadata)))
    latest += [_member(key, dump(value)) for key, value in snapshot.extra.get("latest", {}).items()]
    hooked = any(resource.extra.get("resourceHooks") for resource in snapshot.resources)
    replaced = any(resource.replace_with for resource in snapshot.resources)
    features = [*([_HOOKS] if hooked else []), *([_REPLACE_WITH] if replaced else [])]
    head = {"version": _FEATURED, "features": features} if features else {"version": _PLAIN}
    checkpoint = dump({"stack": stack, **snapshot.extra.get("checkpoint", {})})
    before = dump(head)[:-1] + b"," + _member("checkpoint", checkpoint[:-1] + b"," + _member("latest", b"{"))
    return before, b",".join(latest) + b"}}}"


def _member(name: str, text: bytes) -> bytes:
    return dump(name) + b":" + text


def render(before: bytes, after: bytes) -> bytes:
    """Return the bytes of the state file, stamped with the present moment."""
    # No version: the CLI takes it for the version of itself, and the magic number would have to match it.
    manifest = dump({"time": timestamp(), "magic": "", "version": ""})
    return b"".join((before, _member("manifest", manifest), b",", after))


def damaged(file: Path, what: str) -> StateError:
    """Return the error for a state file that must neither be used nor overwritten."""
    backup = files.backup_of(file)
    advice = "restore a copy from the backups folder"
    if backup.exists():
        advice = f"the previous state is beside it: look at {backup} and copy it over {file.name}"
    return StateError(f"the state file {file} cannot be used: {what}; it was not touched", next_step=advice)


def compressed(file: Path, name: str) -> UnsupportedError:
    """Return the error for a state file that the CLI was told to compress."""
    return UnsupportedError(
        f"the state file {file} is compressed with {name}, which the embedded engine does not read; it was not touched",
        next_step="run `pulumi refresh` once without PULUMI_DIY_BACKEND_GZIP and PULUMI_DIY_BACKEND_ZSTD, "
        "which writes it plain",
    )
