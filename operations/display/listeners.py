"""Progress for people: a live tree in a terminal, stable plain lines everywhere else."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self, TextIO

from operations.display import plan
from operations.display.table import has_colours, painted
from pulumi_embedded.api import LockWaiting, Message, StepFailed, StepFinished, StepStarted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Group
    from rich.text import Text

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
        from rich.console import Console
        from rich.live import Live

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
        from rich.console import Group
        from rich.text import Text

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
    from rich.text import Text

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


WORTH_TELLING_SECONDS: Final = 0.1


@dataclass(kw_only=True)
class Node:
    """A resource, with the last that was done to it.

    Attributes:
        step: What is or was done.
        started: When, by a clock that only goes forward.
        seconds: How long it took; None while it goes on.
        found: What a refresh found, once it is done.
        drift: What an earlier refresh found, as lines; the step that follows says what comes of it.
        failed: Why it failed.
    """

    step: Step
    started: float
    seconds: float | None = None
    found: str = "same"
    drift: tuple[str, ...] = ()
    failed: str = ""

    @property
    def sign(self) -> str:
        """The sign in front of it."""
        return "!" if self.failed else plan.words(self.step, self.found)[0]

    @property
    def changed(self) -> bool:
        """Whether a person wants to see it: it changes, failed, drifted, or is being worked on."""
        working = self.seconds is None and self.step.op != "same"
        return working or self.sign != " " or bool(self.drift)

    @property
    def title(self) -> str:
        """What is done to it, and how it went, without its name."""
        _, verb, doing = plan.words(self.step, self.found)
        return doing if self.seconds is None else verb if self.failed or self.sign != " " else ""

    @property
    def duration(self) -> str:
        """How long it took, or has taken so far; nothing where that is not worth telling."""
        return duration(time.monotonic() - self.started if self.seconds is None else self.seconds)

    @property
    def lines(self) -> list[str]:
        """What stands below it."""
        if self.seconds is None or self.failed:
            return []
        drifted = [f"drifted: {line}" for line in self.drift] if self.step.op != "refresh" else []
        return [*drifted, *plan.property_lines(self.step)]


@dataclass(kw_only=True)
class Row:
    """A line of the tree: a resource, how deep it stands, and how many unchanged ones stand right below it."""

    node: Node
    depth: int
    unchanged: int


@dataclass(kw_only=True)
class Tree:
    """What has been told of each resource, in the order in which it was first heard of."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def note(self, event: StepStarted | StepFinished | StepFailed) -> None:
        """Take an event."""
        step = event.step
        node = self.nodes.get(step.urn)
        if step.internal or (node and self._is_aftermath(node, step) and not isinstance(event, StepFailed)):
            return
        if node is None or isinstance(event, StepStarted):
            drift = tuple(plan.property_lines(node.step)) if node and node.found == "update" else ()
            node = self.nodes[step.urn] = Node(step=step, started=time.monotonic(), drift=drift)
        if not isinstance(event, StepStarted):
            node.step, node.seconds = step, event.seconds
            node.found = event.op if isinstance(event, StepFinished) else "same"
            node.failed = event.message if isinstance(event, StepFailed) else ""

    def rows(self, *, stable: bool = False, all_changes: bool = True) -> list[Row]:
        """Return the lines of the tree: what changes and what it stands below; the rest is counted.

        Args:
            stable: Order by type and name instead of by time.
            all_changes: Else only what is being worked on or has failed.
        """
        wanted = {urn for urn, node in self.nodes.items() if node.changed} if all_changes else self._urgent()
        for urn in tuple(wanted):
            wanted.update(self._above(urn))
        children: dict[str, list[str]] = {}
        for urn, node in self.nodes.items():
            parent = node.step.parent
            children.setdefault(parent if parent in self.nodes else "", []).append(urn)
        for siblings in children.values() if stable else ():
            siblings.sort(key=lambda urn: (self.nodes[urn].step.type, self.nodes[urn].step.name, urn))
        return list(self._rows(children, wanted, "", 0))

    def _rows(self, children: dict[str, list[str]], wanted: set[str], parent: str, depth: int) -> Iterator[Row]:
        for urn in children.get(parent, ()):
            if urn in wanted:
                unchanged = sum(not self.nodes[one].changed for one in children.get(urn, ()) if one not in wanted)
                yield Row(node=self.nodes[urn], depth=depth, unchanged=unchanged)
                yield from self._rows(children, wanted, urn, depth + 1)

    def _urgent(self) -> set[str]:
        return {urn for urn, node in self.nodes.items() if node.changed and (node.seconds is None or node.failed)}

    def _above(self, urn: str) -> Iterator[str]:
        seen = {urn}
        while (urn := self.nodes[urn].step.parent) in self.nodes and urn not in seen:
            seen.add(urn)
            yield urn

    @staticmethod
    def _is_aftermath(node: Node, step: Step) -> bool:
        """Whether a step only removes what was replaced: the replacement is what a person wants to see."""
        return step.op in plan.AFTERMATH and node.step.op in {"create-replacement", "read-replacement"}


def duration(seconds: float) -> str:
    """A time in brackets, after a space; nothing where it is not worth telling."""
    return f" ({seconds:.1f} s)" if seconds >= WORTH_TELLING_SECONDS else ""


def indented(text: str, by: int = 4) -> str:
    """A text whose further lines stand below its first."""
    return text.rstrip().replace("\n", "\n" + " " * by)
