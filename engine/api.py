"""What a caller of the engine gives and gets: a request, events on the way, a result.

This module imports nothing heavy, so that a command line can load it at once.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from engine.values import contains_secret, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["up", "preview", "refresh", "destroy"]
Severity = Literal["debug", "info", "warning", "error"]
Op = Literal["same", "create", "update", "delete", "refresh", "create-replacement", "delete-replaced"]
"""Pulumi's own names. A replacement is a create-replacement and a delete-replaced, in either order."""


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

    In a preview the value may be, or hold, `engine.values.UNKNOWN`.
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
