"""The documents of `pulumi preview --json`, read and validated. Pure.

Fields that are not known are ignored, so that a newer CLI is understood; what is no preview is refused by name. A plan
always lists the stack itself, so a document without steps is a failed preview, or none at all: never "no changes".
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from components.local.files import read_bytes
from operations.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES: Final = 32 * 1024 * 1024
"""What is longer is no plan that anybody reads."""
PROPERTIES: Final = frozenset({"inputs", "outputs", "detailedDiff", "error", "config"})
STREAMED: Final = "PULUMI_ENABLE_STREAMING_JSON_PREVIEW"


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What all parts share: unknown fields ignored, no conversion of types, and no values in messages."""

    def __repr__(self) -> str:
        return type(self).__name__


class State(Part, frozen=True):
    """A resource as the state has it."""

    type: str = ""
    id: str = ""
    parent: str = ""
    protect: bool = False
    retain_on_delete: bool = False
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    dependencies: list[str] = []
    additional_secret_outputs: list[str] = []


class Step(Part, frozen=True):
    """What would be done to a resource."""

    op: Annotated[str, Meta(min_length=1)]
    urn: Annotated[str, Meta(min_length=1)]
    old_state: State | None = None
    new_state: State | None = None
    diff_reasons: list[str] = []
    replace_reasons: list[str] = []
    detailed_diff: dict[str, Any] = {}


class Diagnostic(Part, frozen=True):
    """A message of the run."""

    urn: str = ""
    message: str = ""
    severity: str = ""


class Document(Part, frozen=True):
    """One preview."""

    stack: str = ""
    """What `./infra preview` says it is about: the CLI's own document may name no stack where it failed."""
    config: dict[str, Any] = {}
    steps: list[Step] = []
    diagnostics: list[Diagnostic] = []
    change_summary: dict[str, int] = {}
    error: dict[str, Any] = {}
    """What `./infra preview` says when it ended before an engine began."""

    @property
    def errors(self) -> list[Diagnostic]:
        """The messages that say why it failed."""
        return [one for one in self.diagnostics if one.severity == "error"]

    @property
    def failed(self) -> bool:
        """Whether the preview did not come to its end."""
        return bool(self.errors or self.error)

    @property
    def stacks(self) -> set[tuple[str, str]]:
        """Stack and project of all URNs; one pair in a document that is whole."""
        urns = [*(step.urn for step in self.steps), *(one.urn for one in self.diagnostics)]
        return {named for urn in urns if (named := _named(urn))}


def _named(urn: str) -> tuple[str, str] | None:
    """Stack and project in `urn:pulumi:stack::project::type::name`."""
    head, *rest = urn.split("::")
    if not head.startswith("urn:pulumi:") or not rest:
        return None
    return head.removeprefix("urn:pulumi:"), rest[0]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A document, or why there is none.

    Attributes:
        source: Where it comes from, as the user named it.
        stack: The stack it is about; empty where nothing says so.
        project: The stack's project; empty where nothing says so.
        document: None when it cannot be understood.
        reason: Why it cannot be understood; empty when it can.
    """

    source: str
    stack: str = ""
    project: str = ""
    document: Document | None = None
    reason: str = ""


def readings(text: str, *, source: str, stack: str = "") -> list[Reading]:
    """All documents of a text, one behind the other.

    Args:
        text: What was read.
        source: How messages name it.
        stack: What the user says it is about; empty to take the document's own word.
    """
    found: list[Reading] = []
    at, decoder = 0, json.JSONDecoder()
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            return [*found, Reading(source=source, stack=stack, reason=_unreadable(text, at, error))]
        found.append(_validated(value, source=source, stack=stack))
        if _is_event(value):
            return found  # all that follow are of the same kind
    return found or [Reading(source=source, stack=stack, reason="it is empty: the preview printed nothing")]


def _unreadable(text: str, at: int, error: Exception) -> str:
    begins = text[at : at + 1]
    if isinstance(error, RecursionError):
        return "it is nested too deeply for a preview"
    cut = begins in {"{", "["} and getattr(error, "pos", 0) >= len(text.rstrip()) - 1
    if cut or "Unterminated string" in str(error):
        return "it ends in the middle: the preview was cut off"
    place = f"line {text.count(chr(10), 0, getattr(error, 'pos', at)) + 1}"
    return f"it is not JSON from {place} on: give what `preview --json` prints on standard output, and nothing else"


def _is_event(value: Any) -> bool:
    """Whether this is one of the engine's events, which the CLI prints instead when it is told to stream."""
    return isinstance(value, dict) and "sequence" in value and "timestamp" in value


def _validated(value: Any, *, source: str, stack: str) -> Reading:
    if not isinstance(value, dict):
        return Reading(source=source, stack=stack, reason="it is no JSON object, so it is not the answer of a preview")
    if _is_event(value):
        return Reading(source=source, stack=stack, reason=f"it is a stream of events: unset {STREAMED} for the preview")
    try:
        document = msgspec.convert(_given(value), Document)
    except msgspec.ValidationError as error:
        return Reading(source=source, stack=stack, reason=f"it has not the shape of a preview: {error}")
    stack = stack or document.stack
    if not document.steps and not document.failed:
        reason = "it has no steps and says no error, so it is not the answer of a preview"
        return Reading(source=source, stack=stack, reason=reason)
    return _of_one_stack(document, source=source, stack=stack)


def _given(value: Any) -> Any:
    """A part without what is null, which is as if it were not there; a resource's own properties are left alone."""
    if isinstance(value, list):
        return [_given(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if item is not None}
    return {key: item if key in PROPERTIES else _given(item) for key, item in kept.items()}


def _of_one_stack(document: Document, *, source: str, stack: str) -> Reading:
    found = sorted(document.stacks)
    if len(found) > 1:
        names = ", ".join(f"{name} of {project}" for name, project in found[:3])
        return Reading(source=source, stack=stack, reason=f"it is about several stacks: {names}")
    name, project = found[0] if found else (stack, "")
    if stack and name != stack:
        return Reading(source=source, stack=stack, reason=f"it is about the stack {name}, not {stack}")
    return Reading(source=source, stack=name, project=project, document=document)


STDIN = "-"
STEP = "./infra preview STACK --json > STACK.json, then name STACK.json here, or STACK=FILE"


def read_documents(sources: Iterable[str]) -> list[Reading]:
    """All documents of the named files, in their order; of standard input where none is named.

    Raises:
        UsageError: A file cannot be read, or two documents are about one stack.
    """
    named = list(sources) or [STDIN]
    if named == [STDIN] and sys.stdin.isatty():
        raise UsageError("no document is named, and nothing comes in on standard input", next_step=STEP)
    found = [reading for source in named for reading in _read(source)]
    seen: set[tuple[str, str]] = set()
    for one in found:
        key = (one.project, one.stack)
        if one.document is not None and one.stack and key in seen:
            raise UsageError(f"two documents are about the stack {one.stack}", next_step="give one document each")
        seen.add(key)
    return found


def _read(source: str) -> list[Reading]:
    stack, equals, path = source.partition("=")
    if not equals:
        stack, path = ("", source)
    shown = "standard input" if path == STDIN else path
    try:
        content = _content(path)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}", next_step=STEP) from None
    fallback = stack or ("" if path == STDIN else Path(path).stem)
    if len(content) > MOST_BYTES:
        return [Reading(source=shown, stack=fallback, reason=f"it is longer than {MOST_BYTES} bytes")]
    found = readings(content.decode("utf-8", "replace").removeprefix("\ufeff"), source=shown, stack=stack)
    # A file is called after its stack; the document's own word counts where it has one.
    return [one if one.stack else _source_named(one, fallback) for one in found]


def _source_named(one: Reading, stack: str) -> Reading:
    return Reading(source=one.source, stack=stack, project=one.project, document=one.document, reason=one.reason)


def _content(path: str) -> bytes:
    if path == STDIN:
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    return read_bytes(Path(path), MOST_BYTES)
