"""One stack of the embedded engine without processes: real deployments and a real state file, on a world in memory.

Everything runs as in a session but for the program, which is a list of goals, and the provider, which is an object.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.api import StepFinished
from pulumi_embedded.deployment import Deployment
from pulumi_embedded.errors import EngineError
from pulumi_embedded.goal import STACK_TYPE, Goal, make_urn
from pulumi_embedded.journal import Journal
from pulumi_embedded.provider import Diff, ProviderError, UnansweredError
from pulumi_embedded.state import ResourceState, Snapshot, checkpoint, integrity
from pulumi_embedded.state.values import Values
from pulumi_embedded.steps import Bookkeeping, Steps, StoppedError
from pulumi_embedded.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STACK: Final = "dev"
PROJECT: Final = "random"
ROOT: Final = make_urn(STACK, PROJECT, "", STACK_TYPE, f"{PROJECT}-{STACK}")
FILE: Final = Path("dev.json")
Properties = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that ended, with the moments of its begin and end; `id` is empty where a creation failed."""

    method: str
    label: str
    id: str
    began: int
    ended: int
    last: bool


@dataclass(kw_only=True)
class World:
    """What exists, and a provider for it. `size` and `need…` force a replacement, `fixed` one that deletes first.

    The n-th call of a method fails as `faults` says: "fail" and "die" before it took effect, "die late" after. One that
    died gives no answer; a creation that took effect without one is found again by its label, as our real providers do
    it.

    Attributes:
        things: What exists, by id.
        unanswered: Ids of things whose creation was not answered.
        missing: Ids of things that somebody else removed, or whose deletion was not answered.
        announced: The operations that are recorded as pending, with the label: none takes effect without.
        log: The calls since the last look.
        last: Whether the program has ended.
    """

    things: dict[str, Properties] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    announced: set[tuple[str, str]] = field(default_factory=set)
    faults: Mapping[tuple[str, int], str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    log: list[Call] = field(default_factory=list)
    last: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    clock: Iterator[int] = field(default_factory=itertools.count)

    def check(self, _urn: str, _olds: Properties, news: Properties) -> tuple[Properties, list[tuple[str, str]]]:
        """Accept everything."""
        with self._call("check", news["label"]):
            return dict(news), []

    def diff(self, state: ResourceState, news: Properties, *, ignore: tuple[str, ...] = ()) -> Diff:
        """Compare the inputs, as a dynamic provider does, which is not told what to ignore."""
        del ignore
        with self._call("diff", news["label"]):
            changed, replaces = difference(state.inputs, news)
            return Diff(changes=bool(changed), replaces=tuple(replaces), delete_before_replace="fixed" in replaces)

    def create(self, new: ResourceState) -> tuple[str, Properties]:
        """Make a thing, or find the one that an unanswered call made."""
        label = new.inputs["label"]
        with self._call("create", label) as subject, self.lock:
            lost = sorted(id_ for id_ in self.unanswered if self.things[id_]["label"] == label)
            if not lost:
                self.made[label] = self.made.get(label, 0) + 1
            subject["id"] = id_ = lost[0] if lost else f"{label}-{self.made[label]}"
            self.unanswered.discard(id_)
            self.things[id_] = dict(new.inputs)
            if subject["fault"] == "die late":
                self.unanswered.add(id_)
        return id_, {**new.inputs, "token": f"token of {id_}"}

    def update(self, old: ResourceState, new: ResourceState) -> Properties:
        """Change a thing."""
        with self._call("update", new.inputs["label"], old.id), self.lock:
            if old.id not in self.things:
                raise ProviderError(f"{old.id} does not exist")
            self.things[old.id] = dict(new.inputs)
        return {**new.inputs, "token": old.outputs["token"]}

    def read(self, old: ResourceState) -> tuple[str, Properties, Properties]:
        """Look at a thing."""
        with self._call("read", old.inputs["label"], old.id), self.lock:
            found = self.things.get(old.id)
        return ("", {}, {}) if found is None else (old.id, dict(found), {**found, "token": f"token of {old.id}"})

    def delete(self, old: ResourceState) -> None:
        """Remove a thing that may be gone."""
        with self._call("delete", old.inputs["label"], old.id) as subject, self.lock:
            self.things.pop(old.id, None)
            if subject["fault"] == "die late":
                self.missing.add(old.id)

    @contextmanager
    def _call(self, method: str, label: str, id_: str = "") -> Iterator[dict[str, str]]:
        with self.lock:
            fault = self.faults.get((method, self.counts[method]), "")
            self.counts[method] += 1
        began, subject = next(self.clock), {"id": id_, "fault": fault}
        if fault == "fail":
            raise ProviderError(f"{method} of {label} refused")
        if fault == "die":
            raise UnansweredError(f"{method} of {label} unanswered")
        announced = (method.removesuffix("e") + "ing", label) in self.announced
        assert announced or method in ("check", "diff", "read"), f"{method} of {label} is not recorded as pending"
        yield subject
        self.log.append(
            Call(method=method, label=label, id=subject["id"], began=began, ended=next(self.clock), last=self.last)
        )
        if fault == "die late":
            raise UnansweredError(f"{method} of {label} unanswered after its work")


def difference(old: Properties, new: Properties) -> tuple[list[str], list[str]]:
    """The properties that differ, and those of them that force a replacement."""
    changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    return changed, [key for key in changed if key in ("size", "fixed") or key.startswith("need")]


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One resource of a program.

    Attributes:
        goal: What is registered, without what comes from others.
        takes: Properties that are another one's token: the property to that one's URN.
    """

    goal: Goal
    takes: Mapping[str, str] = field(default_factory=dict)

    def needs(self) -> set[str]:
        """The URNs of what is registered before."""
        return {*self.goal.dependencies, *self.takes.values(), self.goal.parent, self.goal.deleted_with} - {""}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run ended."""

    errors: list[str]
    steps: list[str]
    calls: list[Call]


@dataclass(kw_only=True)
class Rig:
    """One stack. Its state goes through the text of the state's file between two runs.

    Attributes:
        on_save: Judges every snapshot at the moment when it is saved.
    """

    world: World = field(default_factory=World)
    text: bytes = b""
    on_save: Callable[[Snapshot], None] = lambda _: None

    def snapshot(self) -> Snapshot:
        """What is recorded."""
        return checkpoint.decode(checkpoint.parse(self.text, FILE), Values(None), FILE) if self.text else Snapshot()

    def write(self, snapshot: Snapshot) -> None:
        """Record something."""
        parts = checkpoint.encode(snapshot, checkpoint.Texts(Values(None)), stack="organization/random/dev", salt="-")
        self.text = checkpoint.render(*parts)

    def unprotect(self) -> None:
        """Forget all protection, as `pulumi state unprotect --all` does."""
        snapshot = self.snapshot()
        self.write(replace(snapshot, resources=[replace(one, protect=False) for one in snapshot.resources]))

    def up(
        self,
        program: list[Registration] | None,
        *,
        faults: Mapping[tuple[str, int], str] | None = None,
        refresh: bool = False,
        parallel: int = 1,
    ) -> Ended:
        """Run a program, or destroy where there is none."""
        events: list[Any] = []
        saved: list[Snapshot] = []
        snapshot = self.snapshot()

        def save(made: Snapshot) -> None:
            assert integrity.problem(made.resources) is None
            self.on_save(made)
            pending = made.pending_operations
            self.world.announced = {(one.type, one.resource.inputs.get("label", "")) for one in pending}
            saved.append(made)

        journal = Journal(snapshot, save)
        steps = Steps(journal, events.append)
        deployment = self._deployment(journal, steps, parallel)
        self.world.faults, self.world.counts, self.world.last, self.world.log = faults or {}, Counter(), False, []
        try:
            if refresh:
                deployment.refresh(count=False)
            deployment.ready.set()
            if program is not None:
                _register(deployment, program, parallel)
            steps.check()
            self.world.last = True
            deployment.delete_rest()
        except StoppedError:
            pass
        except EngineError as error:
            steps.fail(str(error))
        deployment.settle_outputs()
        journal.save()
        self.world.faults = {}
        self.write(saved[-1])
        done = [event for event in events if isinstance(event, StepFinished) and not event.step.internal]
        told = [f"{event.op} {event.step.name}" for event in done if event.step.op != "refresh"]
        return Ended(errors=steps.errors, steps=told, calls=self.world.log)

    def _deployment(self, journal: Journal, steps: Steps, parallel: int) -> Deployment:
        references: Any = Bookkeeping()
        providers: Any = _Pool(self.world)
        return Deployment(
            journal=journal,
            steps=steps,
            providers=providers,
            references=references,
            config={},
            stack=STACK,
            project=PROJECT,
            preview=False,
            parallel=parallel,
        )


@dataclass(frozen=True)
class _Pool:
    """Gives the one provider there is."""

    world: World
    trust: Trust = field(default_factory=lambda: Trust(Path()))

    def get(self, _config: Mapping[str, Any]) -> World:
        return self.world


def _register(deployment: Deployment, program: list[Registration], parallel: int) -> None:
    """Register each resource when what it needs is there; `parallel` 1 keeps the order of the program."""
    settled: dict[str, Future[ResourceState]] = {}

    def register(one: Registration) -> ResourceState:
        before = {urn: settled[urn].result() for urn in sorted(one.needs())}
        taken = {key: before[urn].outputs["token"] for key, urn in one.takes.items()}
        goal = replace(one.goal, inputs={**one.goal.inputs, **taken})
        return deployment.register(goal)

    with ThreadPoolExecutor(max_workers=1 if parallel == 1 else max(len(program), 1)) as pool:
        for one in program:
            settled[one.goal.urn] = pool.submit(register, one)
    for future in settled.values():
        future.result()
