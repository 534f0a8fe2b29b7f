"""What an `up` makes of the world, foretold from what is recorded and what is wanted: no calls, no threads, no order.

It says again in few lines what Pulumi does: what is compared, what is replaced, what goes first and takes others with
it, what is left to itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.parity.random_rig import Registration, difference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pulumi_embedded.goal import Goal
    from pulumi_embedded.state import ResourceState

Things = dict[str, dict[str, Any]]


class ProtectedError(Exception):
    """A protected resource would have to go, so the run must fail."""


def refreshed(records: Iterable[ResourceState], things: Things) -> list[ResourceState]:
    """The records as a refresh leaves them: without what is gone, and with what is found."""
    kept: list[ResourceState] = []
    for record in records:
        if record.custom and record.provider and not record.pending_replacement:
            if record.id not in things:
                continue
            record = replace(record, inputs=things[record.id])  # noqa: PLW2901 - the same one, as it is found
        present = {other.urn for other in kept}
        needs = {key: [urn for urn in urns if urn in present] for key, urns in record.property_dependencies.items()}
        with_ = record.deleted_with if record.deleted_with in present else ""
        parent = record.parent if record.parent in present else ""
        depends = [urn for urn in record.dependencies if urn in present]
        kept.append(
            replace(record, property_dependencies=needs, deleted_with=with_, parent=parent, dependencies=depends)
        )
    return kept


def foretell(
    records: list[ResourceState], program: list[Registration] | None, things: Things, made: dict[str, int]
) -> Things:
    """What exists after a run that meets no failure; ProtectedError where it must fail."""
    play = _Play(records=records, things=dict(things), made=dict(made))
    for one in program or []:
        play.register(one)
    play.finish()
    return play.things


@dataclass(kw_only=True)
class _Play:
    records: list[ResourceState]
    things: Things
    made: dict[str, int]
    goals: dict[str, Goal] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)  # URNs, now and before, of what is registered
    replaced: set[str] = field(default_factory=set)
    condemned: set[str] = field(default_factory=set)  # URNs of what is deleted
    gone: set[int] = field(default_factory=set)  # records that were deleted before their time
    doomed: set[int] = field(default_factory=set)  # records whose replacement exists

    def register(self, one: Registration) -> None:
        goal = one.goal.inherit(self.goals.get(one.goal.parent, one.goal))
        label = goal.inputs.get("label")
        old = next(
            (x for x in self.records if not x.delete and x.inputs.get("label", x.urn) == (label or goal.urn)), None
        )
        self.goals[goal.urn] = goal
        self.taken |= {goal.urn, *([old.urn] if old else [])}
        wanted = {**goal.inputs, **{key: self.tokens[urn] for key, urn in one.takes.items()}}
        if old is None:
            return self._create(goal, wanted)
        if goal.urn in self.condemned:
            self.condemned.discard(goal.urn)
            self.replaced.add(goal.urn)
            return self._create(goal, wanted)
        inputs = wanted | {key: old.inputs[key] for key in goal.ignore_changes}
        changed, forcing = difference(old.inputs, inputs)
        if forcing or self._absent(old) or goal.deleted_with in self.replaced:
            return self._replace(goal, old, wanted, [] if goal.deleted_with in self.replaced else forcing)
        self.tokens[goal.urn] = f"token of {old.id}"
        if changed and goal.custom:
            self.things[old.id] = inputs
        return None

    def _absent(self, old: ResourceState) -> bool:
        return old.pending_replacement or id(old) in self.gone

    def _create(self, goal: Goal, inputs: dict[str, Any]) -> None:
        if goal.custom:
            label = inputs["label"]
            self.made[label] = self.made.get(label, 0) + 1
            self.things[f"{label}-{self.made[label]}"] = inputs
            self.tokens[goal.urn] = f"token of {label}-{self.made[label]}"

    def _replace(self, goal: Goal, old: ResourceState, inputs: dict[str, Any], forcing: list[str]) -> None:
        if old.protect and goal.protect:
            raise ProtectedError
        self.replaced.add(goal.urn)
        first = goal.delete_before_replace
        if "fixed" in forcing if first is None else first:
            self._delete_first(goal, old)
        elif id(old) not in self.gone:  # even where an earlier run has deleted it already: the CLI does it again
            self.doomed.add(id(old))
        self._create(goal, inputs)

    def _delete_first(self, goal: Goal, root: ResourceState) -> None:
        """Before `root` goes what cannot be without it: what goes with it, and what needs a token that changes."""
        replaced, reached, forced, tied = {root.urn}, {root.urn}, [], []
        for state in self.records[self.records.index(root) + 1 :]:
            needs = {state.parent, state.deleted_with, *state.dependencies}
            needs |= {urn for urns in state.property_dependencies.values() for urn in urns}
            if state.urn in self.taken or not needs & reached:
                continue
            reached.add(state.urn)
            if id(state) in self.gone:
                continue
            needed = {urn for key, urns in state.property_dependencies.items() if key == "need" for urn in urns}
            if state.custom and (state.deleted_with in replaced or needed & replaced):
                replaced.add(state.urn)
                forced.append(state)
            elif not state.delete and state.deleted_with == goal.urn:
                tied.append(state)
        if any(state.protect and not state.delete for state in (*forced, *tied)):
            raise ProtectedError
        first = [*forced, *tied, *([] if root.pending_replacement else [root])]
        self.condemned |= {state.urn for state in first if not state.delete}
        for state in first:
            self.gone.add(id(state))
            self._delete(state)

    def _delete(self, state: ResourceState) -> None:
        if not state.retain_on_delete and state.deleted_with not in self.condemned:
            self.things.pop(state.id, None)

    def finish(self) -> None:
        rest = [
            state
            for state in self.records
            if id(state) in self.doomed
            or (state.delete and id(state) not in self.gone)
            or (not state.delete and state.urn not in self.taken)
        ]
        if any(one.protect and not (one.delete or id(one) in self.doomed or self._absent(one)) for one in rest):
            raise ProtectedError
        self.condemned |= {state.urn for state in rest}
        for state in rest:
            if state.delete or id(state) in self.doomed or not self._absent(state):
                self._delete(state)
