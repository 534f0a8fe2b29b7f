from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from pulumi_embedded.planner import dependencies, is_provider
from tests.parity import random_programs
from tests.parity.random_model import ProtectedError, foretell, refreshed
from tests.parity.random_rig import Rig

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_embedded.state import ResourceState, Snapshot
    from tests.parity.random_programs import Program
    from tests.parity.random_rig import Call, Ended, Registration

SEED = int(os.environ.get("INFRA_TEST_SEED", "0"))
QUICK, LONG = 100, 3000

runs = st.lists(
    st.fixed_dictionaries(
        {
            "edits": random_programs.edits,
            "faults": random_programs.faults,
            "parallel": st.sampled_from([1, 1, 4]),
            "refresh": st.booleans(),
            "vanished": st.sampled_from([[], [], [], [0], [3]]),
        }
    ),
    min_size=2,
    max_size=5,
)


@dataclass
class Walk:
    """One stack on its way through random edits, with what may be said of it at every moment.

    Attributes:
        left: Ids of things that are rightly left to themselves: retained, or said to go with others.
    """

    rig: Rig = field(default_factory=Rig)
    program: Program = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    number: int = 0

    def __post_init__(self) -> None:
        """Look at every state that is saved."""
        self.rig.on_save = self.judge

    def judge(self, snapshot: Snapshot) -> None:
        """What exists is recorded, or its creation is pending; what is recorded exists, or its deletion is pending."""
        things = [one for one in snapshot.resources if one.custom and not is_provider(one)]
        recorded = {one.id for one in things}
        pending: dict[str, set[str]] = {"creating": set(), "deleting": set(), "updating": set()}
        for operation in snapshot.pending_operations:
            pending[operation.type].add(operation.resource.inputs.get("label", ""))
        for id_ in [*self.rig.world.things]:
            label = id_.partition("-")[0]
            assert id_ in {*recorded, *self.left} or label in pending["creating"], f"{id_} is orphaned"
        for one in things:
            there = one.id in {*self.rig.world.things, *self.rig.world.missing} or one.pending_replacement
            assert there or one.inputs["label"] in pending["deleting"], f"{one.id} is recorded and does not exist"

    def change(self, edits: list[random_programs.Numbers], vanished: list[int]) -> None:
        """Edit the program, and let things vanish."""
        for numbers in edits:
            self.number += 1
            random_programs.edit(self.program, numbers, f"n{self.number:03}")
        for number in vanished:
            for id_ in sorted(self.rig.world.things)[number : number + 1]:
                del self.rig.world.things[id_]
                self.rig.world.missing.add(id_)
                self.rig.world.unanswered.discard(id_)

    def up(self, *, faults: list[tuple[str, int, str]], parallel: int, refresh: bool, protect: bool = True) -> Ended:
        """Run the program; whatever comes of it must be as foretold, or true at least."""
        wanted = random_programs.registrations(self.program, protect=protect)
        records, world = self.rig.snapshot().resources, self.rig.world
        wrong = {(method, which): mode for method, which, mode in faults}
        self.note_left(records)
        based = refreshed(records, world.things) if refresh else records
        exact = parallel == 1 and not world.unanswered and not wrong
        try:
            expected = foretell(based, wanted, world.things, world.made)
        except ProtectedError:
            expected = None
        exact = exact and self._unambiguous(based)
        ended = self.rig.up(wanted, faults=wrong, refresh=refresh, parallel=parallel)
        check_order(based, wanted, ended, parallel=parallel)
        if exact:
            assert (expected is not None) == (not ended.errors), ended.errors
        if exact and expected is not None:
            assert world.things == expected, told(based, wanted, ended)
        if not ended.errors:
            self._check_settled(wanted)
        return ended

    def _unambiguous(self, records: list[ResourceState]) -> bool:
        """Whether the model, which knows no aliases, can say which record is whose.

        What vanished is not found under its alias, and so its children, which have none of their own, are not either:
        as with the CLI, they are made anew, and the record has them twice for a while. Where the run that does so fails
        first, their records stay, without a parent, and it is the next run that makes them anew.
        """
        live = Counter(one.inputs.get("label", one.urn) for one in records if not one.delete)
        moved = {wish.key for wish in self.program if wish.earlier}
        things = [one for one in records if one.custom and not is_provider(one)]
        return (
            moved <= live.keys()
            and set(live.values()) <= {1}
            and not self.rig.world.missing & {one.id for one in records}
            and all(one.parent for one in things)
        )

    def note_left(self, records: list[ResourceState]) -> None:
        """Note what a run may leave to itself."""
        self.left |= {one.id for one in records if one.retain_on_delete or one.deleted_with}

    def _check_settled(self, wanted: list[Registration]) -> None:
        """After a run without errors exactly what is wanted is recorded, once, and nothing waits."""
        resources = [one for one in self.rig.snapshot().resources if not is_provider(one)]
        assert Counter(one.urn for one in resources) == Counter(one.goal.urn for one in wanted)
        assert not any(one.delete or one.pending_replacement for one in resources)


def told(records: list[ResourceState], wanted: list[Registration], ended: Ended) -> str:
    """What a run started from, wanted and did, for whoever reads a failure."""
    before = [
        f"{one.urn} {one.id}{' waits for deletion' * one.delete}{' deleted' * one.pending_replacement} "
        f"with {one.deleted_with}, needs {one.property_dependencies}"
        for one in records
    ]
    goals = [f"{one.goal} {dict(one.takes)}" for one in wanted]
    calls = [f"{call.method} {call.label} {call.id}" for call in ended.calls]
    return "\n".join(["", *before, *goals, *ended.errors, *ended.steps, *calls])


def check_order(records: list[ResourceState], wanted: list[Registration], ended: Ended, *, parallel: int) -> None:
    """Nothing is created before what it needs, and nothing is deleted before what needed it."""
    made = {call.label: call for call in ended.calls if call.method in ("create", "update")}
    labels = {one.goal.urn: one.goal.inputs.get("label", "") for one in wanted}
    above = {one.goal.urn: one.needs() for one in wanted}
    for one in wanted:
        call = made.get(labels[one.goal.urn])
        for urn in closure(one.goal.urn, above) if call else ():
            other = made.get(labels[urn])
            assert call is None or other is None or other.ended < call.began, f"{call} came before {other}"
    deleted = {call.id: call for call in ended.calls if call.method == "delete"}
    for number, needed in enumerate(records):
        for user in records[number + 1 :]:
            if needed.id in deleted and user.id in deleted and _bound(user, needed, deleted, parallel=parallel):
                assert deleted[user.id].ended < deleted[needed.id].began, f"{needed.id} was deleted before {user.id}"


def _bound(user: ResourceState, needed: ResourceState, deleted: dict[str, Call], *, parallel: int) -> bool:
    """Whether `user` must go first: at the end always, before the end where what it needs takes it along."""
    if deleted[needed.id].last:
        return deleted[user.id].last and needed.urn in dependencies(user)
    along = {user.deleted_with, *user.property_dependencies.get("need", ())}
    return parallel == 1 and not (user.delete or needed.delete) and needed.urn in along


def closure(urn: str, above: dict[str, set[str]]) -> set[str]:
    """All that a resource needs, directly or not."""
    found: set[str] = set()
    todo = [urn]
    while todo:
        for other in above[todo.pop()] - found:
            found.add(other)
            todo.append(other)
    return found


def walk(resources: list[random_programs.Numbers], runs: list[dict[str, Any]]) -> None:
    """Go through random runs; then, without failures, converge, do nothing, and destroy."""
    one = Walk()
    for number, numbers in enumerate(resources):
        random_programs.add(one.program, f"r{number:03}", numbers)
    for run in runs:
        one.change(run["edits"], run["vanished"])
        one.up(faults=run["faults"], parallel=run["parallel"], refresh=run["refresh"])
    one.rig.unprotect()
    ended = one.up(faults=[], parallel=1, refresh=True, protect=False)
    assert not ended.errors
    live = {state.inputs.get("label"): state for state in one.rig.snapshot().resources if state.custom}
    assert set(one.rig.world.things) - one.left - one.rig.world.unanswered <= {s.id for s in live.values()}
    again = one.up(faults=[], parallel=4, refresh=False, protect=False)
    assert not again.errors
    assert {step.partition(" ")[0] for step in again.steps} == {"same"}
    one.note_left(one.rig.snapshot().resources)
    assert not one.rig.up(None, parallel=4).errors
    assert one.rig.world.things.keys() <= one.left | one.rig.world.unanswered
    assert not one.rig.snapshot().resources


def explore(examples: int, start: int) -> None:
    """Go through random walks; they are the same ones each time."""

    @seed(start)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(resources=random_programs.resources, runs=runs)
    def go(resources: list[random_programs.Numbers], runs: list[dict[str, Any]]) -> None:
        walk(resources, runs)

    go()


def test_random_edits_and_failures_come_to_what_the_model_says(record_property: Callable[[str, object], None]) -> None:
    """The state is true at every moment, the order is kept, and after the last failure one `up` converges."""
    record_property("said", f"random walks of the engine: INFRA_TEST_SEED={SEED} makes these {QUICK} again")
    explore(QUICK, SEED)


@pytest.mark.thorough
@pytest.mark.timeout(1800)
def test_many_random_edits_and_failures_come_to_what_the_model_says(
    record_property: Callable[[str, object], None],
) -> None:
    """The same with many more examples."""
    record_property("said", f"random walks of the engine: INFRA_TEST_SEED={SEED} makes these {LONG} again")
    explore(LONG, SEED + 1)
