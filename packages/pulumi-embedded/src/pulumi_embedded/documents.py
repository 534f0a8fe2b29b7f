"""What the embedded engine does with each thing that a program may ask for, in words.

The engine decides by the tables of `options.py`; what their entries are is only of interest to readers and stands here.
`OPTIONS.md` is generated from both: `python -m pulumi_embedded.documents`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_embedded.options import FIELDS, REFUSED_CALLS

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "OPTIONS.md"

_PASSED_OVER: Final = {
    "accepts_byte_string": "no dynamic provider answers with bytes that are not text",
    "stackTrace": "recorded by the CLI for people to read, used by nothing",
    "parentStackTraceHandle": "only remote components set it, and they are refused",
}
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "RegisterResourceRequest": {
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
        "acceptResources": "no dynamic provider answers with a reference",
        "aliasSpecs": "says that aliases are written properly, which only an old Node.js SDK failed to do",
        "supportsResultReporting": "a failure ends the run, so there is no failed resource to report",
        **_PASSED_OVER,
    },
    "PropertyDependencies": {"urns": "what a property comes from"},
    "CustomTimeouts": dict.fromkeys(
        ("create", "update", "delete", "read"), "`custom_timeouts`, which providers may ignore"
    ),
    "Alias": {"urn": "an alias that is a URN", "spec": "`pulumi.Alias`"},
    "Spec": {
        "name": "`Alias(name=…)`",
        "type": "`Alias(type_=…)`",
        "stack": "`Alias(stack=…)`",
        "project": "`Alias(project=…)`",
        "parentUrn": "`Alias(parent=…)`",
        "noParent": "`Alias(parent=None)`",
    },
    "SourcePosition": {"uri": "the file", "line": "the line", "column": "the column"},
    "ReadResourceRequest": {
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
        **_PASSED_OVER,
    },
    "RegisterResourceOutputsRequest": {
        "urn": "which component or stack",
        "outputs": "`register_outputs` and `pulumi.export`",
    },
}
"""By message and field: what a user writes for it or what it carries, or why it can be passed over."""

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

REFUSED_TYPES: Final[Mapping[str, str]] = {
    "a resource that is not of `pulumi.dynamic`": "it needs a provider plugin; the error names it and its version",
    "an explicit provider (`pulumi:providers:…`)": "the same",
    "`pulumi:index:Stash`": "only the CLI keeps one",
    "an asset or an archive among properties": "dynamic providers do not get them",
}
"""What is refused for its type, and why."""


def document() -> str:
    """The text of `OPTIONS.md`."""
    option = "RegisterResourceRequest"
    written = {WORDS[option][name] for name in FIELDS[option].honoured}
    honoured = sorted({text for text in written if text.startswith("`")} | {"`id`"})
    refused = [f"- {what}: {why}\n" for what, why in REFUSED_TYPES.items()]
    refused += [f"- {what}\n" for what in sorted({*FIELDS[option].refused.values(), *REFUSED_CALLS.values()})]
    fields = [
        f"| `{message}` | `{name}` | {fate} | {table.refused.get(name) or WORDS[message][name]} |\n"
        for message, table in FIELDS.items()
        for fate, names in vars(table).items()
        for name in names
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

*Generated from the tables in `options.py` by `python -m pulumi_embedded.documents`; a test keeps it in step.*

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
    DOCUMENT.write_text(document(), encoding="utf-8")
