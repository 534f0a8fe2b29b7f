"""The steps of a deployment: each is announced, recorded as pending, done, recorded as done, and reported.

The first failure stops the deployment, as in the CLI: what runs may finish, nothing new begins.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from pulumi_embedded import planner
from pulumi_embedded.api import Changes, Message, Step, StepFailed, StepFinished, StepStarted
from pulumi_embedded.errors import EngineError
from pulumi_embedded.goal import name_of
from pulumi_embedded.provider import Diff, UnansweredError
from pulumi_embedded.values import UNKNOWN, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pulumi_embedded.api import Event, Op, Severity
    from pulumi_embedded.journal import Journal
    from pulumi_embedded.planner import Decision
    from pulumi_embedded.state import ResourceState

Properties = dict[str, Any]

_CHANGES_NOTHING: Final = frozenset({"same", "refresh", "read"})


class StoppedError(EngineError):
    """The deployment starts nothing new: something failed, or the user interrupted it."""


class Calls(Protocol):
    """What judges, makes, changes and removes a resource."""

    def check(self, urn: str, olds: Properties, news: Properties) -> tuple[Properties, list[tuple[str, str]]]:
        """Return the inputs as they shall be, and what is wrong with them."""

    def diff(self, state: ResourceState, news: Properties, *, ignore: tuple[str, ...] = ()) -> Diff:
        """Return what separates a recorded resource from new inputs."""

    def create(self, new: ResourceState) -> tuple[str, Properties]:
        """Return the id and the outputs."""

    def update(self, old: ResourceState, new: ResourceState) -> Properties:
        """Return the outputs."""

    def read(self, old: ResourceState) -> tuple[str, Properties, Properties]:
        """Look at it; return id (empty: gone), inputs and outputs."""

    def delete(self, old: ResourceState) -> None:
        """Remove it."""


class Bookkeeping:
    """The calls of what exists in the state alone, and of what is left to itself when it leaves the state."""

    def check(self, urn: str, olds: Properties, news: Properties) -> tuple[Properties, list[tuple[str, str]]]:
        """Everything is allowed."""
        del urn, olds
        return news, []

    def diff(self, state: ResourceState, news: Properties, *, ignore: tuple[str, ...] = ()) -> Diff:
        """A component differs as a whole."""
        del ignore
        return Diff(changes=not same(state.inputs, news))

    def create(self, new: ResourceState) -> tuple[str, Properties]:
        """A component has no id, and its outputs come later; a provider's outputs are its inputs."""
        return (str(uuid.uuid4()), dict(new.inputs)) if planner.is_provider(new) else ("", {})

    def update(self, old: ResourceState, new: ResourceState) -> Properties:
        """Nothing besides the state changes."""
        del old
        return self.create(new)[1]

    def read(self, old: ResourceState) -> tuple[str, Properties, Properties]:
        """It is as it is recorded."""
        return old.id, old.inputs, old.outputs

    def delete(self, old: ResourceState) -> None:
        """Nothing besides the state changes."""


class Steps:
    """Carries out steps and keeps the score.

    Args:
        journal: Where every step is recorded.
        emit: Takes events, from any thread.
        hold: Whether to stop before the first step that would change anything.

    Attributes:
        held: Whether such a step came.
    """

    def __init__(self, journal: Journal, emit: Callable[[Event], None], *, hold: bool = False) -> None:
        self._journal = journal
        self._emit = emit
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._hold = hold
        self.held = False
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

    def note(self, text: str, urn: str, severity: Severity = "info") -> None:
        """Tell the user something about a resource."""
        self._emit(Message(severity=severity, text=text, urn=urn))

    def same(self, old: ResourceState, new: ResourceState) -> None:
        """Keep a resource as it is; what the program says about it besides its properties is recorded."""
        with self._step("same", old, new):
            new.id, new.outputs = old.id, old.outputs
            self._settle(new)
            self._journal.end(new, done=old, new=new, save=planner.must_save(old, new))

    def create(
        self, calls: Calls, new: ResourceState, *, replaced: ResourceState | None = None, why: Decision | None = None
    ) -> None:
        """Create a resource; the one it replaces is deleted later, unless it was deleted first."""
        with self._step("create-replacement" if replaced else "create", replaced, new, why):
            if new.custom:
                self._journal.begin(new, "creating")
            new.id, new.outputs = calls.create(new)
            new.created = new.modified = datetime.now(UTC)
            self._settle(new)
            if replaced:
                replaced.delete = not (why and why.delete_first)
            self._journal.end(new, done=replaced if replaced and replaced.pending_replacement else None, new=new)

    def update(self, calls: Calls, old: ResourceState, new: ResourceState, why: Decision | None = None) -> None:
        """Update a resource in place."""
        with self._step("update", old, new, why):
            new.id = old.id
            if new.custom:
                self._journal.begin(new, "updating")
            new.outputs = calls.update(old, new)
            if new.custom:
                new.modified = datetime.now(UTC)
            self._settle(new)
            self._journal.end(new, done=old, new=new)

    def delete(self, calls: Calls, old: ResourceState, *, first: bool = False) -> None:
        """Delete a resource; `first` says that its replacement comes later, until when it stays recorded."""
        ops: tuple[Op, Op] = ("discard", "discard-replaced") if old.external else ("delete", "delete-replaced")
        with self._step(ops[first or old.delete], old, None):
            if old.custom:
                self._journal.begin(old, "deleting")
            calls.delete(old)
            old.pending_replacement = first
            self._journal.end(old, done=None if first else old)

    def refuse(self, old: ResourceState, message: str) -> None:
        """Fail the deletion of a resource before it begins; deletions of others go on."""
        with suppress(StoppedError), self._step("delete", old, None, stop=False):
            raise EngineError(message)

    def read(self, calls: Calls, old: ResourceState | None, new: ResourceState) -> None:
        """Look at what the program does not manage; what it managed under this name and another id is deleted later."""
        replaced = old if old and not old.external and old.id != new.id else None
        with self._step("read-replacement" if replaced else "read", old, new):
            if new.id != UNKNOWN:
                found, _, new.outputs = calls.read(replace(new, outputs=new.inputs))
                new.id = found or new.id
                if not found:  # as in the CLI, to which a dynamic provider does not say it either
                    self.note(f"The provider finds nothing with the id {new.id!r}.", new.urn, "warning")
            self._settle(new)
            if old and not (same(old.inputs, new.inputs) and same(old.outputs, new.outputs)):
                new.modified = datetime.now(UTC)
            if replaced:
                replaced.delete = True
            changed = old is None or planner.must_save(old, new)
            self._journal.end(new, done=None if replaced else old, new=new, save=changed)

    def forget(self, old: ResourceState) -> None:
        """Forget a resource that was deleted before its replacement, which is not wanted any more."""
        with self._step("remove-pending-replace", old, None):
            self._journal.end(old, done=old)

    def found(self, old: ResourceState, *, count: bool) -> ResourceState:
        """Tell of a component that is refreshed, which is always as it is recorded."""
        with self._step("refresh", old, old, stop=False, count=count) as progress:
            progress.op = "same"
        return old

    def refresh(self, provider: Calls, old: ResourceState, *, count: bool) -> ResourceState | None:
        """Read reality; None when the resource is gone. A failure does not keep others from being read."""
        with self._step("refresh", old, old, stop=False, count=count) as progress:
            found, inputs, outputs = provider.read(old)
            if not found:
                progress.op, progress.new = "delete", None
                return None
            new = replace(old, id=found, inputs=inputs, outputs=outputs, init_errors=[])
            planner.settle(new)
            if not same(new.inputs, old.inputs) or not same(new.outputs, old.outputs):
                new.modified = datetime.now(UTC)
            progress.new = new
            if old.external:  # nobody wants it to be anything, so what it gives out is all that counts
                progress.op = "same" if same(new.outputs, old.outputs) else "update"
                return new
            diff = provider.diff(new, old.inputs, ignore=tuple(old.ignore_changes))
            judged = planner.judge(diff, new.inputs, old.inputs, old.ignore_changes)
            progress.why = replace(judged, keys=(), details=planner.invert(judged.details))
            progress.op = "same" if judged.op == "same" else "update"
            return new

    def _settle(self, new: ResourceState) -> None:
        planner.settle(new)
        if "id" in new.additional_secret_outputs:
            self.note("The id of a resource cannot be made secret.", new.urn, "warning")

    @contextmanager
    def _step(
        self,
        op: Op,
        old: ResourceState | None,
        new: ResourceState | None,
        why: Decision | None = None,
        *,
        stop: bool = True,
        count: bool = True,
    ) -> Iterator[_Progress]:
        self.check()
        if self._hold and op not in _CHANGES_NOTHING:
            self.held = True
            self.stopped.set()
            self.check()
        subject = new or old
        assert subject is not None  # noqa: S101 - a step has at least one side
        progress = _Progress(op=op, new=new, why=why)
        step = _describe(op, subject, old, progress)
        self._emit(StepStarted(step=step))
        began = time.monotonic()
        try:
            yield progress
        except EngineError as error:
            if not isinstance(error, UnansweredError):  # else the operation stays recorded as pending
                self._journal.end(subject)
            self.fail(str(error), subject.urn, stop=stop, show=False)
            if op == "create-replacement" and old and old.pending_replacement:
                self._counts[op] += 1  # to the CLI a replacement is one from the moment its old half is deleted
            self._emit(StepFailed(step=step, seconds=time.monotonic() - began, message=str(error)))
            raise StoppedError(str(error)) from error
        if count and not step.internal:
            with self._lock:
                self._counts[progress.op] += 1
        step = _describe(op, subject, step.old_state, progress)
        self._emit(StepFinished(step=step, seconds=time.monotonic() - began, op=progress.op))


@dataclass(kw_only=True)
class _Progress:
    """What is known of a step so far."""

    op: Op
    new: ResourceState | None
    why: Decision | None


def _describe(op: Op, subject: ResourceState, old: ResourceState | None, progress: _Progress) -> Step:
    new, why = progress.new, progress.why or planner.Decision(op="same")
    return Step(
        urn=subject.urn,
        type=subject.type,
        name=name_of(subject.urn),
        parent=subject.parent,
        op=op,
        old=old.inputs if old else None,
        new=new.inputs if new else None,
        replace_keys=why.keys,
        internal=planner.is_provider(subject),
        old_state=replace(old) if old else None,
        new_state=replace(new) if new else None,
        detailed_diff=why.details,
        diffs=why.diffs,
        provider=subject.provider,
    )


def _called(urn: str) -> str:
    return f"{urn.split('::')[2].rpartition('$')[2]} {name_of(urn)!r}"
