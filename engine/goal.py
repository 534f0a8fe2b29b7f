"""What the program asks for: one registration, read from its request, or refused by name.

Every field of the request is in exactly one of three tables; a test walks the protocol's message, so that a field
which a newer Pulumi adds is refused instead of ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from google.protobuf.message import Message

from engine.errors import ProjectError, UnsupportedError
from engine.protocol import from_struct
from engine.state import ResourceState
from engine.values import decode

if TYPE_CHECKING:
    from engine.protocol import resource_pb2

DYNAMIC_PACKAGE: Final = "pulumi-python"
PROVIDER_TYPE: Final = f"pulumi:providers:{DYNAMIC_PACKAGE}"
STACK_TYPE: Final = "pulumi:pulumi:Stack"
INSTALL_CLI: Final = "./infra setup --pulumi"

HONOURED: Final = frozenset(
    {"type", "name", "parent", "custom", "object", "protect", "dependencies", "propertyDependencies", "ignoreChanges"}
    | {"deleteBeforeReplace", "deleteBeforeReplaceDefined", "acceptSecrets", "additionalSecretOutputs"}
    | {"customTimeouts", "supportsPartialValues", "replaceOnChanges", "retainOnDelete", "sourcePosition"}
)
WITHOUT_EFFECT: Final = {
    "acceptResources": "no dynamic provider answers with a reference",
    "accepts_byte_string": "no dynamic provider answers with bytes that are not text",
    "aliasSpecs": "says how aliases are written, and aliases are refused",
    "supportsResultReporting": "a failure ends the run, so there is no failed resource to report",
    "stackTrace": "recorded by the CLI for people to read, used by nothing",
    "parentStackTraceHandle": "only remote components set it, and they are refused",
}
REFUSED: Final = {
    "aliases": "aliases",
    "aliasURNs": "aliases",
    "deletedWith": "deleted_with",
    "envVarMappings": "env_var_mappings",
    "hideDiffs": "hide_diffs",
    "hooks": "hooks",
    "importId": "import_",
    "packageRef": "a parameterized package",
    "pluginChecksums": "plugin checksums",
    "pluginDownloadURL": "plugin_download_url",
    "provider": "provider",
    "providers": "providers",
    "remote": "remote components",
    "replace_with": "replace_with",
    "replacement_trigger": "replacement_trigger",
    "snippetId": "snippets",
    "state_migrations": "state_migrations",
    "transforms": "transforms",
    "version": "version",
}
_DURATION: Final = re.compile(r"([0-9]*\.?[0-9]+)(ms|h|m|s)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One resource as the program wants it. `None` for protect and retain means: as the parent has it."""

    urn: str
    type: str
    name: str
    custom: bool
    parent: str
    inputs: dict[str, Any] = field(repr=False)
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    custom_timeouts: dict[str, float] = field(default_factory=dict)
    source_position: str = ""

    def state(self, old: ResourceState | None) -> ResourceState:
        """The state that the steps of this registration complete."""
        unmodelled = {} if old is None else {key: value for key, value in old.extra.items() if key != "stackTrace"}
        return ResourceState(
            urn=self.urn,
            type=self.type,
            custom=self.custom,
            parent=self.parent,
            inputs=self.inputs,
            dependencies=list(self.dependencies),
            property_dependencies=self.property_dependencies,
            protect=bool(self.protect),
            retain_on_delete=bool(self.retain_on_delete),
            ignore_changes=list(self.ignore_changes),
            replace_on_changes=list(self.replace_on_changes),
            additional_secret_outputs=list(self.additional_secret_outputs),
            custom_timeouts=self.custom_timeouts,
            source_position=self.source_position,
            created=old.created if old else None,
            modified=old.modified if old else None,
            extra=unmodelled,
        )


def make_urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """Compose a URN; the types of all parents but the stack are part of it."""
    above = parent.split("::")[2] if parent else STACK_TYPE
    qualified = type_ if above == STACK_TYPE else f"{above}${type_}"
    return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"


def name_of(urn: str) -> str:
    """The name in a URN."""
    return urn.split("::", 3)[3]


def check_package(type_: str, *, version: str = "") -> None:
    """Refuse a custom resource that only a provider plugin can manage."""
    package = type_.split(":", maxsplit=1)[0]
    if package == DYNAMIC_PACKAGE or type_ == PROVIDER_TYPE:
        return
    if package == "pulumi" and not type_.startswith("pulumi:providers:"):
        raise UnsupportedError(f"The embedded engine does not support {type_}.", next_step=INSTALL_CLI)
    plugin = type_.removeprefix("pulumi:providers:").split(":")[0]
    which = f"the provider plugin {plugin!r}" + (f", version {version}" if version else "")
    raise UnsupportedError(
        f"{type_} needs {which}, which only the Pulumi CLI can run.", next_step=f"install the Pulumi CLI: {INSTALL_CLI}"
    )


def read_goal(request: resource_pb2.RegisterResourceRequest, *, stack: str, project: str, root: Path) -> Goal:
    """Read a registration; UnsupportedError names the first thing that would not be honoured."""
    if request.custom or request.remote:
        check_package(request.type, version=request.version)
    for present, value in request.ListFields():
        empty = isinstance(value, Message) and value.ByteSize() == 0  # the SDK always sends a binding of hooks
        if present.name not in HONOURED and present.name not in WITHOUT_EFFECT and not empty:
            what = REFUSED.get(present.name, f"the field {present.name!r} of a registration")
            raise UnsupportedError(
                f"{request.type} {request.name!r} uses {what}, which the embedded engine does not support.",
                next_step=f"leave it out, or install the Pulumi CLI: {INSTALL_CLI}",
            )
    inputs: dict[str, Any] = {}
    wanted = {key: list(value.urns) for key, value in request.propertyDependencies.items()}
    by_property: dict[str, list[str]] = {}
    for key, value in from_struct(request.object).items():
        found = set(wanted.get(key, ()) if wanted else request.dependencies)
        inputs[key] = decode(value, found)
        by_property[key] = sorted(found)
    decided = request.deleteBeforeReplaceDefined or request.deleteBeforeReplace
    return Goal(
        urn=make_urn(stack, project, request.parent, request.type, request.name),
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent=request.parent,
        inputs=inputs,
        dependencies=tuple(sorted(set(request.dependencies))),
        property_dependencies=by_property,
        protect=request.protect if request.HasField("protect") else None,
        retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        delete_before_replace=request.deleteBeforeReplace if decided else None,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        custom_timeouts=_timeouts(request.customTimeouts),
        source_position=_position(request.sourcePosition, root),
    )


def _timeouts(timeouts: resource_pb2.RegisterResourceRequest.CustomTimeouts) -> dict[str, float]:
    return {field.name: _duration(text) for field, text in timeouts.ListFields()}


def _duration(text: str) -> float:
    if not _DURATION.sub("", text) and text:
        return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
    raise ProjectError(f"custom_timeouts: {text!r} is not a duration; allowed are forms like 90s, 5m and 1h30m")


def _position(position: Any, root: Path) -> str:
    path = Path(unquote(urlsplit(position.uri).path))
    if not position.uri or root not in path.parents:
        return ""
    return f"project:///{path.relative_to(root).as_posix()}#{position.line}"
