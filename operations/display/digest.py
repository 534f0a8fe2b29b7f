"""The document of a preview, in the shape of `pulumi preview --json`, from the events of the embedded engine.

Secrets are "[secret]" wherever they stand, and a value that is known only after the deployment is Pulumi's sentinel,
both as the CLI writes them: what reads one document reads the other.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from operations.display.plan import AFTERMATH, STACK_TYPE, untold
from pulumi_embedded.api import Message, StepFailed, StepFinished, StepStarted
from pulumi_embedded.state.checkpoint import timestamp
from pulumi_embedded.values import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_embedded.api import Event, Listener, Result, Severity, Step
    from pulumi_embedded.state import ResourceState

Document = dict[str, Any]

MASK: Final = "[secret]"
_NANOSECONDS: Final = 1_000_000_000
_ALWAYS: Final = frozenset({"urn", "custom", "type"})
_REPLACING: Final = frozenset({"create-replacement", "read-replacement"})


class Digest:
    """Takes the events of one preview, passes them on, and makes the document of them.

    Args:
        listener: Who shows progress.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._steps: list[Document] = []
        self._diagnostics: list[Document] = []
        self._told: list[str] = []

    def on_event(self, event: Event) -> None:
        """Take an event: states are written down at once, because the engine goes on working with them."""
        match event:
            case StepStarted(step=step) if _is_shown(step):
                self._steps.append(_step(step, "replace" if step.op in _REPLACING else step.op))
            case StepFinished(step=step) if step.op == "refresh":
                self._refreshed(step, event.op)
            case StepFailed(step=step, message=message):
                self._diagnose("error", message, step.urn)
            case Message() if event.severity != "debug":
                self._diagnose(event.severity, event.text, event.urn)
            case _:
                pass
        self._listener.on_event(event)

    def document(self, result: Result, config: Mapping[str, str | Secret]) -> Document:
        """Return the document; what is empty is left out."""
        for error in untold(result.errors, self._told):
            self._diagnose("error", error)
        content = {
            "config": {key: _masked(value) for key, value in sorted(config.items())},
            "steps": self._steps,
            "diagnostics": self._diagnostics,
            "duration": round(result.duration_seconds * _NANOSECONDS),
            "changeSummary": {op: count for op, count in sorted(vars(result.changes).items()) if count},
        }
        return {name: value for name, value in content.items() if value}

    def _refreshed(self, step: Step, found: str) -> None:
        """A refresh that found less, or what its provider can tell apart, is that step instead, as in the CLI."""
        if found == "delete" or (found == "update" and step.detailed_diff):
            for at, known in enumerate(self._steps):
                if known["urn"] == step.urn:
                    self._steps[at] = _step(step, found)

    def _diagnose(self, severity: Severity, text: str, urn: str = "") -> None:
        self._told.append(text)
        self._diagnostics.append(diagnostic(severity, text, urn))


def diagnostic(severity: Severity, text: str, urn: str = "") -> Document:
    """One message as the CLI's document has it: its severity stands in front, too, unless it is only information."""
    about = {"urn": urn} if urn else {}
    prefix = "" if severity == "info" else f"{severity}: "
    return {**about, "message": f"{prefix}{text.rstrip()}\n", "severity": severity}


def _is_shown(step: Step) -> bool:
    """Whether the CLI lists a step: not what stays as it is, nor the two halves of a replacement each by itself."""
    if step.internal or step.op in AFTERMATH:
        return False
    old, new = step.old_state, step.new_state
    protection = old is not None and new is not None and old.protect != new.protect
    return step.op != "same" or step.type == STACK_TYPE or protection


def _step(step: Step, op: str) -> Document:
    new = None if op == "delete" else step.new_state
    detailed = {path: {"kind": one.kind, "inputDiff": one.input_diff} for path, one in step.detailed_diff.items()}
    content = {
        "op": op,
        "urn": step.urn,
        "provider": step.provider or getattr(new or step.old_state, "provider", ""),
        "oldState": _state(step.old_state),
        "newState": _state(new),
        "diffReasons": list(step.diffs),
        "replaceReasons": list(step.replace_keys),
    }
    return {**{name: value for name, value in content.items() if value}, "detailedDiff": detailed or None}


def _state(state: ResourceState | None) -> Document | None:
    """A resource as a checkpoint has it, but for its secrets."""
    if state is None:
        return None
    told = {_name(field.name): getattr(state, field.name) for field in dataclasses.fields(state)}
    extra = told.pop("extra")
    kept = {name: value for name, value in told.items() if value or name in _ALWAYS}
    return {name: _masked(value) for name, value in {**kept, **extra}.items()}


def _name(attribute: str) -> str:
    """The name of an attribute in a checkpoint."""
    if attribute == "import_id":
        return "importID"
    first, *others = attribute.split("_")
    return first + "".join(map(str.capitalize, others))


def _masked(value: Any) -> Any:
    match value:
        case Secret():
            return MASK
        case datetime():
            return timestamp(value)
        case dict():
            return {key: _masked(item) for key, item in value.items()}
        case list() | tuple():
            return [_masked(item) for item in value]
        case _:
            return value
