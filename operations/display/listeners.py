"""Progress for people: a live tree in a terminal, stable plain lines everywhere else."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TextIO

from engine.api import LockWaiting, Message, StepFailed, StepFinished, StepStarted
from operations.display import plan

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from engine.api import Event, Op, Step

_REFRESHES_PER_SECOND: Final = 8
_WORTH_TELLING_SECONDS: Final = 0.1
_STYLES: Final = {"+": "green", "~": "yellow", "-": "red", "+-": "magenta", "--": "red", "!": "bold red", " ": "dim"}


class PlainDisplay:
    """One line for each step that changed something or failed, with its properties, and one for each message.

    Args:
        stream: Where the lines go.
        verbose: Show debug messages, too.
    """

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the stream as it is: every line is complete."""

    def on_event(self, event: Event) -> None:
        """Show an event."""
        match event:
            case StepFinished(step=step, op=found) if not step.internal:
                sign, verb, _ = plan.words(step, found)
                if sign != " ":
                    self._line(f"{sign:<2} {verb} {step.type} {step.name}{_duration(event.seconds)}")
                    for line in plan.property_lines(step):
                        self._line(f"     {line}")
            case StepFailed(step=step, message=message):
                self._line(f"!  {plan.words(step)[1]} {step.type} {step.name} failed: {_indented(message)}")
            case Message() if event.severity != "debug" or self._verbose:
                self._line(_message_line(event))
            case LockWaiting(holder=holder):
                self._line(f"waiting: the stack is in use by {holder}")
            case _:
                pass

    def _line(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()


@dataclass
class _Node:
    """A resource in the tree."""

    step: Step
    started: float
    seconds: float | None = None
    found: Op = "same"
    failed: str = ""


class LiveDisplay(PlainDisplay):
    """The resources as a tree that changes in place, from entering the context to leaving it; messages scroll above.

    Outside the context it shows plain lines, because nothing would tell it when to stop drawing.
    """

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        super().__init__(stream, verbose=verbose)
        from rich.console import Console  # noqa: PLC0415 - a run without a terminal need not load rich
        from rich.live import Live  # noqa: PLC0415 - as above

        self._nodes: dict[str, _Node] = {}
        self._lock = threading.Lock()
        self._console = Console(file=stream, highlight=False)
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=_REFRESHES_PER_SECOND)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def on_event(self, event: Event) -> None:
        """Put a step into the tree, and a message above it."""
        if isinstance(event, StepStarted | StepFinished | StepFailed) and self._live.is_started:
            with self._lock:
                self._note(event)
        else:
            super().on_event(event)

    def _note(self, event: StepStarted | StepFinished | StepFailed) -> None:
        urn = event.step.urn
        if isinstance(event, StepStarted) or urn not in self._nodes:
            self._nodes[urn] = _Node(step=event.step, started=time.monotonic())
        if not isinstance(event, StepStarted):
            node = self._nodes[urn]
            node.step, node.seconds = event.step, event.seconds
            node.found = event.op if isinstance(event, StepFinished) else "same"
            node.failed = event.message if isinstance(event, StepFailed) else ""

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False)

    def _render(self) -> Tree:
        from rich.tree import Tree  # noqa: PLC0415 - as above

        root = Tree("", hide_root=True)
        branches: dict[str, Tree] = {}
        with self._lock:
            for urn, node in self._nodes.items():
                if not node.step.internal:
                    branch = branches[urn] = branches.get(node.step.parent, root).add(_label(node))
                    for line in plan.property_lines(node.step) if node.seconds is not None else ():
                        branch.add(line.replace("[", "\\["))
        return root


def make_listener(*, verbose: bool, stream: TextIO | None = None) -> PlainDisplay:
    """Return the display that suits a stream (standard error if none is given).

    It is a listener of the engine. Use it as a context manager around one run: only then a terminal gets the tree.
    """
    stream = stream or sys.stderr
    live = stream.isatty() and os.environ.get("TERM") != "dumb"
    return (LiveDisplay if live else PlainDisplay)(stream, verbose=verbose)


def _label(node: _Node) -> Text:
    from rich.text import Text  # noqa: PLC0415 - as above

    step = node.step
    sign, _, doing = plan.words(step, node.found)
    status = f" {doing}" if node.seconds is None else ""
    if node.failed:
        sign, status = "!", f" failed: {_indented(node.failed)}"
    seconds = time.monotonic() - node.started if node.seconds is None else node.seconds
    parts = ((f"{sign} ", _STYLES[sign]), (step.type, "dim"), " ", (step.name, "bold"), status)
    return Text.assemble(*parts, (_duration(seconds), "dim"))


def _message_line(message: Message) -> str:
    about = f"{message.urn.rpartition('::')[2]}: " if message.urn else ""
    severity = "" if message.severity == "info" else f"{message.severity}: "
    return f"{severity}{about}{_indented(message.text)}"


def _duration(seconds: float) -> str:
    return f" ({seconds:.1f} s)" if seconds >= _WORTH_TELLING_SECONDS else ""


def _indented(text: str) -> str:
    return text.rstrip().replace("\n", "\n    ")
