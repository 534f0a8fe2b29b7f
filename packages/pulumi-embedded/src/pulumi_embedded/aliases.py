"""Aliases: what a resource was called before, where the program says so, and what that does to the record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pulumi_embedded.goal import make_urn, name_of, project_of, stack_of, type_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pulumi_embedded.goal import Alias, Goal
    from pulumi_embedded.state import ResourceState


def candidates(goal: Goal, earlier: Mapping[str, str]) -> list[str]:
    """The URNs that a resource may be recorded under, best first.

    Args:
        goal: The registration.
        earlier: For every resource that was found under an alias: its URN, and the one it was found under.
    """
    own = [_collapse(goal, alias, earlier) for alias in goal.earlier]
    parent = earlier.get(goal.parent)
    inherited = []
    if parent is not None:
        known = [(goal.type, name_of(goal.urn)), *((type_of(urn), name_of(urn)) for urn in own)]
        inherited = [_inherit(goal, type_, name, parent) for type_, name in known]
    return list(dict.fromkeys([goal.urn, *own, *inherited]))


def _collapse(goal: Goal, alias: Alias, earlier: Mapping[str, str]) -> str:
    if alias.urn:
        return alias.urn
    parent = earlier.get(alias.parent, alias.parent) or goal.parent
    return make_urn(
        alias.stack or stack_of(goal.urn),
        alias.project or project_of(goal.urn),
        "" if alias.no_parent else parent,
        alias.type or goal.type,
        alias.name or name_of(goal.urn),
    )


def _inherit(goal: Goal, type_: str, name: str, parent: str) -> str:
    """A child that is named after its parent was named after the parent's earlier name."""
    above = name_of(goal.parent)
    if name.startswith(above):
        name = name_of(parent) + name.removeprefix(above)
    return make_urn(stack_of(goal.urn), project_of(goal.urn), parent, type_, name)


def normalise(resources: list[ResourceState]) -> list[ResourceState]:
    """The resources as they are recorded: no alias is left, and every reference to one names the new URN."""
    if not any(state.aliases for state in resources):
        return resources
    renamed: dict[str, str] = {}
    for state in resources:
        renamed |= dict.fromkeys(state.aliases, state.urn)
        if state.parent in renamed:  # a child that was not registered yet goes along
            urn = state.urn
            renamed[urn] = make_urn(stack_of(urn), project_of(urn), renamed[state.parent], type_of(urn), name_of(urn))
    return [_rename(state, renamed) if _mentions(state) & renamed.keys() else state for state in resources]


def _mentions(state: ResourceState) -> set[str]:
    by_property = (urn for urns in state.property_dependencies.values() for urn in urns)
    others = (state.urn, state.parent, state.deleted_with, state.provider.rpartition("::")[0])
    return {*others, *state.aliases, *state.dependencies, *state.replace_with, *by_property}


def _rename(state: ResourceState, renamed: Mapping[str, str]) -> ResourceState:
    def new(urn: str) -> str:
        return renamed.get(urn, urn)

    def all_new(urns: Iterable[str]) -> list[str]:
        return [new(urn) for urn in urns]

    provider, _, identity = state.provider.rpartition("::")
    return replace(
        state,
        urn=new(state.urn),
        parent=new(state.parent),
        provider=f"{new(provider)}::{identity}" if provider else "",
        dependencies=all_new(state.dependencies),
        property_dependencies={key: all_new(urns) for key, urns in state.property_dependencies.items()},
        deleted_with=new(state.deleted_with),
        replace_with=all_new(state.replace_with),
        aliases=[],
    )
