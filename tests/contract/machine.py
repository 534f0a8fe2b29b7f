"""The state machine: client and life cycle against the stand-in, with faults, strangers and crashes at every call.

Workers and their secrets are the other half, in `machine_workers`.

What must hold, whatever happens: nothing of a stranger is changed or deleted; no persistent branch is deleted; a name
is borne by one branch at most; every error is of our tree and holds no secret; and once the faults stop, the next
`ensure` has what was declared, made once.
"""

from __future__ import annotations

import json
import random
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from components.errors import InfraError, MissingError, NotReadyError, RefusedError
from components.xata.api.client import Client
from components.xata.branches.clock import Clock
from components.xata.branches.create import ensure_branch
from components.xata.branches.credentials import connect_when_ready, current, rotate
from components.xata.branches.names import PERSISTENT, is_preview
from components.xata.branches.ownership import marked_stack
from components.xata.branches.place import Place
from components.xata.branches.remove import delete_branch
from components.xata.branches.settings import apply
from components.xata.inputs import BranchIdentity, Settings
from tests.contract.chaos import Chaos, Fault, Killed
from tests.contract.machine_workers import WorkerRules, Workers
from tests.contract.standin import KEY, ORGANIZATION, StandIn
from tests.contract.tour import REGION, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

PARENTS = {"staging": "main", "production": "main", "dev": "staging", "pr-1": "staging", "pr-2": "staging"}
STRANGE_NAMES = (*PARENTS, "pr-1", "pr-2", "pr-1", "pr-2", "main", "precious", "PR-1 ", "a/b")
STRANGE_DESCRIPTIONS = (None, "made by hand", "infra stack other", "infra")
ACTS = ("create", "rename", "rename", "delete", "hibernate", "wake", "rotate", "describe")
STATUSES = (400, 401, 403, 404, 408, 409, 412, 423, 429, 500, 502, 503, 504)
WAIT_SECONDS = 40.0


@dataclass(frozen=True, kw_only=True)
class Act:
    """What a stranger does: to the branch that bears `name` at that moment, or with it."""

    what: str
    name: str
    other: str
    description: str | None


acts: SearchStrategy[Act] = st.builds(
    Act,
    what=st.sampled_from(ACTS),
    name=st.sampled_from(STRANGE_NAMES),
    other=st.sampled_from(STRANGE_NAMES),
    description=st.sampled_from(STRANGE_DESCRIPTIONS),
)
plain_faults = st.builds(
    lambda kind, status, after: (kind, status, after),
    st.sampled_from(
        ["status", "unsent", "cut", "late", "lost", "broken", "garbled", "told-500", "extra", "killed", "killed"]
    ),
    st.sampled_from(STATUSES),
    st.sampled_from(["", "1", "30", "Wed, 21 Oct 2026 07:28:00 GMT", "soon"]),
)
plans: SearchStrategy[list[Any]] = st.one_of(
    st.just([]),
    st.builds(
        lambda before, faults: [None] * before + faults,
        st.integers(0, 4),
        st.lists(st.one_of(plain_faults, plain_faults, acts), min_size=1, max_size=3),
    ),
)
names = st.sampled_from(sorted(PARENTS))
previews = st.sampled_from(["pr-1", "pr-2"])


@dataclass(kw_only=True)
class Time:
    """The one time of client, life cycle and stand-in: nobody waits."""

    seconds: float = 1_800_000_000.0

    def now(self) -> float:
        """The time."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


@dataclass(kw_only=True)
class World:
    """The service as somebody sees it who may look behind it, and what we have been told."""

    time: Time
    standin: StandIn
    http: httpx.Client
    project: str
    chaos: Chaos
    client: Client
    place: Place
    known: dict[str, str] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    untouched: dict[str, str] = field(default_factory=dict)
    meddled: set[str] = field(default_factory=set)
    wrongs: list[str] = field(default_factory=list)
    removing: str = ""

    @property
    def branches(self) -> dict[str, Any]:
        """What is there, by id."""
        return {one.id: one for one in self.standin.branches(self.project)}

    def named(self, name: str) -> Any:
        """The branch that bears this name; None."""
        return next((one for one in self.branches.values() if one.name == name), None)

    def clock(self) -> Clock:
        """The one time, as the life cycle wants it."""
        return Clock(now=self.time.now, wall=self.time.now, sleep=self.time.sleep)


def make_world() -> World:
    """An organization with a project and a root branch that somebody made by hand."""
    time = Time()
    standin = StandIn(
        clock=time.now,
        sleep=time.sleep,
        pace="time",
        hibernated=1.0,
        transient=2.0,
        secret=0.5,
        rotation=1.0,
        waking=1.0,
        restore_point=5.0,
    )
    http = standin.http()
    base = f"/organizations/{ORGANIZATION}/projects"
    project = http.post(base, json={"name": "warehouse-manager"}).json()["id"]
    world: World
    chaos = Chaos(standin.transport, forwarded=lambda request: _watch(world, request))
    client = Client(
        key=KEY,
        base_url="http://127.0.0.1:1",
        transport=chaos,
        clock=time.now,
        sleep=time.sleep,
        jitter=random.Random(1).random,  # noqa: S311 - jitter, no secret
        now=time.now,
    )
    world = World(
        time=time,
        standin=standin,
        http=http,
        project=project,
        chaos=chaos,
        client=client,
        place=Place(organization=ORGANIZATION, project=project),
    )
    stranger_acts(world, Act(what="create", name="main", other="", description="made by hand"))
    return world


def stranger_acts(world: World, act: Act) -> None:
    """Somebody else does something, with a key and a client of their own."""
    branches = f"/organizations/{ORGANIZATION}/projects/{world.project}/branches"
    if act.what == "create":
        body = {"name": act.name, "mode": "custom", "configuration": ROOT}
        answer = world.http.post(branches, json=body | ({"description": act.description} if act.description else {}))
        if answer.status_code == httpx.codes.CREATED:
            world.strangers.add(answer.json()["id"])
            world.untouched[answer.json()["id"]] = _face(world.branches[answer.json()["id"]])
        return
    found = world.named(act.name)
    if found is None or (act.name == "main" and act.what in {"delete", "rename"}):
        return
    url = f"{branches}/{found.id}"
    world.meddled.add(found.id)
    if act.what == "rename":
        world.http.patch(url, json={"name": act.other})
    elif act.what == "describe":
        world.http.patch(url, json={"description": act.description or "theirs"})
    elif act.what in {"hibernate", "wake"}:
        world.http.patch(url, json={"hibernate": act.what == "hibernate"})
    elif act.what == "rotate":
        world.http.post(f"{url}/credentials/rotate", json={"username": "xata"})
    else:
        world.http.delete(url)
    for branch in world.strangers & world.branches.keys():
        world.untouched[branch] = _face(world.branches[branch])


def _face(branch: Any) -> str:
    """All of a stranger's branch that we could spoil. Waking a sleeping parent is no spoiling: it sleeps again."""
    cluster = branch.cluster
    parts = (branch.name, branch.description, branch.parent, cluster.image, cluster.size, cluster.replicas)
    return repr((*parts, cluster.storage, cluster.scale, cluster.backup))


def _watch(world: World, request: httpx.Request) -> None:
    """Every request of ours that the service sees, judged at the moment it sees it."""
    parts = request.url.path.split("/branches/")
    if request.method == "GET" or len(parts) == 1:
        return
    branch_id, _, action = parts[1].partition("/")
    branch = world.branches.get(branch_id)
    if branch is None:
        return
    waking = request.method == "PATCH" and json.loads(request.content) == {"hibernate": False}
    if branch_id in world.strangers and not waking and action != "restore":
        world.wrongs.append(f"{request.method} {action} on a stranger's branch {branch.name!r}")
    if request.method == "DELETE" and branch_id not in world.meddled:
        if not is_preview(branch.name) or branch.name in PERSISTENT:
            world.wrongs.append(f"DELETE of {branch.name!r}")
        if branch.name != world.removing:
            world.wrongs.append(f"DELETE of {branch.name!r}, which was {world.removing!r} when it was recorded")
        if marked_stack(branch.description) is None:
            world.wrongs.append(f"DELETE of a branch without our mark: {branch.description!r}")


class Machine(WorkerRules):
    """Our program, its users and everybody else, in any order."""

    steps: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        """A service with a root branch, and an account without Workers."""
        self.world = make_world()
        self.workers = Workers()

    def url_of(self, name: str) -> str:
        """The URL of the branch as it is; of one that was never there, what somebody configured."""
        branch = self.world.named(name)
        return f"postgresql://xata:{branch.cluster.password if branch else 'configured'}@{name}.example/app"

    @rule(name=names, plan=plans)
    def ensure(self, name: str, plan: list[Any]) -> None:
        """`up` asks for a branch."""
        found = self._try(
            plan, lambda: ensure_branch(self.world.client, self.world.place, spec(name), clock=self._clock)
        )
        if found is not None:
            self.world.known[name] = found.branch.id

    @rule(name=names, plan=plans)
    def connect(self, name: str, plan: list[Any]) -> None:
        """`up` waits for a branch it has recorded, and reads its credentials."""
        self._with_known(
            name,
            plan,
            lambda branch: connect_when_ready(
                self.world.client, self.world.place, branch, timeout_seconds=WAIT_SECONDS, clock=self._clock
            ),
        )

    @rule(name=names, plan=plans)
    def refresh(self, name: str, plan: list[Any]) -> None:
        """`refresh` reads a branch it has recorded."""
        self._with_known(name, plan, lambda branch: current(self.world.client, self.world.place, branch))

    @rule(name=names, plan=plans, force=st.booleans())
    def rotate(self, name: str, plan: list[Any], force: bool) -> None:  # noqa: FBT001 - drawn by name
        """`rotate` gives a branch a new password."""
        branch = self.world.branches.get(self.world.known.get(name, ""))
        before = branch.cluster.password if branch else ""
        ready = self._with_known(
            name,
            plan,
            lambda branch: rotate(
                self.world.client,
                self.world.place,
                branch,
                old_password=before,
                force=force,
                timeout_seconds=WAIT_SECONDS,
                clock=self._clock,
            ),
        )
        if ready is not None:
            assert ready.endpoints.password != before, "the old password after a rotation"

    @rule(name=names, plan=plans, days=st.integers(2, 35), minutes=st.integers(1, 1440))
    def configure(self, name: str, plan: list[Any], days: int, minutes: int) -> None:
        """`up` applies settings and reads them back."""
        wanted = Settings(backup_retention_days=days, scale_to_zero_enabled=True, scale_to_zero_minutes=minutes)
        branch = self._with_known(
            name,
            plan,
            lambda branch: apply(
                self.world.client, self.world.place, branch, wanted, timeout_seconds=WAIT_SECONDS, clock=self._clock
            ),
        )
        if branch is not None:
            assert branch.backup_configuration.retention_days == days
            assert branch.scale_to_zero.minutes == minutes

    @rule(name=st.one_of(previews, names), plan=plans)
    def remove(self, name: str, plan: list[Any]) -> None:
        """`destroy` deletes a branch it has recorded, protected ones too."""
        self.world.removing = name
        gone = self._with_known(
            name,
            plan,
            lambda branch: (
                delete_branch(
                    self.world.client, self.world.place, branch, name=name, environment={}, clock=self._clock
                ),
            ),
        )
        if gone is not None:
            assert self.world.known.pop(name) not in self.world.branches

    @rule(act=acts)
    def stranger(self, act: Act) -> None:
        """Somebody else acts between two of our runs."""
        stranger_acts(self.world, act)

    @rule(name=previews, other=st.sampled_from(["pr-1", "pr-2", "precious"]))
    def rename(self, name: str, other: str) -> None:
        """Somebody renames a preview, perhaps to keep it."""
        stranger_acts(self.world, Act(what="rename", name=name, other=other, description=None))

    @rule(seconds=st.sampled_from([0.5, 5.0, 90.0, 4000.0, 90000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, and what was under way arrives."""
        self.world.time.sleep(seconds)
        self.world.chaos.deliver_late()

    @rule(name=names)
    def converge(self, name: str) -> None:
        """The faults stop: one `up` has everything that can be had, and a second one changes nothing."""
        self.world.chaos.plan.clear()
        self.world.chaos.deliver_late()
        for wanted in reversed(list(_line(name))):
            self._converges(wanted)

    @invariant()
    def nothing_is_wrong(self) -> None:
        """What must hold at any moment."""
        type(self).steps += 1
        world = getattr(self, "world", None)
        if world is None:
            return
        self.workers.judge()
        assert not world.wrongs, world.wrongs
        there = world.branches
        taken = [one.name for one in there.values()]
        assert len(taken) == len(set(taken)), f"two branches of one name: {sorted(taken)}"
        for branch in world.strangers & there.keys():
            assert _face(there[branch]) == world.untouched[branch], "a stranger's branch was changed"

    @property
    def _clock(self) -> Clock:
        return self.world.clock()

    def _with_known(self, name: str, plan: list[Any], work: Callable[[str], Any]) -> Any:
        branch = self.world.known.get(name)
        return None if branch is None else self._try(plan, lambda: work(branch))

    def _try(self, plan: list[Any], work: Callable[[], Any]) -> Any:
        """Run with faults. An error must be ours; a killed run has done what it has done."""
        world = self.world
        world.meddled.clear()
        before = world.branches
        world.chaos.plan = [self._fault(step) for step in plan]
        try:
            return work()
        except Killed:
            return None
        except InfraError as error:
            self._judge(error)
            return None
        finally:
            world.chaos.plan.clear()
            lost = {one.name for key, one in before.items() if key not in world.branches | dict.fromkeys(world.meddled)}
            assert not lost & PERSISTENT, f"deleted: {lost}"

    def _fault(self, step: Any) -> Fault | None:
        if isinstance(step, Act):
            return Fault(kind="stranger", act=lambda: stranger_acts(self.world, step))
        return None if step is None else Fault(kind=step[0], status=step[1], retry_after=step[2])

    def _judge(self, error: InfraError) -> None:
        """No secret in what a user, a log or an engine may show of an error."""
        told = "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(vars(error))
        for secret in (KEY, *self.world.standin.passwords()):
            assert secret not in told, f"a secret in {type(error).__name__}"

    def _converges(self, name: str) -> None:
        world = self.world
        occupant, parent = world.named(name), world.named(PARENTS[name])
        try:
            first = ensure_branch(world.client, world.place, spec(name), clock=self._clock)
            again = ensure_branch(world.client, world.place, spec(name), clock=self._clock)
        except RefusedError:
            assert occupant is not None, f"{name}: refused although the name is free"
            ours = marked_stack(occupant.description) == name
            assert not ours or occupant.parent != (parent.id if parent else None), f"{name}: ours, and refused"
            return
        except MissingError:
            assert parent is None
            return
        assert again.adopted
        assert first.branch.id not in world.strangers, f"{name}: a stranger's branch was taken over"
        assert first.branch.id == again.branch.id == world.named(name).id
        assert occupant is None or occupant.id == first.branch.id
        world.known[name] = first.branch.id
        try:
            connect_when_ready(world.client, world.place, first.branch.id, clock=self._clock)
        except NotReadyError:
            if not self._waits_in_vain(first.branch.id):
                raise

    def _waits_in_vain(self, branch_id: str) -> bool:
        """Whether a branch was never made because an ancestor is gone, or sleeps by hand, which only people may end."""
        there = self.world.branches
        branch = there[branch_id]
        while branch.life.blocked and branch.parent in there:
            branch = there[branch.parent]
        return bool(branch.life.blocked or (branch.id != branch_id and branch.life.asleep == "manual"))


def _line(name: str) -> Iterator[str]:
    """A branch of ours and those of its ancestors that are ours, too."""
    while name in PARENTS:
        yield name
        name = PARENTS[name]


def spec(name: str) -> BranchIdentity:
    """What our program declares for a branch."""
    return BranchIdentity(name=name, stack=name, region=REGION, parent=PARENTS[name])
