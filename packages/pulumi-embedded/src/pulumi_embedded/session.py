"""A session: everything between the start of the children and the last line of state.

An `up` that nobody has previewed goes through up to three passes, so that it refuses before anything is changed:

- hold: the program runs for real, and the pass ends before the first step that would change anything. An `up` that
  changes nothing ends here. What the pass has told so far is dropped, as the next ones tell it again.
- preview: what is wrong with the program, its properties or its protection is found here.
- real: everything else, and every `up` that was previewed.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from pulumi_embedded.api import Changes, LockWaiting, Message, Output, Result, StepFailed, StepFinished, StepStarted
from pulumi_embedded.deployment import Deployment
from pulumi_embedded.errors import EngineError
from pulumi_embedded.goal import STACK_TYPE
from pulumi_embedded.journal import Journal
from pulumi_embedded.planner import refuse_recorded
from pulumi_embedded.program import Program
from pulumi_embedded.project import load_config
from pulumi_embedded.provider_pool import ProviderPool
from pulumi_embedded.reads import StackReferences
from pulumi_embedded.steps import Steps, StoppedError
from pulumi_embedded.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_embedded.api import Event, Listener, Request
    from pulumi_embedded.processes import Child, ForkServer
    from pulumi_embedded.project import Project
    from pulumi_embedded.state import Store

Stage = Literal["hold", "preview", "real"]

_GRACE_SECONDS: Final = 5.0
"""How long running calls may take after an interrupt."""


@dataclass(kw_only=True, eq=False, repr=False)
class Session:
    """One run with everything it holds open.

    Attributes:
        request: What to do.
        listener: Who is told.
        project: What Pulumi.yaml says.
        store: The stack's, whose keys are on their way.
        server: Starts the children.
        exits: Closes everything.
    """

    request: Request
    listener: Listener
    project: Project
    store: Store
    server: ForkServer
    exits: contextlib.ExitStack

    def __post_init__(self) -> None:
        self._emit_lock = threading.Lock()
        self._kept: list[Event] | None = None
        self._interrupted = threading.Event()
        self._over = threading.Event()
        self._recorded: Mapping[str, Any] = {}
        self._changes = Changes()
        self._started = datetime.now(UTC)
        kind, wish = self.request.kind, self.request.refresh
        self._dry = self.request.dry_run or kind == "preview"
        self._refreshes = (self.project.refresh_always if wish is None else wish) or kind == "refresh"
        self._program: Program | None = None
        self._load()

    def _load(self) -> None:
        request = self.request
        if not self._dry:
            self.exits.enter_context(
                self.store.lock(timeout=request.lock_timeout, on_wait=self._on_wait, on_stale=self._on_stale)
            )
        self._snapshot = self.store.load()
        refuse_recorded(self._snapshot.resources)
        self._config = load_config(
            self.project, request.stack, overrides=request.config, crypter=self.store.decrypt_text
        )
        trust = Trust(Path(self._orders()["folder"]))
        if self._refreshes or request.kind in ("refresh", "destroy"):  # which ask providers before a program speaks
            trust.check_recorded(self._snapshot.resources)
        self._providers = ProviderPool(self._start_provider, trust, verbose=request.verbose)
        self.exits.callback(self._providers.stop)
        self._begin(self._passes()[0])

    # Passes.

    def _passes(self) -> list[Stage]:
        if self._dry:
            return ["preview"]
        if self.request.kind != "up" or self.request.previewed:
            return ["real"]
        return ["hold", "preview", "real"] if self._snapshot.resources else ["preview", "real"]

    def _begin(self, now: Stage) -> None:
        """Make everything ready for a pass over what is recorded, of which a pass without effect gets a copy."""
        self._stage: Stage = now
        self._trial = now != "real" and not self._dry
        self._kept = [] if self._trial else None
        self._providers.set_preview(now == "preview")
        snapshot = self._snapshot
        if now != "real":
            snapshot = replace(snapshot, resources=[replace(state) for state in snapshot.resources])
        self._journal = Journal(snapshot, self.store.save, writes=now == "real")
        self._steps = Steps(self._journal, self._emit, hold=now == "hold")
        if self._interrupted.is_set():
            self._steps.stopped.set()
        self._deployment = Deployment(
            journal=self._journal,
            steps=self._steps,
            providers=self._providers,
            references=StackReferences(self.project.name, self.store.sibling),
            config=self._config.values,
            stack=self.request.stack,
            project=self.project.name,
            preview=now == "preview",
            parallel=self.request.parallel,
        )

    def _decided(self) -> bool:
        """Whether this pass is the last one: it failed, or it did all there was to do."""
        if not self._trial or self._interrupted.is_set():
            return True
        return not self._steps.held if self._stage == "hold" else self._failed

    @property
    def _failed(self) -> bool:
        return bool(self._steps.errors) or self._steps.stopped.is_set() or self._interrupted.is_set()

    # Children.

    def _orders(self) -> dict[str, Any]:
        main = (self.project.folder / self.project.main).resolve()
        return {
            "folder": str(main if main.is_dir() else main.parent),
            "program": str(main),
            "project": self.project.name,
            "config": self._config.plain,
            "secret_keys": sorted(self._config.secret_keys),
        }

    def _start_provider(self, config: Mapping[str, str]) -> Child:
        return self.server.start("provider", {**self._orders(), "config": dict(config)}, self._on_line)

    # Events.

    def _emit(self, event: Event) -> None:
        """Tell an event; what a trial tells is kept, but for its look at reality, which is not repeated."""
        with self._emit_lock:
            if self._kept is None or _is_refresh(event):
                self.listener.on_event(event)
            else:
                self._kept.append(event)

    def _release(self) -> None:
        """Tell what a trial has kept: all of it when it was the whole run, else its messages and what failed."""
        with self._emit_lock:
            for event in self._kept or ():
                if not self._failed or isinstance(event, Message | StepFailed):
                    self.listener.on_event(event)
            self._kept = None

    def _on_line(self, line: str) -> None:
        self._emit(Message(severity="info", text=line))

    def _on_wait(self, holder: object) -> None:
        with self._emit_lock:
            self.listener.on_event(LockWaiting(holder=str(holder)))

    def _on_stale(self, holder: object) -> None:
        self._tell(f"The lock of {holder}, who is gone, is removed.")

    def _tell(self, warning: str) -> None:
        """Tell what concerns the run as a whole, whatever becomes of this pass."""
        with self._emit_lock:
            self.listener.on_event(Message(severity="warning", text=warning))

    # Work.

    def work(self) -> bool:
        """Do everything in a thread, so that an interrupt finds the main thread waiting; returns whether one came."""
        threading.Thread(target=self._conduct, name="deployment").start()
        try:
            self._over.wait()  # unlike join, it can be interrupted and waited for again
        except KeyboardInterrupt:
            self._interrupted.set()
            self._steps.stopped.set()
            self._tell("Interrupted: running steps may finish, nothing new begins.")
            if self._program is not None:
                self._program.wake()
            with contextlib.suppress(KeyboardInterrupt):  # a second one ends the patience
                self._over.wait(_GRACE_SECONDS)
            self._providers.stop()
            self._over.wait()
        return self._interrupted.is_set()

    def _conduct(self) -> None:
        try:
            passes = self._passes()
            self._look_at_unsettled()
            self._carry_through()
            for now in passes[1:]:
                if self._decided():
                    break
                self._begin(now)
                self._carry_through()
        finally:
            try:
                self._finish()
            finally:
                self._over.set()

    def _carry_through(self) -> None:
        try:
            self._phases()
        except StoppedError:
            pass  # what stopped it is noted
        except EngineError as error:
            self._steps.fail(str(error))
        except Exception as error:
            self._steps.fail(f"internal error of the engine: {error!r}")
            raise
        finally:
            self._deployment.ready.set()
            if self._program is not None:
                self._program.end()

    def _phases(self) -> None:
        kind, deployment = self.request.kind, self._deployment
        if kind in ("up", "preview"):
            self._program = self._start_program()
        if self._refreshes:
            deployment.refresh(count=kind == "refresh")
            self._snapshot = replace(self._snapshot, resources=self._journal.base)
            self._refreshes = False
        deployment.ready.set()
        if self._program is not None:
            self._program.wait()
        self._steps.check()
        if kind != "refresh":
            deployment.delete_rest()

    def _start_program(self) -> Program:
        orders = {
            **self._orders(),
            "root": self.project.folder.resolve(),
            "stack": self.request.stack,
            "parallel": self.request.parallel,
            "dry_run": self._stage == "preview",
            "verbose": self.request.verbose,
        }
        return Program(
            server=self.server,
            orders=orders,
            deployment=self._deployment,
            steps=self._steps,
            emit=self._emit,
            on_line=self._on_line,
        )

    def _look_at_unsettled(self) -> None:
        names = ", ".join(pending.resource.urn.rpartition("::")[2] for pending in self._journal.unsettled)
        if not names or self._dry:
            return
        text = f"An earlier run was cut off while it created {names}: look whether it exists."
        if self.request.kind == "refresh":
            self._journal.unsettled.clear()
            text += " The note about it is removed now."
        self._tell(text)

    def _finish(self) -> None:
        self._release()
        if self._trial and self._failed:  # refused before anything was changed: as in the CLI, nothing is recorded
            stack = next((state for state in self._snapshot.resources if state.type == STACK_TYPE), None)
            self._recorded = stack.outputs if stack else {}
            return
        self._recorded = dict(self._deployment.settle_outputs())
        self._changes = self._steps.changes
        if self._dry:
            return
        self._journal.writes = True  # also after a pass that had nothing to do
        try:
            self._journal.save()
            self.store.finish(
                kind=cast("Any", self.request.kind),
                started=self._started,
                result="failed" if self._failed else "succeeded",
                changes=asdict(self._changes),
                config=self._config.values,
            )
        except EngineError as error:
            self._steps.fail(str(error))

    def result(self, *, interrupted: bool, seconds: float) -> Result:
        """How it went."""
        errors = tuple(self._steps.errors)
        return Result(
            kind=self.request.kind,
            stack=self.request.stack,
            succeeded=not errors and not interrupted,
            interrupted=interrupted,
            changes=self._changes,
            outputs={key: Output.of(value) for key, value in self._recorded.items()},
            duration_seconds=seconds,
            errors=errors,
        )


def _is_refresh(event: Event) -> bool:
    return isinstance(event, StepStarted | StepFinished | StepFailed) and event.step.op == "refresh"
