"""The resources of one run as a tree: what is worth showing of it, and where it stands."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from operations.display import plan
from pulumi_embedded.api import StepFailed, StepFinished, StepStarted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pulumi_embedded.api import Step

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
