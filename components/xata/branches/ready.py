"""Waiting until a branch is healthy.

The service creates and changes branches in the background; GET is the only way to see how far it is
(`describeBranch` in the API document). Three of its answers do not mean what they say: HIBERNATED also stands for "not
made yet", FAULT for a phase it has no word for, and readable credentials for nothing but themselves.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from components.errors import AmbiguousError, BusyError, ConflictError, NotFoundError, NotReadyError
from components.xata.api.models import BranchPatch
from components.xata.branches.clock import SYSTEM, Deadline
from components.xata.branches.find import read_branch

if TYPE_CHECKING:
    from components.xata.api.client import Client
    from components.xata.api.models import Branch
    from components.xata.branches.clock import Clock
    from components.xata.branches.place import Place

DEFAULT_TIMEOUT = 600.0

GRACE_SECONDS = 60.0
"""As long HIBERNATED may mean "not made yet", and as long a fault may clear by itself."""

PARENT_SECONDS = 5.0
"""After this a child that is not made yet may be waiting for its parent to wake."""

OLD_SECONDS = 300.0
"""A branch of this age that is HIBERNATED sleeps."""

SAY_SECONDS = 10.0
"""How often is told what is waited for."""

SHORTEST_PAUSE, LONGEST_PAUSE, SHARE = 0.25, 5.0, 0.1


def wait_until_healthy(
    client: Client, place: Place, branch_id: str, *, timeout_seconds: float = DEFAULT_TIMEOUT, clock: Clock = SYSTEM
) -> Branch:
    """Look at a branch until it is healthy, waking it when it sleeps.

    Raises:
        GoneError: It was deleted.
        NotReadyError: The deadline came, or a fault lasted; the message tells the last state seen.
    """
    return until_healthy(client, place, branch_id, Deadline(timeout_seconds, clock))


def until_healthy(client: Client, place: Place, branch_id: str, deadline: Deadline) -> Branch:
    """The same as `wait_until_healthy`, within a deadline that has begun already."""
    watch = _Watch(client, place, deadline)
    while True:
        branch = read_branch(client, place, branch_id)
        if branch.status.kind == "healthy":
            return branch
        watch.see(branch)
        if not deadline.pause(pause_after(deadline.elapsed)):
            raise not_ready(branch, f"is not healthy after {deadline.elapsed:.0f} s")
        watch.say_waiting(branch)


def pause_after(waited: float) -> float:
    """Seconds to the next look: a tenth of what was waited, so that looking costs little and adds little."""
    return min(LONGEST_PAUSE, max(SHORTEST_PAUSE, SHARE * waited))


def not_ready(branch: Branch, problem: str, hint: str = "") -> NotReadyError:
    """What is said about a branch that does not get ready, with the last that was seen of it."""
    return NotReadyError(
        f"the branch {branch.name!r} ({branch.id}) {problem}: last seen {_state(branch)}",
        next_step=hint
        or "look at the branch in Xata's console; running it again goes on waiting, and infra:readyTimeoutSeconds "
        "gives it longer",
    )


def _state(branch: Branch) -> str:
    status = branch.status
    ready = f"{status.instance_ready_count} of {status.instance_count} instances ready"
    return f"{status.type_text} ({status.text!r}), {ready}"


class _Watch:
    """What the states of a branch mean in the order they are seen."""

    def __init__(self, client: Client, place: Place, deadline: Deadline) -> None:
        self._client, self._place, self._deadline = client, place, deadline
        self._kind, self._since = "", 0.0
        self._said = deadline.elapsed
        self._made = self._woken = self._looked = False
        self._sleeping_parent = ""
        self._orphan = False

    def see(self, branch: Branch) -> None:
        """Take note of a branch that is not healthy; wake what sleeps.

        Raises:
            NotReadyError: It cannot get ready any more.
        """
        kind = branch.status.kind
        if kind != self._kind:
            self._kind, self._since, self._woken = kind, self._deadline.elapsed, False
        lasted = self._deadline.elapsed - self._since
        if kind == "hibernated":
            self._see_sleep(branch, lasted)
        else:
            self._made = True
        if kind == "fault" and lasted >= GRACE_SECONDS:
            raise not_ready(branch, f"is at fault for {lasted:.0f} s")

    def say_waiting(self, branch: Branch) -> None:
        """Tell from time to time what is waited for, and for how long at most."""
        if self._deadline.elapsed - self._said >= SAY_SECONDS:
            self._said = self._deadline.elapsed
            waited = f"{self._said:.0f} of at most {self._deadline.seconds:.0f} s"
            sys.stderr.write(f"note: waiting for the branch {branch.name!r}: {_state(branch)}; {waited}\n")

    def _see_sleep(self, branch: Branch, lasted: float) -> None:
        if not self._woken and (self._made or lasted >= GRACE_SECONDS or self._is_old(branch)):
            self._woken = self._wake(branch)
        if branch.parent_id and not self._looked and lasted >= PARENT_SECONDS:
            self._looked = self._see_parent(branch.parent_id)
        if self._sleeping_parent and lasted >= GRACE_SECONDS:
            raise not_ready(
                branch,
                f"waits for its parent {self._sleeping_parent!r}, which was put to sleep by hand",
                f"wake {self._sleeping_parent} in Xata's console, then run it again",
            )
        if self._orphan and not self._made and lasted >= 2 * GRACE_SECONDS:
            raise not_ready(
                branch,
                "was not made: its parent was deleted before, and a call to wake it changed nothing",
                f"delete {branch.name} in Xata's console, where nothing is in it, then run it again",
            )

    def _see_parent(self, parent_id: str) -> bool:
        """A child is made once its parent is awake. One that sleeps by itself is woken: it goes back to sleep."""
        try:
            parent = self._client.branch(self._place.organization, self._place.project, parent_id)
        except NotFoundError:
            self._orphan = True
            return True
        if parent.status.kind != "hibernated" or not self._is_old(parent):
            return parent.status.kind == "healthy"
        if parent.scale_to_zero.enabled:
            return self._wake(parent)
        self._sleeping_parent = parent.name
        return True

    def _wake(self, branch: Branch) -> bool:
        with suppress(AmbiguousError, BusyError, ConflictError, NotFoundError):
            self._client.update_branch(
                self._place.organization, self._place.project, branch.id, BranchPatch(hibernate=False)
            )
            return True
        return False

    def _is_old(self, branch: Branch) -> bool:
        """By two clocks, ours and the service's: a wrong answer only wakes sooner or later."""
        return self._deadline.clock.wall() - branch.created_at.timestamp() > OLD_SECONDS
