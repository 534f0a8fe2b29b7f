"""The steps of a deployment: each is announced, recorded as pending, done, recorded as done, and reported.

The first failure stops the deployment, as in the CLI: what runs may finish, nothing new begins.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from engine import planner
from engine.api import Changes, Message, Step, StepFailed, StepFinished, StepStarted
from engine.errors import EngineError
from engine.goal import name_of
from engine.provider import UnansweredError
from engine.values import same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.api import Event, Op
    from engine.journal import Journal
    from engine.provider import Provider
    from engine.state import ResourceState

Properties = dict[str, Any]


class StoppedError(EngineError):
    """The deployment starts nothing new: something failed, or the user interrupted it."""


class Calls(Protocol):
    """What makes, changes and removes a resource."""

    def create(self, new: ResourceState) -> tuple[str, Properties]:
        """Return the id and the outputs."""

    def update(self, old: ResourceState, new: ResourceState) -> Properties:
        """Return the outputs."""

    def delete(self, old: ResourceState) -> None:
        """Remove it."""


class Bookkeeping:
    """The calls of what exists in the state alone: components and the default provider."""

    def create(self, new: ResourceState) -> tuple[str, Properties]:
        """A component has no id, and its outputs come later; a provider's outputs are its inputs."""
        return (str(uuid.uuid4()), dict(new.inputs)) if planner.is_provider(new) else ("", {})

    def update(self, old: ResourceState, new: ResourceState) -> Properties:
        """Nothing besides the state changes."""
        del old
        return self.create(new)[1]

    def delete(self, old: ResourceState) -> None:
        """Nothing besides the state changes."""


class Steps:
    """Carries out steps and keeps the score.

    Args:
        journal: Where every step is recorded.
        emit: Takes events, from any thread.
    """

    def __init__(self, journal: Journal, emit: Callable[[Event], None]) -> None:
        self._journal = journal
        self._emit = emit
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self.errors: list[str] = []
        self.stopped = threading.Event()

    @property
    def changes(self) -> Changes:
        """How many resources met which fate."""
        fates = ("create", "update", "delete", "same")
        return Changes(replace=self._counts["create-replacement"], **{fate: self._counts[fate] for fate in fates})

    def check(self) -> None:
        """Raise StoppedError when nothing new may begin."""
        if self.stopped.is_set():
            raise StoppedError("The deployment has stopped.")

    def fail(self, message: str, urn: str = "", *, stop: bool = True, show: bool = True) -> None:
        """Take note of an error; unless told otherwise, begin nothing new."""
        with self._lock:
            self.errors.append(f"{_called(urn)}: {message}" if urn else message)
        if stop:
            self.stopped.set()
        if show:
            self._emit(Message(severity="error", text=message, urn=urn))

    def same(self, old: ResourceState, new: ResourceState) -> None:
        """Keep a resource as it is; what the program says about it besides its properties is recorded."""
        with self._step("same", old, new):
            new.id, new.outputs = old.id, old.outputs
            planner.settle(new)
            self._journal.end(new, done=old, new=new, save=planner.must_save(old, new))

    def create(
        self, calls: Calls, new: ResourceState, *, replaced: ResourceState | None = None, keys: tuple[str, ...] = ()
    ) -> None:
        """Create a resource; the one it replaces is deleted later, unless it is gone already."""
        with self._step("create-replacement" if replaced else "create", replaced, new, keys):
            if new.custom:
                self._journal.begin(new, "creating")
            new.id, new.outputs = calls.create(new)
            new.created = new.modified = datetime.now(UTC)
            planner.settle(new)
            gone = replaced if replaced and replaced.pending_replacement else None
            if replaced and not gone:
                replaced.delete = True
            self._journal.end(new, done=gone, new=new)

    def update(self, calls: Calls, old: ResourceState, new: ResourceState) -> None:
        """Update a resource in place."""
        with self._step("update", old, new):
            new.id = old.id
            if new.custom:
                self._journal.begin(new, "updating")
            new.outputs = calls.update(old, new)
            new.modified = datetime.now(UTC)
            planner.settle(new)
            self._journal.end(new, done=old, new=new)

    def delete(self, calls: Calls, old: ResourceState, *, first: bool = False) -> None:
        """Delete a resource; `first` says that its replacement comes later, until when it stays recorded."""
        with self._step("delete-replaced" if first or old.delete else "delete", old, None):
            if old.custom and not old.retain_on_delete:
                self._journal.begin(old, "deleting")
                calls.delete(old)
            old.pending_replacement = first
            self._journal.end(old, done=None if first else old)

    def refresh(self, provider: Provider, old: ResourceState, *, count: bool) -> ResourceState | None:
        """Read reality; None when the resource is gone. A failure does not keep others from being read."""
        with self._step("refresh", old, old, stop=False, count=count) as report:
            found, inputs, outputs = provider.read(old)
            if not found:
                report("delete")
                return None
            new = replace(old, id=found, inputs=inputs, outputs=outputs, init_errors=[])
            planner.settle(new)
            if not same(new.inputs, old.inputs) or not same(new.outputs, old.outputs):
                new.modified = datetime.now(UTC)
            diff = provider.diff(new, old.inputs, ignore=tuple(old.ignore_changes))
            report("same" if diff.changes is False else "update")
            return new

    @contextmanager
    def _step(
        self,
        op: Op,
        old: ResourceState | None,
        new: ResourceState | None,
        keys: tuple[str, ...] = (),
        *,
        stop: bool = True,
        count: bool = True,
    ) -> Iterator[Callable[[Op], None]]:
        self.check()
        subject = new or old
        assert subject is not None  # noqa: S101 - a step has at least one side
        step = _describe(op, subject, old, new, keys)
        outcome: list[Op] = [op]
        self._emit(StepStarted(step=step))
        began = time.monotonic()
        try:
            yield outcome.append
        except EngineError as error:
            if not isinstance(error, UnansweredError):  # else the operation stays recorded as pending
                self._journal.end(subject)
            self.fail(str(error), subject.urn, stop=stop, show=False)
            self._emit(StepFailed(step=step, seconds=time.monotonic() - began, message=str(error)))
            raise StoppedError(str(error)) from error
        if count and not step.internal:
            with self._lock:
                self._counts[outcome[-1]] += 1
        self._emit(StepFinished(step=step, seconds=time.monotonic() - began, op=outcome[-1]))


def _describe(
    op: Op, subject: ResourceState, old: ResourceState | None, new: ResourceState | None, keys: tuple[str, ...]
) -> Step:
    return Step(
        urn=subject.urn,
        type=subject.type,
        name=name_of(subject.urn),
        parent=subject.parent,
        op=op,
        old=old.inputs if old else None,
        new=new.inputs if new else None,
        replace_keys=keys,
        internal=planner.is_provider(subject),
    )


def _called(urn: str) -> str:
    return f"{urn.split('::')[2].rpartition('$')[2]} {name_of(urn)!r}"
