"""Decisions, as the Pulumi CLI makes them: what a difference leads to, what goes first, what is deleted when.

Pure: nothing here calls a provider, writes a state or knows of threads.
"""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from pulumi_embedded import paths
from pulumi_embedded.api import PropertyDiff
from pulumi_embedded.errors import ProjectError, UnsupportedError
from pulumi_embedded.goal import BUILTIN_PROVIDER_TYPE, PROVIDER_TYPE, STACK_REFERENCE_TYPE, check_package, name_of
from pulumi_embedded.values import UNKNOWN, Secret, plain, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pulumi_embedded.provider import Diff
    from pulumi_embedded.state import ResourceState

Properties = dict[str, Any]

_ADVISORY: Final = frozenset({"source_position", "extra", "created", "modified", "init_errors"})


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of a recorded resource, and why: the properties that differ, and which of them force it."""

    op: Literal["same", "update", "replace"]
    delete_first: bool = False
    keys: tuple[str, ...] = ()
    diffs: tuple[str, ...] = ()
    details: Mapping[str, PropertyDiff] = field(default_factory=dict)


def judge(diff: Diff, old: Properties, news: Properties, ignore: Iterable[str]) -> Decision:
    """A provider's diff as a decision that no option has touched yet; what it leaves open is compared here."""
    if diff.changes is None:
        news, _ = ignore_changes(ignore, old, news)
        found = paths.changed(plain(old), plain(news))
        return Decision(
            op="update" if found else "same",
            delete_first=diff.delete_before_replace,
            keys=diff.replaces if found else (),
            diffs=tuple(sorted({str(path[0]) for path in found})),
            details={paths.text(path): PropertyDiff(kind=kind, input_diff=True) for path, kind in found.items()},
        )
    return Decision(
        op="update" if diff.changes else "same",
        delete_first=diff.delete_before_replace,
        keys=diff.replaces if diff.changes else (),
        diffs=diff.changed,
    )


def decide(options: ResourceState, old: ResourceState, judged: Decision) -> Decision:
    """Apply the options of a resource to what its provider found."""
    if judged.op == "same" and not old.init_errors:
        return judged
    patterns = [paths.parse(text) for text in options.replace_on_changes]

    def forces(text: str) -> bool:
        return any(paths.covers(pattern, paths.parse(text)) for pattern in patterns)

    kinds = {text: _forcing(one) for text, one in judged.details.items() if forces(text)}
    broken = ["#initerror"] if old.init_errors and forces("#initerror") else []
    keys = tuple(dict.fromkeys([*judged.keys, *filter(forces, judged.diffs), *broken]))
    return replace(judged, op="replace" if keys or kinds else "update", keys=keys, details={**judged.details, **kinds})


def _forcing(diff: PropertyDiff) -> PropertyDiff:
    kind: Any = f"{diff.kind}-replace"
    return replace(diff, kind=kind)


def invert(details: Mapping[str, PropertyDiff]) -> dict[str, PropertyDiff]:
    """The same differences seen from the other side."""
    swap: Final[dict[str, Any]] = {"add": "delete", "delete": "add"}
    return {text: replace(one, kind=swap.get(one.kind, one.kind)) for text, one in details.items()}


def ignore_changes(patterns: Iterable[str], old: Properties, news: Properties) -> tuple[Properties, list[str]]:
    """The new inputs with every ignored property as it is recorded; and what cannot be ignored."""
    kept = deepcopy(news)
    failed = []
    for text in patterns:
        with suppress(ProjectError):  # the CLI passes over what is no path, too
            if not paths.reset(paths.parse(text), old, kept):
                failed.append(text)
    return kept, failed


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
    """The URNs a resource needs: provider, parent, what its properties come from, and what it goes with."""
    found = {*state.dependencies, *(urn for urns in state.property_dependencies.values() for urn in urns)}
    found |= {*state.replace_with, state.provider.rpartition("::")[0], state.parent, state.deleted_with}
    return found - {""}


def transitive_dependencies(resources: Iterable[ResourceState], urn: str) -> set[str]:
    """Everything a resource needs, directly or through others."""
    found: set[str] = set()
    for state in reversed(list(resources)):
        if state.urn == urn or state.urn in found:
            found |= dependencies(state)
    return found


def waves(condemned: Iterable[ResourceState], order: list[ResourceState]) -> list[list[ResourceState]]:
    """Group deletions: each group may go at once, and what depends on something goes before it.

    As in the CLI, whatever needs nothing goes last, and who depends on a component depends on all that is in it.
    """
    marked = {id(state) for state in condemned}
    known = {state.urn: state for state in order}
    ranks: dict[str, int] = {}
    inside: dict[str, int] = {}
    grouped: dict[int, list[ResourceState]] = {}
    for state in (state for state in order if id(state) in marked):
        needs = dependencies(state)
        below = [ranks.get(urn, -1) for urn in needs] + [inside.get(urn, -1) for urn in needs - {state.parent}]
        rank = max(below, default=-1) + 1
        grouped.setdefault(rank, []).append(state)
        ranks[state.urn] = max(rank, ranks.get(state.urn, 0))
        parent = known.get(state.parent)
        while parent is not None:
            if not parent.custom:
                inside[parent.urn] = max(rank, inside.get(parent.urn, 0))
            parent = known.get(parent.parent)
    return [grouped[rank] for rank in sorted(grouped, reverse=True)]


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
    if not concerned or not state.custom or state.external:
        return None
    return {key: UNKNOWN if key in concerned else value for key, value in state.inputs.items()}


def repair(refreshed: Iterable[tuple[ResourceState, ResourceState | None]]) -> list[ResourceState]:
    """Drop references to what a refresh found gone; its children have no parent until they are registered again."""
    present: set[str] = set()
    repaired = []

    def only(urns: Iterable[str]) -> list[str]:
        return [urn for urn in urns if urn in present]

    for _, state in refreshed:
        if state is None:
            continue
        kept = replace(
            state,
            parent=state.parent if state.parent in present else "",
            dependencies=only(state.dependencies),
            property_dependencies={
                key: left for key, urns in state.property_dependencies.items() if (left := only(urns))
            },
            deleted_with=state.deleted_with if state.deleted_with in present else "",
            replace_with=only(state.replace_with),
        )
        repaired.append(kept)
        present.add(state.urn)
    return repaired


def refuse_recorded(resources: Iterable[ResourceState]) -> None:
    """Refuse, before anything is done, a state that holds what only the CLI can look after."""
    for state in resources:
        if state.custom and not is_provider(state) and not (state.external and state.type == STACK_REFERENCE_TYPE):
            check_package(state.type)
        odd = {"hooks": state.extra.get("resourceHooks"), "views": state.extra.get("viewOf")}
        for what in (name for name, present in odd.items() if present):
            raise UnsupportedError(
                f"{state.type} {name_of(state.urn)!r} is recorded with {what}, "
                "which the embedded engine does not support.",
                next_step="use the Pulumi CLI for this stack: ./infra setup --pulumi",
            )


def is_provider(state: ResourceState) -> bool:
    """Whether a recorded resource is a default provider itself."""
    return state.type in (PROVIDER_TYPE, BUILTIN_PROVIDER_TYPE)
