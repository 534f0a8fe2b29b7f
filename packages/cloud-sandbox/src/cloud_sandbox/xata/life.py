"""How a branch's cluster grows up, sleeps and wakes, at the pace the settings ask for. Pure: no clock, no database.

HIBERNATED (nothing yet) -> TRANSIENT -> HEALTHY. A child of a parent that is not ready stays HIBERNATED until the
parent is. The secret and the first restore point come at their own time. Source: services/clusters/describe.go,
the branch operator's reconciler, and what was observed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cloud_sandbox.xata.models import Branch, Life, Wait

if TYPE_CHECKING:
    from cloud_sandbox.xata.settings import Settings

StatusType = Literal["HEALTHY", "TRANSIENT", "FAULT", "HIBERNATED"]

HEALTHY_PHASE = "Cluster in healthy state"
FIRST_PRIMARY_PHASE = "Setting up primary"
FAULT_PHASE = "Cluster is unrecoverable and needs manual intervention"
SECOND = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Status:
    """What the API tells about a cluster. `reported`: its instances are listed; `ready`: they serve."""

    kind: StatusType
    text: str
    reported: bool
    ready: bool


def wait(settings: Settings, amount: float, now: int) -> Wait:
    """A step that takes `amount` reads or seconds, as the pace says."""
    if settings.pace == "reads":
        return Wait(reads=int(amount))
    return Wait(due=now + round(amount * SECOND)) if settings.pace == "time" else Wait()


def start(settings: Settings, life: Life, now: int) -> None:
    """Let a new cluster begin: every step gets its end."""
    before = 0.0 if settings.pace == "reads" else settings.hibernated  # reads of one step do not count for the next
    life.started = wait(settings, settings.hibernated, now)
    life.healthy = wait(settings, before + settings.transient, now)
    life.secret = wait(settings, settings.secret, now)
    life.restorable = wait(settings, settings.restore_point, now)
    life.restorable_since = life.restorable.due or now
    life.used = max(life.healthy.due, now)
    life.blocked = False


def is_up(life: Life, now: int) -> bool:
    """Whether the cluster serves: grown up, awake, and without a fault."""
    grown = not life.blocked and life.started.over(now) and life.healthy.over(now)
    return grown and not life.asleep and not life.fault and not life.gone


def status(branch: Branch, now: int) -> Status:
    """What the API says about the branch at this moment."""
    life = branch.life
    if life.fault:
        kind, _, text = life.fault.partition(":")
        return Status(kind=kind or "FAULT", text=text.strip() or FAULT_PHASE, reported=True, ready=False)  # type: ignore[arg-type] # checked where it is set
    if life.asleep or life.blocked or not life.started.over(now):
        return Status(kind="HIBERNATED", text=HEALTHY_PHASE, reported=False, ready=False)
    if not life.healthy.over(now):
        phase = HEALTHY_PHASE if life.woken else FIRST_PRIMARY_PHASE
        return Status(kind="TRANSIENT", text=phase, reported=True, ready=False)
    return Status(kind="HEALTHY", text=HEALTHY_PHASE, reported=True, ready=True)


def count_read(branch: Branch, now: int) -> None:
    """One look at the branch is over: the next one may show the next step."""
    life = branch.life
    if life.blocked or life.asleep or life.fault:
        return
    if not life.started.over(now):
        life.started.read()
    else:
        life.healthy.read()


def has_secret(branch: Branch, now: int) -> bool:
    """Whether the credentials are readable."""
    return not branch.life.blocked and not branch.cluster.new_password and branch.life.secret.over(now)


def is_restorable(branch: Branch, now: int) -> bool:
    """Whether the first restore point exists."""
    return branch.cluster.backup is not None and not branch.life.blocked and branch.life.restorable.over(now)


def hibernate(branch: Branch, *, by: Literal["manual", "inactive"]) -> None:
    """Put the cluster to sleep."""
    branch.life.asleep = by


def wake(settings: Settings, branch: Branch, now: int) -> None:
    """Begin to wake a sleeping cluster; one that is awake stays as it is."""
    life = branch.life
    if not life.asleep:
        return
    life.asleep, life.woken = "", True
    life.started = Wait()
    life.healthy = wait(settings, settings.waking, now)
    life.used = max(now, life.healthy.due)


def is_inactive(settings: Settings, branch: Branch, now: int) -> bool:
    """Whether scale-to-zero is due: nobody was connected for as long as the branch's setting says."""
    scale, life = branch.cluster.scale, branch.life
    idle = now - life.used >= scale.minutes * 60 * SECOND
    return settings.sleep_when_inactive and scale.enabled and is_up(life, now) and idle
