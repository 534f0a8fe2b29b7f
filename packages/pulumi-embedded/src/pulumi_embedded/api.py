"""What a caller of the engine gives and gets: a request, events on the way, a result.

This module imports nothing heavy, so that a command line can load it at once.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pulumi_embedded.values import contains_secret, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_embedded.state import ResourceState

Kind = Literal["up", "preview", "refresh", "destroy"]
Severity = Literal["debug", "info", "warning", "error"]
Op = Literal[
    "same", "create", "update", "delete", "refresh", "create-replacement", "delete-replaced", "remove-pending-replace",
    "read", "read-replacement", "discard", "discard-replaced",
]  # fmt: skip
"""Pulumi's own names. A replacement is a create-replacement and a delete-replaced, in either order.

What is only looked at is read; a resource that a read takes the place of is deleted, and what is not read any more is
discarded: it leaves the state and stays as it is.
"""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One run of one stack.

    Attributes:
        kind: What to do; "preview" previews "up" and writes nothing.
        project_folder: Where Pulumi.yaml lies.
        stack: The stack's name.
        backend_url: "file://…"; any other kind of backend is refused by name.
        passphrase: Opens the stack's secrets.
        config: Values of this run only, "namespace:name" to text; never written to disk.
        refresh: Whether to read reality first; None leaves it to Pulumi.yaml's `options.refresh`.
        python: The interpreter of the program and of its dynamic providers.
        environment: Added to the environment of both.
        parallel: How many resources are worked on at once.
        lock_timeout: Seconds to wait for somebody else who works on the stack.
        verbose: Whether errors of providers come with their whole traceback.
        previewed: Whether a person has seen and agreed to a preview of this "up", which is then not made again.
        dry_run: Whether a "refresh" or "destroy" only says what it would do, and writes nothing.
    """

    kind: Kind
    project_folder: Path
    stack: str
    backend_url: str
    passphrase: str = field(repr=False)
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    refresh: bool | None = None
    python: Path = Path(sys.executable)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    parallel: int = 16
    lock_timeout: float = 0.0
    verbose: bool = False
    previewed: bool = False
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Changes:
    """How many resources met which fate; default providers are not counted, as in the CLI."""

    create: int = 0
    update: int = 0
    replace: int = 0
    delete: int = 0
    same: int = 0


@dataclass(frozen=True, kw_only=True)
class Output:
    """One stack output, in the clear; `secret` says that it must be masked.

    In a preview the value may be, or hold, `pulumi_embedded.values.UNKNOWN`.
    """

    value: Any = field(repr=False)
    secret: bool

    @classmethod
    def of(cls, value: Any) -> Output:
        """An output as it is recorded, with secrets wrapped."""
        return cls(value=plain(value), secret=contains_secret(value))


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run ended. A failed one has at least one error; what it did make is recorded."""

    kind: Kind
    stack: str
    succeeded: bool
    interrupted: bool
    changes: Changes
    outputs: Mapping[str, Output]
    duration_seconds: float
    errors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PropertyDiff:
    """How one property of a resource differs.

    Attributes:
        kind: What happens to it; "-replace" where it forces a replacement.
        input_diff: Whether old and new inputs were compared, not the old outputs with the new inputs.
    """

    kind: Literal["add", "add-replace", "delete", "delete-replace", "update", "update-replace"]
    input_diff: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing done to one resource.

    Attributes:
        urn: Which resource.
        type: Its type token.
        name: Its name in the program.
        parent: The URN of its parent, or nothing.
        op: What is done.
        old: The recorded inputs, secrets wrapped; None where nothing was recorded.
        new: The inputs after the step, secrets wrapped, unknowns as the sentinel; None after a deletion.
        replace_keys: The properties that force a replacement.
        internal: A default provider: real, but of no interest to a person.
        old_state: What is recorded before the step, secrets wrapped; None where nothing is.
        new_state: What the step makes of it, outputs included as far as they are known when the event is sent.
        detailed_diff: How each property differs, by its path as text.
        diffs: The top-level properties that differ.
        provider: The reference of the provider that does it.
    """

    urn: str
    type: str
    name: str
    parent: str
    op: Op
    old: Mapping[str, Any] | None = field(default=None, repr=False)
    new: Mapping[str, Any] | None = field(default=None, repr=False)
    replace_keys: tuple[str, ...] = ()
    internal: bool = False
    old_state: ResourceState | None = field(default=None, repr=False)
    new_state: ResourceState | None = field(default=None, repr=False)
    detailed_diff: Mapping[str, PropertyDiff] = field(default_factory=dict)
    diffs: tuple[str, ...] = ()
    provider: str = ""


@dataclass(frozen=True, kw_only=True)
class StepStarted:
    """A step begins."""

    step: Step


@dataclass(frozen=True, kw_only=True)
class StepFinished:
    """A step is done; a finished "refresh" says with `op` what it found: "same", "update" or "delete"."""

    step: Step
    seconds: float
    op: Op


@dataclass(frozen=True, kw_only=True)
class StepFailed:
    """A step failed; `message` is fit for a user."""

    step: Step
    seconds: float
    message: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """Text from the program, a provider or the engine; `urn` names the resource it is about, if any."""

    severity: Severity
    text: str
    urn: str = ""


@dataclass(frozen=True, kw_only=True)
class LockWaiting:
    """Somebody else works on the stack; the engine waits."""

    holder: str


Event = StepStarted | StepFinished | StepFailed | Message | LockWaiting


class Listener(Protocol):
    """Whoever shows progress. Called from several threads, one call at a time; must not raise."""

    def on_event(self, event: Event) -> None:
        """Take note of an event."""


class Silent:
    """A listener that shows nothing."""

    def on_event(self, event: Event) -> None:
        """Pass over an event."""
