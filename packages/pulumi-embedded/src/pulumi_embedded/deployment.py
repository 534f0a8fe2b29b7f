"""One deployment: registrations become decisions, decisions become steps.

Every registration is worked on by the thread that received it, from check to result. The program waits for the result,
so whatever depends on a resource comes after it.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pulumi_embedded import aliases, planner
from pulumi_embedded.errors import EngineError
from pulumi_embedded.goal import (
    BUILTIN_PROVIDER_TYPE,
    PROVIDER_TYPE,
    STACK_REFERENCE_TYPE,
    STACK_TYPE,
    make_urn,
    name_of,
)
from pulumi_embedded.planner import Decision
from pulumi_embedded.provider import ProviderError
from pulumi_embedded.state import ResourceState
from pulumi_embedded.steps import Bookkeeping, StoppedError
from pulumi_embedded.values import same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pulumi_embedded.goal import Goal
    from pulumi_embedded.journal import Journal
    from pulumi_embedded.provider_pool import ProviderPool
    from pulumi_embedded.reads import StackReferences
    from pulumi_embedded.steps import Calls, Steps

Properties = dict[str, Any]


@dataclass(kw_only=True, eq=False, repr=False)
class Deployment:
    """The resources of one stack on their way from what is recorded to what the program wants.

    Attributes:
        journal: What is recorded.
        steps: Carries out what is decided.
        providers: Gives the provider for a configuration.
        references: Reads other stacks.
        config: The stack's whole configuration, which dynamic providers get; secrets wrapped.
        stack: The stack's name.
        project: The project's name.
        preview: Nothing is done, so errors of the plan are collected instead of ending it.
        parallel: How many resources are worked on at once.
        ready: Whether registrations may be worked on.
    """

    journal: Journal
    steps: Steps
    providers: ProviderPool
    references: StackReferences
    config: Mapping[str, Any]
    stack: str
    project: str
    preview: bool
    parallel: int

    def __post_init__(self) -> None:
        self._stack_urn = make_urn(self.stack, self.project, "", STACK_TYPE, f"{self.project}-{self.stack}")
        self._slots = threading.BoundedSemaphore(self.parallel)
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._running = 0
        self._provider_lock = threading.Lock()
        self._claimed: dict[str, Goal] = {}
        self._earlier: dict[str, str] = {}  # the URN under which something with an alias was found
        self._taken: dict[str, Goal] = {}  # and what took it
        self._settled: dict[str, ResourceState] = {}
        self._replaced: set[str] = set()
        self._condemned: dict[str, tuple[str, ...]] = {}  # what is deleted, with the properties that force it
        self._gone: set[int] = set()  # what was deleted before its time
        self._outputs: Properties | None = None
        self.ready = threading.Event()

    # Registrations.

    def register(self, goal: Goal) -> ResourceState:
        """Bring one resource to what the program wants; StoppedError when that failed or must not begin."""
        self.ready.wait()
        with self._in_flight(goal.urn), self._slots:
            self.steps.check()
            goal, old = self._claim(goal)
            new = goal.state(old)
            calls: Calls = Bookkeeping()
            if goal.custom:
                self.providers.trust.declare(goal.inputs)
                if old is not None:
                    self.providers.trust.replace_recorded(old, goal.inputs)
                builtin = goal.type == STACK_REFERENCE_TYPE
                new.provider = self._default_provider(BUILTIN_PROVIDER_TYPE if builtin else PROVIDER_TYPE)
                calls = self.references if builtin else self.providers.get(self.config)
            if new.external:
                self.steps.read(calls, old, new)
            else:
                self._bring(calls, goal, old, new)
            self._settled[goal.urn] = new
            return new

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Take the outputs of a component, or of the stack, which are settled at the end."""
        if urn == self._stack_urn:
            self._outputs = outputs
            return
        state = self._settled.get(urn)
        if state is None:
            raise EngineError(f"Outputs were registered for {urn}, which is not registered.")
        if not same(state.outputs, outputs):
            state.outputs = outputs
            self.journal.save()

    def _claim(self, goal: Goal) -> tuple[Goal, ResourceState | None]:
        """Take a registration's URN; returns the goal with what it inherits, and what is recorded of it."""
        with self._lock:
            if goal.urn in self._claimed:
                raise EngineError(f"Two resources have the URN {goal.urn}.", next_step="give one of them another name")
            if goal.parent and goal.parent not in self._claimed:
                raise EngineError(f"{name_of(goal.urn)!r} has the parent {goal.parent}, which is not registered.")
            goal = goal.inherit(self._claimed.get(goal.parent, goal))
            self._claimed[goal.urn] = goal
            candidates = aliases.candidates(goal, self._earlier)
            old = next((found for urn in candidates if (found := self.journal.old(urn))), None)
            taken = self._taken.get(goal.urn) or (old and (self._taken.get(old.urn) or self._claimed.get(old.urn)))
            if taken not in (None, goal):
                raise EngineError(
                    f"{goal.urn} and {taken.urn} are recorded as the same resource, because one has the alias "
                    f"{old.urn if old else goal.urn}.",
                    next_step="remove the alias from one of them",
                )
            if old and old.urn != goal.urn:
                self._earlier[goal.urn] = old.urn
                self._taken[old.urn] = goal
            return goal, old

    def _bring(self, calls: Calls, goal: Goal, old: ResourceState | None, new: ResourceState) -> None:
        recreated = goal.urn in self._condemned
        known = None if recreated or (old and old.external) else old
        inputs = self._checked(calls, goal, known)
        if goal.custom:  # what a component ignores is not compared, and yet recorded
            new.inputs = inputs
        if old is None:
            self.steps.create(calls, new)
        elif recreated:
            with self._idle:  # its deletion may still be on its way
                self._idle.wait_for(lambda: old.pending_replacement or self.steps.stopped.is_set())
            self.steps.check()
            keys = self._condemned.pop(goal.urn)
            self._replaced.add(goal.urn)
            self.steps.create(calls, new, replaced=old, why=Decision(op="replace", delete_first=True, keys=keys))
        elif old.external:
            self.steps.create(calls, new, replaced=old)
        else:
            self._change(calls, goal, old, new, self._decide(calls, goal, old, inputs))

    def _decide(self, calls: Calls, goal: Goal, old: ResourceState, inputs: Properties) -> Decision:
        tied = {"replaceWith": {*goal.replace_with}, "deletedWith": {goal.deleted_with}}
        forced = [key for key, urns in tied.items() if urns & self._replaced]
        if forced or old.custom != goal.custom:
            return Decision(op="replace", keys=(*forced, "provider")[:1])
        diff = calls.diff(replace(old, urn=goal.urn, type=goal.type), inputs, ignore=tuple(goal.ignore_changes))
        return planner.decide(goal, old, planner.judge(diff, old.inputs, inputs, goal.ignore_changes))

    def _change(self, calls: Calls, goal: Goal, old: ResourceState, new: ResourceState, decision: Decision) -> None:
        if decision.op == "replace" or old.pending_replacement:
            wish = goal.delete_before_replace
            first = decision.delete_first if wish is None else wish
            self._replace(calls, goal, old, new, replace(decision, op="replace", delete_first=first))
        elif decision.op == "update":
            self.steps.update(calls, old, new, decision)
        else:
            self.steps.same(old, new)

    def _replace(self, calls: Calls, goal: Goal, old: ResourceState, new: ResourceState, decision: Decision) -> None:
        if old.protect and new.protect:
            self._refuse_protected(old.urn, "replaced", stop=not self.preview)
        self._replaced.add(goal.urn)
        if goal.custom:
            new.inputs = self._checked(calls, goal, None)
        if decision.delete_first:
            self._delete_first(goal, old)
        self.steps.create(calls, new, replaced=old, why=decision)

    def _delete_first(self, goal: Goal, root: ResourceState) -> None:
        """Delete what is about to be replaced, and before it what would be replaced because of that."""
        too = self._replaced_too(goal, root)
        for state in (state for state, _ in too if state.protect and not state.delete):
            self._refuse_protected(state.urn, f"replaced together with {name_of(root.urn)!r}", stop=True)
        with self._lock:  # what was registered meanwhile does not depend on the root any more
            too = [(state, keys) for state, keys in too if state.urn not in {*self._claimed, *self._taken}]
            self._condemned.update({state.urn: keys for state, keys in too if not state.delete})
            if not root.pending_replacement:  # else it went in an earlier run, and nothing goes with it now
                self._condemned[root.urn] = ()
        todo = [state for state, _ in reversed(too)] + ([] if root.pending_replacement else [root])
        self._gone.update(id(state) for state in todo)
        for state in todo:
            self.steps.delete(self._calls_for(state), state, first=not state.delete)
            with self._idle:
                self._idle.notify_all()

    def _replaced_too(self, goal: Goal, root: ResourceState) -> list[tuple[ResourceState, tuple[str, ...]]]:
        """What must go before `root` can, with the properties that say so.

        That is what is deleted with it, what is replaced with it, and what its provider would replace when what it
        takes from `root` changes.
        """
        replaced = {root.urn}
        found, tied = [], []
        with self._lock:
            registered = {*self._claimed, *self._taken}
        for state in planner.dependents(self.journal.base, root, settled=registered):
            if id(state) in self._gone:
                continue
            keys = self._forced(state, replaced)
            if keys is not None:
                replaced.add(state.urn)
                found.append((state, keys))
            elif not state.delete and goal.urn in (state.deleted_with, *state.replace_with):
                tied.append((state, ()))
        return [*found, *tied]

    def _forced(self, state: ResourceState, replaced: set[str]) -> tuple[str, ...] | None:
        """Which properties force a replacement when all of `replaced` is; None when it may stay."""
        if state.custom and not state.external and state.deleted_with in replaced:
            return ()
        news = planner.with_unknowns(state, replaced)
        if news is None:
            return None
        diff = self._recorded_provider(state).diff(state, news, ignore=tuple(state.ignore_changes))
        decision = planner.decide(state, state, planner.judge(diff, state.inputs, news, state.ignore_changes))
        return decision.keys if decision.op == "replace" else None

    def _checked(self, calls: Calls, goal: Goal, old: ResourceState | None) -> Properties:
        news = goal.inputs
        if old and goal.ignore_changes:
            news, failed = planner.ignore_changes(goal.ignore_changes, old.inputs, news)
            if failed:
                which = ", ".join(failed)
                self.steps.note(f'cannot ignore changes in added or removed elements of the path: "{which}"', goal.urn)
        inputs, failures = calls.check(goal.urn, old.inputs if old else {}, news)
        if failures:
            raise ProviderError("\n".join(f"{key}: {reason}" if key else reason for key, reason in failures))
        return inputs

    def _refuse_protected(self, urn: str, act: str, *, stop: bool) -> None:
        message = f"{name_of(urn)!r} is protected and cannot be {act}; remove `protect` from it first."
        self.steps.fail(message, urn, stop=stop)
        self.steps.check()

    def _default_provider(self, type_: str) -> str:
        urn = make_urn(self.stack, self.project, "", type_, "default")
        with self._provider_lock:
            new = self._settled.get(urn)
            if new is None:
                old = self.journal.old(urn)
                new = ResourceState(urn=urn, type=type_, inputs=dict(self.config) if type_ == PROVIDER_TYPE else {})
                if old is None:
                    self.steps.create(Bookkeeping(), new)
                elif same(old.inputs, new.inputs):
                    new.created, new.modified = old.created, old.modified
                    self.steps.same(old, new)
                else:
                    new.created = old.created
                    self.steps.update(Bookkeeping(), old, new)
                self._settled[new.urn] = new
            return f"{new.urn}::{new.id}"

    @contextmanager
    def _in_flight(self, urn: str) -> Iterator[None]:
        with self._idle:
            self._running += 1
        try:
            yield
        except StoppedError:
            raise
        except EngineError as error:
            self.steps.fail(str(error), urn)
            raise StoppedError(str(error)) from error
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def drain(self) -> None:
        """Wait until no registration is worked on."""
        with self._idle:
            self._idle.wait_for(lambda: self._running == 0)

    # What happens before and after the program.

    def refresh(self, *, count: bool) -> None:
        """Read every resource and take what is found for recorded; the first failure is raised at the end."""

        def read(state: ResourceState) -> ResourceState | None:
            if planner.is_provider(state) or state.pending_replacement:
                return state
            try:
                if not state.custom:
                    return self.steps.found(state, count=count)
                return self.steps.refresh(self._recorded_provider(state), state, count=count)
            except StoppedError:
                return state

        base = self.journal.base
        with ThreadPoolExecutor(max_workers=self.parallel) as pool:
            self.journal.rebase(planner.repair(zip(base, pool.map(read, base), strict=True)))
        if self.steps.errors:
            self.steps.stopped.set()

    def delete_rest(self) -> None:
        """Delete what was replaced and what the program no longer registers, dependents first."""
        base = self.journal.base
        condemned = [
            state
            for state in base
            if (state.delete and id(state) not in self._gone)
            or (not state.delete and state.urn not in self._settled and state.urn not in self._taken)
        ]
        self._condemned.update({state.urn: () for state in condemned})
        blocked: set[str] = set()
        for wave in planner.waves(condemned, base):
            todo = [state for state in wave if state.urn not in blocked]
            for state in [one for one in todo if one.protect and not one.delete and not one.pending_replacement]:
                self.steps.refuse(
                    state, f"{name_of(state.urn)!r} is protected and cannot be deleted; remove `protect` from it first."
                )
                blocked |= {state.urn} | planner.transitive_dependencies(base, state.urn)
                todo.remove(state)
            with ThreadPoolExecutor(max_workers=self.parallel) as pool:
                list(pool.map(self._delete, todo))

    def _delete(self, state: ResourceState) -> None:
        try:
            if state.pending_replacement and not state.delete:
                self.steps.forget(state)
            else:
                self.steps.delete(self._calls_for(state), state)
        except StoppedError:
            return

    def _calls_for(self, state: ResourceState) -> Calls:
        """What deletes a recorded resource: nobody where it is to stay, or goes with another one that is deleted."""
        managed = state.custom and not planner.is_provider(state)
        if not managed or state.external or state.retain_on_delete or state.deleted_with in self._condemned:
            return Bookkeeping()
        return self._recorded_provider(state)

    def _recorded_provider(self, state: ResourceState) -> Calls:
        """The provider of a resource that is not registered: as this run configured it, else as the last one did."""
        if state.type == STACK_REFERENCE_TYPE:
            return self.references
        urn = state.provider.rpartition("::")[0]
        known = self._settled.get(urn) or self.journal.old(urn)
        return self.providers.get(known.inputs if known else self.config)

    def settle_outputs(self) -> Properties:
        """Record the stack's outputs; after a failure those that did not come stay as they were."""
        recorded = next((state for state in self.journal.resources() if state.urn == self._stack_urn), None)
        if recorded is None:
            return {}
        if self._outputs is not None and self._stack_urn in self._settled:
            kept = recorded.outputs if self.steps.errors or self.steps.stopped.is_set() else {}
            recorded.outputs = {**kept, **self._outputs}
        return recorded.outputs
