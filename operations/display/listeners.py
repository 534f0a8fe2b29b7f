"""Progress for people: a live tree in a terminal, stable plain lines everywhere else."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, Self, TextIO

from operations.display import plan
from operations.display.table import has_colours, painted
from operations.display.tree import Tree, duration, indented
from pulumi_embedded.api import LockWaiting, Message, StepFailed, StepFinished, StepStarted

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

    from operations.display.tree import Row
    from pulumi_embedded.api import Event, Step

_REFRESHES_PER_SECOND: Final = 8
_PATIENCE_SECONDS: Final = 15.0
"""How long a step may take before a reader without a terminal is told that it is being worked on."""

_STYLES: Final = {
    "+": "green",
    "~": "yellow",
    "-": "red",
    "+-": "magenta",
    "--": "red",
    "<": "cyan",
    "!": "bold red",
    " ": "dim",
}
_COLOURS: Final = {"+": "green", "~": "yellow", "-": "red", "+-": "magenta", "--": "red", "<": "cyan", "!": "red"}
_LINES_AROUND_THE_TREE: Final = 3


class PlainDisplay:
    """Plain lines. Use it as a context manager around one run.

    A run is told line by line: each step that changed something or failed, with its properties, as soon as it is done.
    A plan is told at its end, as a tree in an order that does not depend on what was quicker.

    Args:
        stream: Where the lines go.
        verbose: Show debug messages, too.
        planned: Whether the run only plans.
        coloured: Whether the signs have colours.
    """

    def __init__(self, stream: TextIO, *, verbose: bool = False, planned: bool = False, coloured: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose
        self._planned = planned
        self._coloured = coloured
        self._tree = Tree()
        self._timers: dict[tuple[str, str], threading.Timer] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Show the plan; every other line has been written."""
        for timer in self._timers.values():
            timer.cancel()
        if self._planned:
            for row in self._tree.rows(stable=True):
                for line in _plain(row):  # without times, which would make every plan another text
                    self._line(line, row.node.sign)

    def on_event(self, event: Event) -> None:
        """Show an event."""
        match event:
            case StepStarted() | StepFinished() | StepFailed():
                self._on_step(event)
            case Message() if event.severity != "debug" or self._verbose:
                self._line(_message_line(event))
            case LockWaiting(holder=holder):
                self._line(f"waiting: the stack is in use by {holder}")
            case _:
                pass

    def _on_step(self, event: StepStarted | StepFinished | StepFailed) -> None:
        step = event.step
        if self._planned:
            self._tree.note(event)
        elif isinstance(event, StepStarted):
            self._watch(step)
        else:
            self._stop_watching(step)
            if not step.internal:
                self._tell(event)

    def _tell(self, event: StepFinished | StepFailed) -> None:
        step = event.step
        if isinstance(event, StepFailed):
            verb = plan.words(step)[1]
            self._line(f"!  {verb} {_named(step)} failed{duration(event.seconds)}: {indented(event.message)}", "!")
            return
        sign, verb, _ = plan.words(step, event.op)
        if sign != " ":
            self._line(f"{sign:<2} {verb} {_named(step)}{duration(event.seconds)}", sign)
            for line in plan.property_lines(step):
                self._line(f"     {line}")

    def _watch(self, step: Step) -> None:
        """Say so when a step takes long: a log that stands still looks like a run that hangs."""
        if step.internal or step.op == "same":
            return
        text = f"…  {plan.words(step)[2]} {_named(step)} (takes more than {_PATIENCE_SECONDS:.0f} s)"
        timer = self._timers[step.urn, step.op] = threading.Timer(_PATIENCE_SECONDS, self._line, [text])
        timer.daemon = True
        timer.start()

    def _stop_watching(self, step: Step) -> None:
        timer = self._timers.pop((step.urn, step.op), None)
        if timer is not None:
            timer.cancel()

    def _line(self, text: str, sign: str = " ") -> None:
        if self._coloured and sign in _COLOURS and text.startswith(sign):
            text = f"{painted(sign, _COLOURS[sign])}{text[len(sign) :]}"
        self._stream.write(f"{text}\n")
        self._stream.flush()


class LiveDisplay(PlainDisplay):
    """The resources as a tree that changes in place, from entering the context to leaving it; messages scroll above.

    Outside the context it shows plain lines, because nothing would tell it when to stop drawing.
    """

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        super().__init__(stream, verbose=verbose)
        from rich.console import Console  # noqa: PLC0415 - a run without a terminal need not load rich
        from rich.live import Live  # noqa: PLC0415 - as above

        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._over = False
        self._console = Console(file=stream, highlight=False)
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=_REFRESHES_PER_SECOND)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._live.stop()

    def _on_step(self, event: StepStarted | StepFinished | StepFailed) -> None:
        if self._live.is_started:
            with self._lock:
                self._tree.note(event)
        else:
            super()._on_step(event)

    def _line(self, text: str, sign: str = " ") -> None:
        del sign
        self._console.print(text, markup=False)

    def _render(self) -> Group:
        from rich.console import Group  # noqa: PLC0415 - as above
        from rich.text import Text  # noqa: PLC0415 - as above

        with self._lock:
            lines = [line for row in self._tree.rows() for line in _styled(row)]
            room = self._console.height - _LINES_AROUND_THE_TREE
            if len(lines) > room and not self._over:
                urgent = [line for row in self._tree.rows(all_changes=False) for line in _styled(row)[:1]]
                lines = urgent[:room]
            footer = [] if self._over else [Text(self._footer(), style="dim")]
        return Group(*lines, *footer)

    def _footer(self) -> str:
        """How far the run has come."""
        nodes = self._tree.nodes.values()
        running = sum(node.seconds is None for node in nodes)
        unchanged = sum(not node.changed and node.seconds is not None for node in nodes)
        done = len(nodes) - running - unchanged
        return f"{running} running, {done} done, {unchanged} unchanged, {time.monotonic() - self._began:.0f} s"


def make_listener(*, verbose: bool, planned: bool = False, stream: TextIO | None = None) -> PlainDisplay:
    """Return the display that suits a stream (standard error if none is given).

    It is a listener of the engine. Use it as a context manager around one run: only then a terminal gets the tree.
    """
    stream = stream or sys.stderr
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return LiveDisplay(stream, verbose=verbose)
    return PlainDisplay(stream, verbose=verbose, planned=planned, coloured=has_colours(stream))


def _plain(row: Row) -> list[str]:
    node, space = row.node, "  " * row.depth
    title = f"{node.title} " if node.title else ""
    lines = [f"{node.sign:<2} {space}{title}{_named(node.step)}{_unchanged(row)}"]
    if node.failed:
        lines.append(f"   {space}  {indented(node.failed, len(space) + 5)}")
    return lines + [f"   {space}  {line}" for line in node.lines]


def _styled(row: Row) -> list[Text]:
    from rich.text import Text  # noqa: PLC0415 - as above

    node, space = row.node, "  " * row.depth
    title = f"{node.title} " if node.title else ""
    style = _STYLES[node.sign]
    parts = ((f"{node.sign:<2} ", style), space, title, (node.step.type, "dim"), " ", (node.step.name, "bold"))
    first = Text.assemble(*parts, (f"{node.duration}{_unchanged(row)}", "dim"))
    below = [f"{indented(node.failed, len(space) + 5)}"] if node.failed else node.lines
    return [first, *(Text(f"   {space}  {line}") for line in below)]


def _unchanged(row: Row) -> str:
    return f" ({row.unchanged} unchanged)" if row.unchanged else ""


def _named(step: Step) -> str:
    return f"{step.type} {step.name}"


def _message_line(message: Message) -> str:
    about = f"{message.urn.rpartition('::')[2]}: " if message.urn else ""
    severity = "" if message.severity == "info" else f"{message.severity}: "
    return f"{severity}{about}{indented(message.text)}"
