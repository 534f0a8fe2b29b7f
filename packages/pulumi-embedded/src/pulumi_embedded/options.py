"""What a program may ask for, and what becomes of it: tables of Pulumi's protocol.

Every field of the messages that a program sends, and every call it can make, is in exactly one table or served; tests
walk the protocol. So what a newer Pulumi adds is refused by name instead of ignored. `documents.py`
says in words what each of them is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

INSTALL: Final = "install the Pulumi CLI: ./infra setup --pulumi"


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The fields of one message.

    Attributes:
        honoured: Those that mean what they mean to Pulumi.
        without_effect: Those that can be passed over.
        refused: What a user writes for those that are not supported, which the error names.
    """

    honoured: Collection[str]
    without_effect: Collection[str] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


_PLUGINS: Final = {
    "packageRef": "a parameterized package",
    "pluginChecksums": "checksums of a provider plugin",
    "pluginDownloadURL": "`plugin_download_url`",
    "version": "`version`",
}

FIELDS: Final[Mapping[str, Fields]] = {
    "RegisterResourceRequest": Fields(
        honoured=(
            "type", "name", "custom", "object", "acceptSecrets", "supportsPartialValues", "sourcePosition", "parent",
            "protect", "dependencies", "propertyDependencies", "ignoreChanges", "replaceOnChanges",
            "deleteBeforeReplace", "deleteBeforeReplaceDefined", "retainOnDelete", "customTimeouts",
            "additionalSecretOutputs", "aliases", "aliasURNs", "deletedWith", "replace_with",
        ),
        without_effect=(
            "acceptResources", "accepts_byte_string", "aliasSpecs", "supportsResultReporting", "stackTrace",
            "parentStackTraceHandle",
        ),
        refused={
            "envVarMappings": "`env_var_mappings`",
            "hideDiffs": "`hide_diffs`",
            "hooks": "`hooks`",
            "importId": "`import_`",
            "provider": "`provider`",
            "providers": "`providers`",
            "remote": "a remote component",
            "replacement_trigger": "`replacement_trigger`",
            "snippetId": "a snippet",
            "state_migrations": "`state_migrations`",
            "transforms": "`transforms`",
            **_PLUGINS,
        },
    ),
    "PropertyDependencies": Fields(honoured=("urns",)),
    "CustomTimeouts": Fields(honoured=("create", "update", "delete", "read")),
    "Alias": Fields(honoured=("urn", "spec")),
    "Spec": Fields(honoured=("name", "type", "stack", "project", "parentUrn", "noParent")),
    "SourcePosition": Fields(honoured=("uri", "line", "column")),
    "ReadResourceRequest": Fields(
        honoured=(
            "id", "type", "name", "parent", "properties", "dependencies", "acceptSecrets", "additionalSecretOutputs",
            "acceptResources", "sourcePosition",
        ),
        without_effect=("accepts_byte_string", "stackTrace", "parentStackTraceHandle"),
        refused={"provider": "`provider`", **_PLUGINS},
    ),
    "RegisterResourceOutputsRequest": Fields(honoured=("urn", "outputs")),
}  # fmt: skip
"""By the name of the message. A message that is not here, but is a field of one that is, is read as a whole."""

REFUSED_CALLS: Final[Mapping[str, str]] = {
    "Invoke": "invokes (functions of providers)",
    "Call": "resource methods",
    "ExistsResource": "looking whether a resource exists",
    "RegisterStackTransform": "stack transforms",
    "RegisterStackInvokeTransform": "stack invoke transforms",
    "RegisterResourceHook": "resource hooks",
    "RegisterErrorHook": "error hooks",
    "RegisterPackage": "provider packages",
}
"""Calls that are answered with an error, and how a user calls what they are for."""


def check(message: Message, subject: str) -> None:
    """Refuse what would not be honoured in a message of the program; UnsupportedError names the first such thing."""
    table = FIELDS[message.DESCRIPTOR.name]
    for present, value in message.ListFields():
        if present.name in table.honoured:
            for inner in _messages(present, value):
                check(inner, subject)
        elif present.name not in table.without_effect and not _is_empty(value):
            raise refusal(subject, table.refused.get(present.name, f"the unknown field {present.name!r}"))


def refusal(subject: str, what: str) -> UnsupportedError:
    """The error for what only the CLI does."""
    return UnsupportedError(
        f"{subject} uses {what.replace('`', '')}, which the embedded engine does not support.",
        next_step=f"leave it out, or {INSTALL}",
    )


def call_refusal(method: str, request: Any) -> UnsupportedError:
    """The error for a call that is not served, with what it was for, and the plugin where it needs one."""
    token = getattr(request, "tok", "") or getattr(request, "type", "")
    name = token or getattr(request, "name", "")
    what = REFUSED_CALLS[method] + (f": {name}" if name else "")
    package = token.split(":")[0] or (name if method == "RegisterPackage" else "")
    if package not in ("", "pulumi"):
        what += f" of {plugin(package, request.version)}"
    return refusal("The program", what)


def plugin(name: str, version: str) -> str:
    """A provider plugin in words."""
    return f"the provider plugin {name!r}" + (f", version {version}" if version else "")


def _messages(present: FieldDescriptor, value: Any) -> list[Message]:
    """The messages with a table of their own that a field holds: one, several, or those of a map."""
    if present.message_type is None:
        return []
    if present.message_type.GetOptions().map_entry:
        value = value.values()
    elif not present.is_repeated:
        value = [value]
    return [item for item in value if hasattr(item, "DESCRIPTOR") and item.DESCRIPTOR.name in FIELDS]


def _is_empty(value: Any) -> bool:
    return hasattr(value, "ByteSize") and value.ByteSize() == 0  # the SDK always sends a binding of hooks
