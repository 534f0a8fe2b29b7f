"""One deployment: registrations become decisions, decisions become steps.

Every registration is worked on by the thread that received it, from check to result. The program waits for the result,
so whatever depends on a resource comes after it.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine import planner
from engine.errors import EngineError
from engine.goal import PROVIDER_TYPE, STACK_TYPE, make_urn, name_of
from engine.provider import ProviderError
from engine.state import ResourceState
from engine.steps import Bookkeeping, StoppedError
from engine.values import same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.goal import Goal
    from engine.journal import Journal
    from engine.provider import Provider
    from engine.provider_pool import ProviderPool
    from engine.steps import Calls, Steps

Properties = dict[str, Any]


class Deployment:
    """The resources of one stack on their way from what is recorded to what the program wants.

    Args:
        journal: What is recorded.
        steps: Carries out what is decided.
        providers: Gives the provider for a configuration.
        config: The stack's whole configuration, which dynamic providers get; secrets wrapped.
        provider_urn: The URN of the default provider.
        preview: Nothing is done, so errors of the plan are collected instead of ending it.
        parallel: How many resources are worked on at once.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        steps: Steps,
        providers: ProviderPool,
        config: Mapping[str, Any],
        stack: str,
        project: str,
        preview: bool,
        parallel: int,
    ) -> None:
        self._journal = journal
        self._steps = steps
        self._providers = providers
        self._config = dict(config)
        self._provider_urn = make_urn(stack, project, "", PROVIDER_TYPE, "default")
        self._stack_urn = make_urn(stack, project, "", STACK_TYPE, f"{project}-{stack}")
        self._preview = preview
        self._parallel = parallel
        self._slots = threading.BoundedSemaphore(parallel)
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._running = 0
        self._provider_lock = threading.Lock()
        self._claimed: dict[str, Goal] = {}
        self._settled: dict[str, ResourceState] = {}
        self._outputs: Properties | None = None
        self.ready = threading.Event()

    # Registrations.

    def register(self, goal: Goal) -> ResourceState:
        """Bring one resource to what the program wants; StoppedError when that failed or must not begin."""
        self.ready.wait()
        with self._in_flight(goal.urn), self._slots:
            self._steps.check()
            goal = self._claim(goal)
            old = self._journal.old(goal.urn)
            new = goal.state(old)
            if goal.custom:
                new.provider = self._default_provider()
                self._register_custom(goal, old, new)
            else:
                self._register_component(goal, old, new)
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
            self._journal.save()

    def _claim(self, goal: Goal) -> Goal:
        with self._lock:
            if goal.urn in self._claimed:
                raise EngineError(f"Two resources have the URN {goal.urn}.", next_step="give one of them another name")
            if goal.parent and goal.parent not in self._claimed:
                raise EngineError(f"{name_of(goal.urn)!r} has the parent {goal.parent}, which is not registered.")
            parent = self._claimed.get(goal.parent, goal)
            goal = replace(
                goal,
                protect=parent.protect if goal.protect is None else goal.protect,
                retain_on_delete=(parent.retain_on_delete if goal.retain_on_delete is None else goal.retain_on_delete),
            )
            self._claimed[goal.urn] = goal
            return goal

    def _register_component(self, goal: Goal, old: ResourceState | None, new: ResourceState) -> None:
        calls = Bookkeeping()
        if old is None:
            self._steps.create(calls, new)
            return
        new.inputs = planner.ignore_changes(goal, old, new.inputs)
        if same(old.inputs, new.inputs):
            self._steps.same(old, new)
        else:
            self._steps.update(calls, old, new)

    def _register_custom(self, goal: Goal, old: ResourceState | None, new: ResourceState) -> None:
        provider = self._providers.get(self._config)
        if old is None or old.pending_replacement:
            new.inputs = self._checked(provider, goal, None)
            self._steps.create(provider, new, replaced=old)
            return
        new.inputs = self._checked(provider, goal, old)
        diff = provider.diff(old, new.inputs, ignore=goal.ignore_changes)
        decision = planner.decide(goal, old, new.inputs, diff)
        if decision.op == "same":
            self._steps.same(old, new)
        elif decision.op == "update":
            self._steps.update(provider, old, new)
        else:
            self._replace(provider, goal, old, new, decision)

    def _replace(
        self, provider: Provider, goal: Goal, old: ResourceState, new: ResourceState, decision: planner.Decision
    ) -> None:
        if old.protect and new.protect:
            self._refuse_protected(old.urn, "replaced")
        new.inputs = self._checked(provider, goal, None)
        if decision.delete_first:
            condemned = self._replaced_too(provider, old)
            for state in condemned:
                if state.protect:
                    self._refuse_protected(state.urn, f"replaced together with {name_of(old.urn)!r}")
            for state in [*reversed(condemned), old]:
                self._steps.delete(provider, state, first=not state.delete)
        self._steps.create(provider, new, replaced=old, keys=decision.keys)

    def _replaced_too(self, provider: Provider, root: ResourceState) -> list[ResourceState]:
        """What must go before `root` can: dependents that their provider would replace when `root` changes."""
        replaced = {root.urn}
        found = []
        with self._lock:
            base, settled = list(self._journal.base), set(self._settled)
        for state in planner.dependents(base, root, settled=settled):
            news = None if state.pending_replacement else planner.with_unknowns(state, replaced)
            if news is None:
                continue
            diff = provider.diff(state, news, ignore=tuple(state.ignore_changes))
            if diff.changes is not False and diff.replaces:
                replaced.add(state.urn)
                found.append(state)
        return found

    def _checked(self, provider: Provider, goal: Goal, old: ResourceState | None) -> Properties:
        news = planner.ignore_changes(goal, old, goal.inputs) if old else goal.inputs
        inputs, failures = provider.check(goal.urn, old.inputs if old else {}, news)
        if failures:
            raise ProviderError("\n".join(f"{key}: {reason}" if key else reason for key, reason in failures))
        return inputs

    def _refuse_protected(self, urn: str, act: str) -> None:
        message = f"{name_of(urn)!r} is protected and cannot be {act}; remove `protect` from it first."
        self._steps.fail(message, urn, stop=not self._preview)
        self._steps.check()

    def _default_provider(self) -> str:
        with self._provider_lock:
            new = self._settled.get(self._provider_urn)
            if new is None:
                old = self._journal.old(self._provider_urn)
                new = ResourceState(urn=self._provider_urn, type=PROVIDER_TYPE, inputs=self._config)
                if old is None:
                    self._steps.create(Bookkeeping(), new)
                elif same(old.inputs, self._config):
                    new.created, new.modified = old.created, old.modified
                    self._steps.same(old, new)
                else:
                    new.created = old.created
                    self._steps.update(Bookkeeping(), old, new)
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
            self._steps.fail(str(error), urn)
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
            if not state.custom or planner.is_provider(state) or state.pending_replacement:
                return state
            try:
                return self._steps.refresh(self._recorded_provider(state), state, count=count)
            except StoppedError:
                return state

        base = self._journal.base
        with ThreadPoolExecutor(max_workers=self._parallel) as pool:
            self._journal.rebase(planner.repair(zip(base, pool.map(read, base), strict=True)))
        if self._steps.errors:
            self._steps.stopped.set()

    def delete_rest(self) -> None:
        """Delete what was replaced and what the program no longer registers, dependents first."""
        condemned = []
        base = self._journal.remaining()
        for state in base:
            if state.pending_replacement and state.urn not in self._settled:
                self._journal.end(state, done=state)
            elif state.delete or state.urn not in self._settled:
                condemned.append(state)
        blocked: set[str] = set()
        for wave in planner.waves(condemned, base):
            todo = [state for state in wave if state.urn not in blocked]
            for state in [state for state in todo if state.protect and not state.delete]:
                self._steps.fail(
                    f"{name_of(state.urn)!r} is protected and cannot be deleted; remove `protect` from it first.",
                    state.urn,
                    stop=False,
                )
                blocked |= {state.urn} | planner.transitive_dependencies(base, state.urn)
                todo.remove(state)
            with ThreadPoolExecutor(max_workers=self._parallel) as pool:
                list(pool.map(self._delete, todo))

    def _delete(self, state: ResourceState) -> None:
        try:
            calls: Calls = self._recorded_provider(state) if _is_managed(state) else Bookkeeping()
            self._steps.delete(calls, state)
        except StoppedError:
            return

    def _recorded_provider(self, state: ResourceState) -> Provider:
        """The provider of a resource that is not registered: as this run configured it, else as the last one did."""
        urn = state.provider.rpartition("::")[0]
        known = self._settled.get(urn) or self._journal.old(urn)
        return self._providers.get(known.inputs if known else self._config)

    def settle_outputs(self) -> Properties:
        """Record the stack's outputs; after a failure those that did not come stay as they were."""
        recorded = next((state for state in self._journal.resources() if state.urn == self._stack_urn), None)
        if recorded is None:
            return {}
        if self._outputs is not None and self._stack_urn in self._settled:
            kept = recorded.outputs if self._steps.errors or self._steps.stopped.is_set() else {}
            recorded.outputs = {**kept, **self._outputs}
        return recorded.outputs


def _is_managed(state: ResourceState) -> bool:
    return state.custom and not planner.is_provider(state)
