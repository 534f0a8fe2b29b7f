"""What is recorded while a deployment runs, so that the state tells the truth after every step.

Resources of this run stand first, in the order they were finished; what has not been touched yet follows as it was.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pulumi_embedded.aliases import normalise
from pulumi_embedded.state import PendingOperation, Snapshot
from pulumi_embedded.values import same

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_embedded.state import ResourceState


class Journal:
    """The state of one run.

    Args:
        snapshot: What was recorded before.
        save: Writes a snapshot.

    Attributes:
        writes: Whether anything is written.
        unsettled: The creations that earlier runs were cut off in. This run settles one by making or finding the thing.
    """

    def __init__(self, snapshot: Snapshot, save: Callable[[Snapshot], None], *, writes: bool = True) -> None:
        self._snapshot = snapshot
        self._save = save
        self.writes = writes
        self.rebase(list(snapshot.resources))
        self.unsettled = [pending for pending in snapshot.pending_operations if pending.type == "creating"]
        self._new: list[ResourceState] = []
        self._done: set[int] = set()
        self._pending: dict[int, PendingOperation] = {}
        self._lock = threading.Lock()
        self._save_lock = threading.Lock()
        self._version = self._saved = 0

    def begin(self, state: ResourceState, operation: str) -> None:
        """Record that an operation is about to start."""
        with self._lock:
            self._pending[id(state)] = PendingOperation(resource=state, type=operation)
        self.save()

    def end(
        self,
        state: ResourceState,
        *,
        done: ResourceState | None = None,
        new: ResourceState | None = None,
        save: bool = True,
    ) -> None:
        """Record how an operation on `state` ended: `done` is not recorded any more, `new` is."""
        with self._lock:
            begun = self._pending.pop(id(state), None)
            if done is not None:
                self._done.add(id(done))
            if new is not None:
                self._new.append(new)
                self._settle(new, created=begun is not None and begun.type == "creating")
        if save:
            self.save()

    def _settle(self, new: ResourceState, *, created: bool) -> None:
        """Drop the note of a creation that has been done again, or that ended well in an earlier run."""
        for one in [one.resource for one in self.unsettled if one.resource.urn == new.urn]:
            if created or same(one.inputs, new.inputs):
                self.unsettled = [left for left in self.unsettled if left.resource is not one]

    def rebase(self, resources: list[ResourceState]) -> None:
        """Take what a refresh found as what was recorded before; nothing else may have happened yet."""
        self.base = resources
        self._by_urn = {state.urn: state for state in resources if not state.delete}

    def old(self, urn: str) -> ResourceState | None:
        """What was recorded about a resource before; copies that wait for their deletion do not count."""
        return self._by_urn.get(urn)

    def resources(self) -> list[ResourceState]:
        """What is recorded now."""
        return [state for state in [*self._new, *self.base] if id(state) not in self._done]

    def save(self) -> None:
        """Write the state; several threads that want this at the same time share one write."""
        if not self.writes:
            return
        with self._lock:
            self._version += 1
            mine = self._version
        with self._save_lock:
            if self._saved >= mine:
                return
            with self._lock:
                version = self._version
                snapshot = Snapshot(
                    resources=normalise(self.resources()),
                    pending_operations=[*self.unsettled, *self._pending.values()],
                    salt=self._snapshot.salt,
                    metadata=self._snapshot.metadata,
                    extra=self._snapshot.extra,
                )
            self._save(snapshot)
            self._saved = version
