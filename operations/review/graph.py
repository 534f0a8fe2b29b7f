"""The changed resources as a Mermaid graph: what depends on what. Pure.

A label holds letters, digits and a few signs, so that nothing in a name is Mermaid's or HTML's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from operations.review.plan import Plan, Resource

MOST_RESOURCES: Final = 60
"""More than that is no picture any more, and Mermaid draws no graph of more than 500 arrows."""
MOST_ARROWS: Final = 300
LONGEST_LABEL: Final = 40
COLOURS: Final = {
    "create": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "update": "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "replace": "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-width:3px",
    "delete": "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4",
    "other": "fill:#ddf4ff,stroke:#0969da,color:#1f2328",
}
CLASSES: Final = {"create": "create", "update": "update", "replace": "replace", "delete": "delete", "import": "create"}


def graph(plan: Plan) -> str:
    """The lines of a graph, without a fence; empty where there is nothing to draw, or too much."""
    drawn = {resource.urn: f"r{number}" for number, resource in enumerate(plan.resources)}
    if not 1 < len(drawn) <= MOST_RESOURCES:
        return ""
    nodes = [_node(drawn[resource.urn], resource) for resource in plan.resources]
    arrows = sorted({arrow for resource in plan.resources for arrow in _arrows(resource, drawn)})[:MOST_ARROWS]
    used = sorted({_colour(resource) for resource in plan.resources})
    classes = [f"  classDef {name} {COLOURS[name]}" for name in used]
    return "\n".join(["flowchart LR", *nodes, *arrows, *classes])


def _node(key: str, resource: Resource) -> str:
    kind = resource.kind.rpartition(":")[2]
    return f'  {key}["{_label(resource.name)}<br/>{_label(kind)}<br/>{resource.fate}"]:::{_colour(resource)}'


def _colour(resource: Resource) -> str:
    return CLASSES.get(resource.fate, "other")


def _arrows(resource: Resource, drawn: dict[str, str]) -> set[str]:
    state = resource.new or resource.old
    before = [*state.dependencies, state.parent] if state else []
    return {f"  {drawn[urn]} --> {drawn[resource.urn]}" for urn in before if urn in drawn and urn != resource.urn}


def _label(text: str) -> str:
    shown = re.sub(r"[^A-Za-z0-9_.:/ -]", "·", text)
    return shown if len(shown) <= LONGEST_LABEL else f"{shown[: LONGEST_LABEL - 1]}…"
