"""A session: everything between the start of the children and the last line of state."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from engine.api import LockWaiting, Message, Output, Result
from engine.deployment import Deployment
from engine.errors import EngineError
from engine.journal import Journal
from engine.planner import refuse_recorded
from engine.program import Program
from engine.project import load_config
from engine.provider_pool import ProviderPool
from engine.steps import Steps, StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.api import Event, Listener, Request
    from engine.processes import Child
    from engine.project import Project
    from engine.state import Store

_GRACE_SECONDS: Final = 5.0
"""How long running calls may take after an interrupt."""


class Session:
    """One run with everything it holds open.

    Args:
        request: What to do.
        listener: Who is told.
        project: What Pulumi.yaml says.
        store: The stack's, whose keys are on their way.
        spawn: Starts a child, which waits for its orders.
        children: Those that were started already: a provider's, and a program's where one is to run.
        exits: Closes everything.
    """

    def __init__(
        self,
        request: Request,
        listener: Listener,
        *,
        project: Project,
        store: Store,
        spawn: Callable[[], Child],
        children: list[Child],
        exits: contextlib.ExitStack,
    ) -> None:
        self._request = request
        self._spawn = spawn
        self._children = children
        self._exits = exits
        self._listener = listener
        self._project = project
        self._store = store
        self._emit_lock = threading.Lock()
        self._over = threading.Event()
        self._recorded: dict[str, Any] = {}
        self._started = datetime.now(UTC)
        self._preview = request.kind == "preview"
        always = self._project.refresh_always
        self._refreshes = always if request.refresh is None else request.refresh
        self._program: Program | None = None
        self._load()

    def _load(self) -> None:
        request = self._request
        if not self._preview:
            self._exits.enter_context(
                self._store.lock(timeout=request.lock_timeout, on_wait=self._on_wait, on_stale=self._on_stale)
            )
        snapshot = self._store.load()
        refuse_recorded(snapshot.resources)
        self._config = load_config(
            self._project, request.stack, overrides=request.config, crypter=self._store.decrypt_text
        )
        self._journal = Journal(snapshot, None if self._preview else self._store.save)
        self._steps = Steps(self._journal, self._emit)
        self._providers = ProviderPool(self._start_provider, preview=self._preview, verbose=request.verbose)
        self._exits.callback(self._providers.stop)
        self._deployment = Deployment(
            journal=self._journal,
            steps=self._steps,
            providers=self._providers,
            config=self._config.values,
            stack=request.stack,
            project=self._project.name,
            preview=self._preview,
            parallel=request.parallel,
        )

    # Children.

    def _orders(self) -> dict[str, Any]:
        main = (self._project.folder / self._project.main).resolve()
        return {
            "folder": str(main if main.is_dir() else main.parent),
            "program": str(main),
            "project": self._project.name,
            "config": self._config.plain,
            "secret_keys": sorted(self._config.secret_keys),
        }

    def _start_provider(self, config: Mapping[str, str]) -> Child:
        if not self._children:
            self._children.append(self._spawn())
        child = self._children.pop()
        child.order("provider", {**self._orders(), "config": dict(config)}, self._on_line)
        return child

    # Events.

    def _emit(self, event: Event) -> None:
        with self._emit_lock:
            self._listener.on_event(event)

    def _on_line(self, line: str) -> None:
        self._emit(Message(severity="info", text=line))

    def _on_wait(self, holder: object) -> None:
        self._emit(LockWaiting(holder=str(holder)))

    def _on_stale(self, holder: object) -> None:
        self._emit(Message(severity="warning", text=f"The lock of {holder}, who is gone, is removed."))

    # Work.

    def work(self) -> bool:
        """Do everything in a thread, so that an interrupt finds the main thread waiting; returns whether one came."""
        threading.Thread(target=self._conduct, name="deployment").start()
        try:
            self._over.wait()  # unlike join, it can be interrupted and waited for again
        except KeyboardInterrupt:
            self._emit(Message(severity="warning", text="Interrupted: running steps may finish, nothing new begins."))
            self._steps.stopped.set()
            if self._program is not None:
                self._program.wake()
            with contextlib.suppress(KeyboardInterrupt):  # a second one ends the patience
                self._over.wait(_GRACE_SECONDS)
            self._providers.stop()
            self._over.wait()
            return True
        return False

    def _conduct(self) -> None:

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
            try:
                if self._program is not None:
                    self._program.end()
                self._finish()
            finally:
                self._over.set()

    def _phases(self) -> None:
        kind, deployment = self._request.kind, self._deployment
        if kind in ("up", "preview"):
            self._program = self._start_program()
        self._look_at_unsettled()
        if self._refreshes or kind == "refresh":
            deployment.refresh(count=kind == "refresh")
        deployment.ready.set()
        if self._program is not None:
            self._program.wait()
        self._steps.check()
        if kind != "refresh":
            deployment.delete_rest()

    def _start_program(self) -> Program:
        orders = {
            **self._orders(),
            "root": self._project.folder.resolve(),
            "stack": self._request.stack,
            "parallel": self._request.parallel,
            "dry_run": self._preview,
            "verbose": self._request.verbose,
        }
        return Program(
            self._children.pop(0),
            orders,
            deployment=self._deployment,
            steps=self._steps,
            emit=self._emit,
            on_line=self._on_line,
        )

    def _look_at_unsettled(self) -> None:
        names = ", ".join(pending.resource.urn.rpartition("::")[2] for pending in self._journal.unsettled)
        if not names or self._preview:
            return
        text = f"An earlier run was cut off while it created {names}: look whether it exists."
        if self._request.kind == "refresh":
            self._journal.unsettled.clear()
            text += " The note about it is removed now."
        self._emit(Message(severity="warning", text=text))

    def _finish(self) -> None:
        self._recorded = dict(self._deployment.settle_outputs())
        if self._preview:
            return
        try:
            self._journal.save()
            self._store.finish(
                kind=cast("Any", self._request.kind),
                started=self._started,
                result="failed" if self._steps.errors or self._steps.stopped.is_set() else "succeeded",
                changes=asdict(self._steps.changes),
                config=self._config.values,
            )
        except EngineError as error:
            self._steps.fail(str(error))

    def result(self, *, interrupted: bool, seconds: float) -> Result:
        """How it went."""
        errors = tuple(self._steps.errors)
        return Result(
            kind=self._request.kind,
            stack=self._request.stack,
            succeeded=not errors and not interrupted,
            interrupted=interrupted,
            changes=self._steps.changes,
            outputs={key: Output.of(value) for key, value in self._recorded.items()},
            duration_seconds=seconds,
            errors=errors,
        )
