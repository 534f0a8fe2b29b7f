"""The rules a snapshot must keep, checked before it is written and after it was read: the CLI's own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pulumi_embedded.state.resource import ResourceState


def problem(resources: Sequence[ResourceState]) -> str | None:
    """Return the first rule a list of resources breaks, in words, or None.

    A URN stands once, except on copies that wait for their deletion; parents, dependencies and providers stand before
    whatever refers to them.
    """
    seen: set[str] = set()
    providers: set[str] = set()
    for index, resource in enumerate(resources):
        found = _shape(resource) or _missing(resource, seen, providers)
        if found:
            later = any(found[1] in (other.urn, f"{other.urn}::{other.id}") for other in resources[index + 1 :])
            where = "comes after it" if later else "is not there"
            return f"{resource.urn} {found[0]} {found[1]}, which {where}" if found[1] else found[0]
        seen.add(resource.urn)
        if resource.type.startswith("pulumi:providers:"):
            providers.add(f"{resource.urn}::{resource.id}")
    live = Counter(resource.urn for resource in resources if not resource.delete)
    return next((f"{urn} stands in it {count} times" for urn, count in live.items() if count > 1), None)


def _shape(resource: ResourceState) -> tuple[str, str] | None:
    if not resource.urn or not resource.type:
        return f"a resource has no URN or no type (URN {resource.urn!r}, type {resource.type!r})", ""
    if resource.id and not resource.custom:
        return f"{resource.urn} is a component but has the id {resource.id!r}", ""
    if resource.type.startswith("pulumi:providers:") and not resource.id:
        return f"{resource.urn} is a provider without an id", ""
    return None


def _missing(resource: ResourceState, seen: set[str], providers: set[str]) -> tuple[str, str] | None:
    for relation, urn in _references(resource):
        if urn not in seen:
            return f"has the {relation}", urn
    if resource.provider and resource.provider not in providers and not resource.pending_replacement:
        return "has the provider", resource.provider
    return None


def _references(resource: ResourceState) -> Iterator[tuple[str, str]]:
    if resource.parent:
        yield "parent", resource.parent
    for urn in resource.dependencies:
        yield "dependency", urn
    for name, urns in resource.property_dependencies.items():
        for urn in urns:
            yield f"dependency (of its property {name})", urn
    if resource.deleted_with:
        yield "deletion partner", resource.deleted_with
