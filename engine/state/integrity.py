"""The rules a snapshot must keep, checked before it is written and after it was read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.state.resource import ResourceState


def problem(resources: Sequence[ResourceState]) -> str | None:
    """Return the first rule a list of resources breaks, in words, or None.

    A URN stands once, except on copies that wait for their deletion; parents, dependencies and providers stand before
    whatever refers to them.
    """
    seen: set[str] = set()
    providers: set[str] = set()
    for resource in resources:
        found = _shape(resource) or _missing(resource, seen, providers)
        if found:
            return found
        seen.add(resource.urn)
        if resource.type.startswith("pulumi:providers:"):
            providers.add(f"{resource.urn}::{resource.id}")
    live = Counter(resource.urn for resource in resources if not resource.delete)
    return next((f"{urn} stands in it {count} times" for urn, count in live.items() if count > 1), None)


def _shape(resource: ResourceState) -> str | None:
    if not resource.urn or not resource.type:
        return f"a resource has no URN or no type (URN {resource.urn!r}, type {resource.type!r})"
    if resource.id and not resource.custom:
        return f"{resource.urn} is a component but has the id {resource.id!r}"
    return None


def _missing(resource: ResourceState, seen: set[str], providers: set[str]) -> str | None:
    for relation, urn in _references(resource):
        if urn not in seen:
            return f"{resource.urn} has the {relation} {urn}, which does not stand before it"
    if resource.provider and resource.provider not in providers and not resource.pending_replacement:
        return f"{resource.urn} has the provider {resource.provider}, which does not stand before it"
    return None


def _references(resource: ResourceState) -> Iterator[tuple[str, str]]:
    if resource.parent:
        yield "parent", resource.parent
    for urn in resource.dependencies:
        yield "dependency", urn
    for name, urns in resource.property_dependencies.items():
        for urn in urns or ():
            yield f"dependency (of its property {name})", urn
    if resource.deleted_with:
        yield "deletion partner", resource.deleted_with
