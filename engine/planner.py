"""Decisions, as the Pulumi CLI makes them: what a difference leads to, what goes first, what is deleted when.

Pure: nothing here calls a provider, writes a state or knows of threads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from engine import paths
from engine.errors import UnsupportedError
from engine.goal import PROVIDER_TYPE, check_package, name_of
from engine.values import UNKNOWN, Secret, plain, same

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.goal import Goal
    from engine.provider import Diff
    from engine.state import ResourceState

Properties = dict[str, Any]

_ADVISORY: Final = frozenset({"source_position", "extra", "created", "modified", "init_errors"})


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of a recorded resource."""

    op: Literal["same", "update", "replace"]
    delete_first: bool = False
    keys: tuple[str, ...] = ()


def decide(goal: Goal, old: ResourceState, news: Properties, diff: Diff) -> Decision:
    """Turn a provider's diff, corrected by the resource's options, into a decision."""
    differing = paths.changed(plain(old.inputs), plain(news)) if diff.changes is None else []
    differing += [(key,) for key in diff.changed]
    changes = bool(differing) if diff.changes is None else diff.changes
    patterns = [paths.parse(text) for text in goal.replace_on_changes]
    forced = [path for path in differing if changes and any(paths.covers(pattern, path) for pattern in patterns)]
    keys = tuple(dict.fromkeys([*diff.replaces, *(str(path[0]) for path in forced)]))
    if changes and keys:
        wish = goal.delete_before_replace
        return Decision(op="replace", keys=keys, delete_first=diff.delete_before_replace if wish is None else wish)
    return Decision(op="update" if changes or old.init_errors else "same")


def ignore_changes(goal: Goal, old: ResourceState, news: Properties) -> Properties:
    """The new inputs with every ignored property as it is recorded."""
    for text in goal.ignore_changes:
        news = paths.restore(paths.parse(text), old.inputs, news)
    return news


def settle(state: ResourceState) -> None:
    """Mark outputs that must stay secret: those the program names, and those named like a secret input."""
    named = {key for key in state.additional_secret_outputs if key != "id"}
    named |= {key for key, value in state.inputs.items() if isinstance(value, Secret)}
    state.outputs = {
        key: Secret(value) if key in named and not isinstance(value, Secret) else value
        for key, value in state.outputs.items()
    }


def must_save(old: ResourceState, new: ResourceState) -> bool:
    """Whether an unchanged resource is recorded differently in anything that matters before the run ends."""
    ours, theirs = vars(new), vars(old)
    return any(not same(_sorted(ours[key]), _sorted(theirs[key])) for key in ours if key not in _ADVISORY)


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


# The dependency graph.


def dependencies(state: ResourceState) -> set[str]:
    """The URNs a resource needs: provider, parent, and what its properties come from."""
    found = {*state.dependencies, *(urn for urns in state.property_dependencies.values() for urn in urns)}
    if state.provider:
        found.add(state.provider.rpartition("::")[0])
    return found | ({state.parent} if state.parent else set())


def transitive_dependencies(resources: Iterable[ResourceState], urn: str) -> set[str]:
    """Everything a resource needs, directly or through others."""
    found: set[str] = set()
    for state in reversed(list(resources)):
        if state.urn == urn or state.urn in found:
            found |= dependencies(state)
    return found


def waves(condemned: list[ResourceState], order: Iterable[ResourceState]) -> list[list[ResourceState]]:
    """Group deletions: each group may go at once, and what depends on something goes before it."""
    position = {id(state): index for index, state in enumerate(order)}
    level: dict[int, int] = {}
    for state in sorted(condemned, key=lambda item: position[id(item)], reverse=True):
        users = [
            level[id(other)] + 1
            for other in condemned
            if id(other) in level and position[id(other)] > position[id(state)] and state.urn in dependencies(other)
        ]
        level[id(state)] = max(users, default=0)
    depths = range(max(level.values(), default=-1) + 1)
    return [[state for state in condemned if level[id(state)] == depth] for depth in depths]


def dependents(resources: list[ResourceState], root: ResourceState, *, settled: set[str]) -> list[ResourceState]:
    """What depends on `root`, directly or not, in order; what this run has already settled cannot be among it."""
    reached = {root.urn}
    found = []
    for state in resources[resources.index(root) + 1 :]:
        if state.urn not in settled and dependencies(state) & reached:
            reached.add(state.urn)
            found.append(state)
    return found


def with_unknowns(state: ResourceState, replaced: set[str]) -> Properties | None:
    """The inputs of a dependent when what they come from is replaced; None when none of them is concerned."""
    concerned = {key for key, urns in state.property_dependencies.items() if replaced & set(urns)} & set(state.inputs)
    if not concerned or not state.custom:
        return None
    return {key: UNKNOWN if key in concerned else value for key, value in state.inputs.items()}


def repair(refreshed: Iterable[tuple[ResourceState, ResourceState | None]]) -> list[ResourceState]:
    """Drop references to what a refresh found gone; children move up to the nearest parent that is left."""
    present: set[str] = set()
    above: dict[str, str] = {}
    repaired = []
    for old, state in refreshed:
        if state is None:
            above[old.urn] = old.parent if old.parent in present else above.get(old.parent, "")
            continue
        kept = replace(
            state,
            parent=state.parent if state.parent in present else above.get(state.parent, ""),
            dependencies=[urn for urn in state.dependencies if urn in present],
            property_dependencies={
                key: [urn for urn in urns if urn in present] for key, urns in state.property_dependencies.items()
            },
        )
        repaired.append(kept)
        present.add(state.urn)
    return repaired


def refuse_recorded(resources: Iterable[ResourceState]) -> None:
    """Refuse, before anything is done, a state that holds what only the CLI can look after."""
    for state in resources:
        if state.custom:
            check_package(state.type)
        odd = {
            "external (read, not managed)": state.external,
            "deleted_with": state.deleted_with,
            "replace_with": state.extra.get("replaceWith"),
            "hooks": state.extra.get("resourceHooks"),
            "views": state.extra.get("viewOf"),
        }
        for what in (name for name, present in odd.items() if present):
            raise UnsupportedError(
                f"{state.type} {name_of(state.urn)!r} is recorded with {what}, "
                "which the embedded engine does not support.",
                next_step="use the Pulumi CLI for this stack: ./infra setup --pulumi",
            )


def is_provider(state: ResourceState) -> bool:
    """Whether a recorded resource is the default provider itself."""
    return state.type == PROVIDER_TYPE
