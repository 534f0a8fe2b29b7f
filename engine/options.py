"""What a program may ask for, and what becomes of it: tables of Pulumi's protocol.

Every field of the messages that a program sends, and every call it can make, is in exactly one table; tests walk the
protocol. So what a newer Pulumi adds is refused by name instead of ignored. `python -m engine.options` writes
`docs/engine-options.md` from the tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

INSTALL: Final = "install the Pulumi CLI: ./infra setup --pulumi"
REFERENCE_FILE: Final = Path(__file__).resolve().parent.parent / "docs" / "engine-options.md"


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The fields of one message.

    Attributes:
        honoured: What a user writes for it, or what it carries.
        without_effect: Why it can be passed over.
        refused: What a user writes for it, which the error names.
    """

    honoured: Mapping[str, str]
    without_effect: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


_BYTES: Final = "no dynamic provider answers with bytes that are not text"
_TRACE: Final = "recorded by the CLI for people to read, used by nothing"
_REMOTE: Final = "only remote components set it, and they are refused"
_PLUGINS: Final = {
    "packageRef": "a parameterized package",
    "pluginChecksums": "checksums of a provider plugin",
    "pluginDownloadURL": "`plugin_download_url`",
    "version": "`version`",
}

# fmt: off - the tables are read across
FIELDS: Final[Mapping[str, Fields]] = {
    "RegisterResourceRequest": Fields(
        honoured={
            "type": "the type",
            "name": "the name",
            "custom": "resource or component",
            "object": "the properties",
            "acceptSecrets": "secrets in answers",
            "supportsPartialValues": "unknowns in answers",
            "sourcePosition": "where the program registers it",
            "parent": "`parent`",
            "protect": "`protect`",
            "dependencies": "`depends_on`",
            "propertyDependencies": "what each property comes from",
            "ignoreChanges": "`ignore_changes`",
            "replaceOnChanges": "`replace_on_changes`",
            "deleteBeforeReplace": "`delete_before_replace`",
            "deleteBeforeReplaceDefined": "`delete_before_replace`",
            "retainOnDelete": "`retain_on_delete`",
            "customTimeouts": "`custom_timeouts`",
            "additionalSecretOutputs": "`additional_secret_outputs`",
            "aliases": "`aliases`",
            "aliasURNs": "`aliases`",
            "deletedWith": "`deleted_with`",
            "replace_with": "`replace_with`",
        },
        without_effect={
            "acceptResources": "no dynamic provider answers with a reference",
            "accepts_byte_string": _BYTES,
            "aliasSpecs": "says that aliases are written properly, which only an old Node.js SDK failed to do",
            "supportsResultReporting": "a failure ends the run, so there is no failed resource to report",
            "stackTrace": _TRACE,
            "parentStackTraceHandle": _REMOTE,
        },
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
    "PropertyDependencies": Fields(honoured={"urns": "what a property comes from"}),
    "CustomTimeouts": Fields(
        honoured=dict.fromkeys(("create", "update", "delete", "read"), "`custom_timeouts`, which providers may ignore"),
    ),
    "Alias": Fields(honoured={"urn": "an alias that is a URN", "spec": "`pulumi.Alias`"}),
    "Spec": Fields(
        honoured={
            "name": "`Alias(name=…)`",
            "type": "`Alias(type_=…)`",
            "stack": "`Alias(stack=…)`",
            "project": "`Alias(project=…)`",
            "parentUrn": "`Alias(parent=…)`",
            "noParent": "`Alias(parent=None)`",
        },
    ),
    "SourcePosition": Fields(honoured={"uri": "the file", "line": "the line", "column": "the column"}),
    "ReadResourceRequest": Fields(
        honoured={
            "id": "`id` and `.get()`",
            "type": "the type",
            "name": "the name",
            "parent": "`parent`",
            "properties": "the properties",
            "dependencies": "`depends_on`",
            "acceptSecrets": "secrets in answers",
            "additionalSecretOutputs": "`additional_secret_outputs`",
            "acceptResources": "references in answers",
            "sourcePosition": "where the program reads it",
        },
        without_effect={"accepts_byte_string": _BYTES, "stackTrace": _TRACE, "parentStackTraceHandle": _REMOTE},
        refused={"provider": "`provider`", **_PLUGINS},
    ),
    "RegisterResourceOutputsRequest": Fields(
        honoured={"urn": "which component or stack", "outputs": "`register_outputs` and `pulumi.export`"},
    ),
}
# fmt: on
"""By the name of the message. A message that is not here, but is a field of one that is, is read as a whole."""

SERVED: Final[Mapping[str, str]] = {
    "GetDeploymentInfo": "what this deployment is, and what the engine understands",
    "SupportsFeature": "what the engine understands, for an older SDK",
    "RegisterResource": "resources and components",
    "ReadResource": "`id`, `.get()` and `pulumi.StackReference`",
    "RegisterResourceOutputs": "outputs of components and of the stack",
    "SignalAndWaitForShutdown": "the program's end",
    "Log": "`pulumi.log`",
    "GetRootResource": "the stack's URN",
    "SetRootResource": "the stack's URN",
    "StartDebugging": "taken note of; there is nothing to attach",
    "RequirePulumiVersion": "any range is met: it speaks about the CLI",
}
"""Calls of a program that are answered."""

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

REFUSED_TYPES: Final[Mapping[str, str]] = {
    "a resource that is not of `pulumi.dynamic`": "it needs a provider plugin; the error names it and its version",
    "an explicit provider (`pulumi:providers:…`)": "the same",
    "`pulumi:index:Stash`": "only the CLI keeps one",
    "an asset or an archive among properties": "dynamic providers do not get them",
}
"""What is refused for its type, and why."""


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


def reference() -> str:
    """The text of `docs/engine-options.md`."""
    option = FIELDS["RegisterResourceRequest"]
    honoured = sorted({text for text in option.honoured.values() if text.startswith("`")} | {"`id`"})
    refused = [f"- {what}: {why}\n" for what, why in REFUSED_TYPES.items()]
    refused += [f"- {what}\n" for what in sorted({*option.refused.values(), *REFUSED_CALLS.values()})]
    fields = [
        f"| `{message}` | `{name}` | {fate} | {text} |\n"
        for message, table in FIELDS.items()
        for fate, names in vars(table).items()
        for name, text in names.items()
    ]
    calls = [f"| `{name}` | served | {text} |\n" for name, text in SERVED.items()]
    calls += [f"| `{name}` | refused | {text} |\n" for name, text in REFUSED_CALLS.items()]
    return _PAGE.format(
        honoured="".join(f"- {text}\n" for text in honoured),
        refused="".join(refused),
        fields="".join(fields).replace("without_effect", "without effect"),
        calls="".join(calls),
    )


_PAGE: Final = """\
# What the embedded engine does and refuses

*Generated from the tables in `engine/options.py` by `python -m engine.options`; a test keeps it in step.*

What is not honoured is refused with its name, before anything is changed. `./infra setup --pulumi` installs the Pulumi
CLI, which goes on from the same state.

## Resource options that are honoured

{honoured}
They mean what they mean to Pulumi.

`id` and `.get()` read a resource of a dynamic provider. It is never changed or deleted; what the program does not read
any more leaves the state. `StackReference` reads another stack of the same backend: one of the same project by its
name, any other as `organization/project/stack`. Secret outputs stay secret. They must open with the passphrase of the
stack that reads them; where they do not, the run fails (the CLI hands the program `{{}}` in their place).

## What is refused

{refused}
## Fields of the protocol

| message | field | | what it is, or why it can be passed over |
|---|---|---|---|
{fields}
## Calls of the protocol

| call | | what for |
|---|---|---|
{calls}"""


if __name__ == "__main__":
    REFERENCE_FILE.write_text(reference(), encoding="utf-8")
