"""What the program asks for: one registration, read from its request, or refused by name.

What is refused is in the tables of `pulumi_embedded.options`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from pulumi_embedded import options
from pulumi_embedded.errors import ProjectError, UnsupportedError
from pulumi_embedded.protocol import from_struct
from pulumi_embedded.state import ResourceState
from pulumi_embedded.values import decode

if TYPE_CHECKING:
    from pulumi_embedded.protocol import resource_pb2

DYNAMIC_PACKAGE: Final = "pulumi-python"
PROVIDER_TYPE: Final = f"pulumi:providers:{DYNAMIC_PACKAGE}"
BUILTIN_PROVIDER_TYPE: Final = "pulumi:providers:pulumi"
"""The provider of StackReferences, which is the engine itself."""
STACK_TYPE: Final = "pulumi:pulumi:Stack"
STACK_REFERENCE_TYPE: Final = "pulumi:pulumi:StackReference"

_INHERITED: Final = {"protect": "protect", "retain_on_delete": "retainOnDelete", "deleted_with": "deletedWith"}
_DURATION: Final = re.compile(r"([0-9]*\.?[0-9]+)(ms|h|m|s)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, kw_only=True)
class Alias:
    """Another name of a resource: a URN, or what differs from its present one; empty stands for the same."""

    urn: str = ""
    name: str = ""
    type: str = ""
    parent: str = ""
    no_parent: bool = False
    stack: str = ""
    project: str = ""


@dataclass(kw_only=True)
class Goal(ResourceState):
    """One resource as the program wants it: the state to come, without what steps add to it.

    Attributes:
        delete_before_replace: None leaves it to the provider.
        earlier: What else it may be recorded as.
        unsaid: The attributes that the program says nothing about: they are as the parent has them.
    """

    delete_before_replace: bool | None = None
    earlier: tuple[Alias, ...] = ()
    unsaid: tuple[str, ...] = ()

    def inherit(self, parent: Goal) -> Goal:
        """The goal with what it leaves to its parent."""
        given: Any = {name: getattr(parent, name) for name in self.unsaid}
        return replace(self, **given)

    def state(self, old: ResourceState | None) -> ResourceState:
        """The state that the steps of this registration complete."""
        state = ResourceState(**{one.name: getattr(self, one.name) for one in fields(ResourceState)})
        if old is not None:
            state.created, state.modified = old.created, old.modified
            state.aliases = [old.urn] if old.urn != self.urn else []
            if not self.external:
                state.extra = {key: value for key, value in old.extra.items() if key != "stackTrace"}
        return state


def make_urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """Compose a URN; the types of all parents but the stack are part of it."""
    above = parent.split("::")[2] if parent else STACK_TYPE
    qualified = type_ if above == STACK_TYPE else f"{above}${type_}"
    return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"


def stack_of(urn: str) -> str:
    """The stack in a URN."""
    return urn.split("::", 1)[0].removeprefix("urn:pulumi:")


def project_of(urn: str) -> str:
    """The project in a URN."""
    return urn.split("::", 2)[1]


def type_of(urn: str) -> str:
    """The resource's own type in a URN."""
    return urn.split("::", 3)[2].rpartition("$")[2]


def name_of(urn: str) -> str:
    """The name in a URN."""
    return urn.split("::", 3)[3]


def check_package(type_: str, *, version: str = "") -> None:
    """Refuse a custom resource that only a provider plugin, or the CLI itself, can manage."""
    package = type_.split(":", maxsplit=1)[0]
    if package == DYNAMIC_PACKAGE:
        return
    plugin = type_.removeprefix("pulumi:providers:").split(":")[0]
    if plugin in ("pulumi", DYNAMIC_PACKAGE):
        raise UnsupportedError(f"The embedded engine does not support {type_}.", next_step=options.INSTALL)
    which = options.plugin(plugin, version)
    raise UnsupportedError(f"{type_} needs {which}, which only the Pulumi CLI can run.", next_step=options.INSTALL)


def read_goal(request: resource_pb2.RegisterResourceRequest, *, stack: str, project: str, root: Path) -> Goal:
    """Read a registration; UnsupportedError names the first thing that would not be honoured."""
    if request.custom or request.remote:
        check_package(request.type, version=request.version)
    options.check(request, f"{request.type} {request.name!r}")
    inputs: dict[str, Any] = {}
    wanted = {key: list(value.urns) for key, value in request.propertyDependencies.items()}
    by_property: dict[str, list[str]] = {}
    for key, value in from_struct(request.object).items():
        found = set(wanted.get(key, ()) if wanted else request.dependencies)
        inputs[key] = decode(value, found)
        by_property[key] = sorted(found)
    said = {present.name for present, _ in request.ListFields()}
    decided = request.deleteBeforeReplaceDefined or request.deleteBeforeReplace
    return Goal(
        urn=make_urn(stack, project, request.parent, request.type, request.name),
        type=request.type,
        custom=request.custom,
        parent=request.parent,
        inputs=inputs,
        dependencies=sorted(set(request.dependencies)),
        property_dependencies=by_property,
        protect=request.protect,
        retain_on_delete=request.retainOnDelete,
        delete_before_replace=request.deleteBeforeReplace if decided else None,
        ignore_changes=list(request.ignoreChanges),
        replace_on_changes=list(request.replaceOnChanges),
        additional_secret_outputs=list(request.additionalSecretOutputs),
        custom_timeouts=_timeouts(request.customTimeouts),
        earlier=(*(Alias(urn=urn) for urn in request.aliasURNs), *(_alias(alias) for alias in request.aliases)),
        deleted_with=request.deletedWith,
        replace_with=list(request.replace_with),
        source_position=position(request.sourcePosition, root),
        unsaid=tuple(ours for ours, theirs in _INHERITED.items() if theirs not in said),
    )


def _alias(alias: Any) -> Alias:
    spec = alias.spec
    return Alias(
        urn=alias.urn,
        name=spec.name,
        type=spec.type,
        parent=spec.parentUrn,
        no_parent=spec.noParent,
        stack=spec.stack,
        project=spec.project,
    )


def _timeouts(timeouts: resource_pb2.RegisterResourceRequest.CustomTimeouts) -> dict[str, float]:
    return {field.name: _duration(text) for field, text in timeouts.ListFields()}


def _duration(text: str) -> float:
    if not _DURATION.sub("", text) and text:
        seconds = sum((float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text)), start=0.0)
        return int(seconds) if seconds.is_integer() else seconds  # as the CLI writes it
    raise ProjectError(f"custom_timeouts: {text!r} is not a duration; allowed are forms like 90s, 5m and 1h30m")


def position(said: Any, root: Path) -> str:
    """A place in the program as the state has it; what lies outside of the project has none."""
    path = Path(unquote(urlsplit(said.uri).path))
    if not said.uri or root not in path.parents:
        return ""
    column = f",{said.column}" if said.column else ""
    return f"project:///{path.relative_to(root).as_posix()}#{said.line}{column}"
