"""What a trial has told, kept until it is known whether anybody is to hear of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pulumi_embedded.api import Message, StepFailed

if TYPE_CHECKING:
    from pulumi_embedded.api import Event, Listener


@dataclass
class Kept:
    """A listener that says nothing by itself."""

    _events: list[Event] = field(default_factory=list)

    def on_event(self, event: Event) -> None:
        """Keep an event."""
        self._events.append(event)

    def tell_faults(self, listener: Listener) -> None:
        """Tell the messages, and what failed."""
        for event in self._events:
            if isinstance(event, Message | StepFailed):
                listener.on_event(event)
