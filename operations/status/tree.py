"""The tree of branches as a picture: inline SVG, whose text says the same to those who do not see it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from operations.status.facts import Twig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from operations.status.rows import Row

STEP, LINE, RADIUS, MARGIN = 28, 30, 6, 16
LETTER: Final = 8.5
"""How wide a letter is at most, in the page's font at its size."""
LONGEST: Final = 48
MOST_OTHERS: Final = 100
"""Branches that are no environment's; of more the number is told."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A branch at its place.

    Attributes:
        depth: How many branches are above it.
        above: The line of its parent; None for a root.
        verdict: How its environment is; empty for a branch that is none's.
    """

    name: str
    depth: int
    above: int | None
    verdict: str = ""
    parent: str = ""


def nodes(branches: Sequence[Twig], rows: Sequence[Row]) -> tuple[list[Node], int]:
    """The branches from the root down, and how many are left out. Without a list, what the environments say of them."""
    verdicts = {row.branch: row.verdict for row in rows if row.branch and not _is_local(row)}
    known = list(branches) or _told_by(rows)
    ids = {one.id: one for one in known}
    shown = _shown(known, ids, verdicts)
    below: dict[str, list[Twig]] = {}
    for one in sorted((ids[key] for key in shown), key=lambda one: _order(one.name, rows)):
        below.setdefault(one.parent if one.parent in shown and one.parent != one.id else "", []).append(one)
    found: list[Node] = []

    def place(one: Twig, depth: int, above: int | None) -> None:
        here = len(found)
        parent = ids[one.parent].name if above is not None and one.parent else ""
        found.append(Node(name=one.name, depth=depth, above=above, verdict=verdicts.get(one.name, ""), parent=parent))
        for child in below.pop(one.id, ()):
            place(child, depth + 1, here)

    for root in below.pop("", ()):
        place(root, 0, None)
    return found, len(known) - len(found)


def _is_local(row: Row) -> bool:
    stored = row.source.state.value
    return stored is not None and stored.is_local


def _told_by(rows: Sequence[Row]) -> list[Twig]:
    pairs = {row.branch: row.parent for row in rows if row.branch and not _is_local(row)}
    parents = {parent: None for parent in pairs.values() if parent and parent not in pairs}
    return [Twig(id=name, name=name, parent=parent) for name, parent in {**parents, **pairs}.items()]


def _shown(known: Sequence[Twig], ids: Mapping[str, Twig], verdicts: Mapping[str, str]) -> set[str]:
    """Every environment's branch with all above it, and some of the others."""
    found: set[str] = set()
    for one in known:
        at: Twig | None = one if one.name in verdicts else None
        while at is not None and at.id not in found:
            found.add(at.id)
            at = ids.get(at.parent or "")
    others = [one.id for one in known if one.id not in found]
    return {*found, *others[:MOST_OTHERS]}


def _order(name: str, rows: Sequence[Row]) -> tuple[int, str]:
    return next((number for number, row in enumerate(rows) if row.branch == name), len(rows)), name


def picture(found: Sequence[Node]) -> str:
    """The SVG of a tree that has a branch."""
    width = max(MARGIN * 3 + one.depth * STEP + len(_label(one)) * LETTER for one in found)
    height = LINE * len(found)
    spoken = escape("; ".join(_spoken(one) for one in found))
    return (
        f'<svg role="img" aria-labelledby="tree-title tree-text" width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}">'
        f'<title id="tree-title">The project\'s branches</title><desc id="tree-text">{spoken}</desc>'
        f"{''.join(_drawn(found))}</svg>"
    )


def _spoken(one: Node) -> str:
    return f"{one.name}, child of {one.parent}" if one.parent else one.name


def _label(one: Node) -> str:
    name = one.name if len(one.name) <= LONGEST else f"{one.name[: LONGEST - 1]}…"
    return f"{name} · {one.verdict}" if one.verdict else name


def _drawn(found: Sequence[Node]) -> Iterator[str]:
    for line, one in enumerate(found):
        x, y = MARGIN + one.depth * STEP, LINE * line + LINE // 2
        if one.above is not None:
            start = LINE * one.above + LINE // 2 + RADIUS
            yield f'<path class="twig" d="M{x - STEP} {start}V{y}H{x - RADIUS}"/>'
        yield f'<circle class="{one.verdict or "other"}" cx="{x}" cy="{y}" r="{RADIUS}"/>'
        yield f'<text x="{x + MARGIN}" y="{y + 5}">{escape(_label(one))}</text>'
