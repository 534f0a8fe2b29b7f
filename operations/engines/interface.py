"""What a command asks of an engine, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from pulumi_embedded.api import Message, StepFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from operations.engines.recorded import Holder, Recorded
    from pulumi_embedded.api import Event, Listener, Output, Result

Change = Literal["up", "refresh", "destroy"]
EngineName = Literal["pulumi", "embedded"]


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How an engine works.

    Attributes:
        parallel: How many resources are worked on at once.
        verbose: Whether errors come with where they come from.
        lock_timeout: Seconds to wait for somebody else who works on the stack.
    """

    parallel: int = 16
    verbose: bool = False
    lock_timeout: float = 30.0


class Engine(Protocol):
    """Works on one stack."""

    @property
    def name(self) -> EngineName:
        """What answers call it."""

    def change(self, kind: Change, listener: Listener, *, previewed: bool = False) -> Result:
        """Carry a change out. A resource that fails is told in the result; what prevents starting is raised.

        Args:
            kind: What to do.
            listener: Who is told.
            previewed: A person has agreed to its plan, so the engine need not look for refusals first.
        """

    def plan(self, kind: Change, listener: Listener) -> Result:
        """Say what `change` would do, and write nothing; the result's kind is "preview"."""

    def preview(self, listener: Listener) -> tuple[Result, dict[str, Any]]:
        """As the plan of `up`, with the document of `pulumi preview --json`."""

    def outputs(self) -> Mapping[str, Output]:
        """The outputs of the last deployment; none for a stack that was never deployed."""

    def unsettled(self) -> tuple[Recorded, ...]:
        """The creations that earlier runs were cut off in, with their inputs: what they made may exist unrecorded."""

    def remove(self, *, settled: bool = False) -> bool:
        """Forget the stack: its checkpoint, history and backups; False where there was nothing to forget.

        Args:
            settled: Whether somebody has looked for what the creations of `unsettled` have left.

        Raises:
            pulumi_embedded.errors.HeldError: The state holds resources. Nothing was removed.
            pulumi_embedded.errors.LockedError, StateLockedError: Somebody else works on the stack.
        """

    def drop(self, package: str) -> None:
        """Forget what a provider plugin has made, and leave it as it is.

        Raises:
            pulumi_embedded.errors.LockedError, StateLockedError: Somebody else works on the stack.
        """

    def holders(self) -> tuple[Holder, ...] | None:
        """Who holds the stack's lock, those included that are gone; None where nobody can be seen."""

    def unlock(self, holders: tuple[Holder, ...]) -> None:
        """Remove the lock. Of a state in a folder, those of `holders` as far as the engine tells them apart."""

    def recorded(self) -> tuple[Recorded, ...]:
        """What the last deployment recorded; none where only the engine's own program can read it."""


@dataclass
class Kept:
    """A listener that says nothing by itself."""

    _events: list[Event] = field(default_factory=list)

    def on_event(self, event: Event) -> None:
        """Keep an event."""
        self._events.append(event)

    def tell_failures(self, listener: Listener) -> None:
        """Tell the messages, and what failed."""
        for event in self._events:
            if isinstance(event, Message | StepFailed):
                listener.on_event(event)
