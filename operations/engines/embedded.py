"""The embedded engine as commands see it."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine import api
from engine.errors import UnsupportedError
from operations.engines.recorded import recorded, resources
from operations.workspace import acting_in, own_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.api import Kind, Listener, Output, Request, Result
    from engine.state import ResourceState
    from operations.engines.interface import Change, EngineName, EngineOptions
    from operations.engines.recorded import Recorded
    from operations.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class EmbeddedEngine:
    """Works on one stack in this process."""

    workspace: Workspace
    options: EngineOptions

    name: Final[EngineName] = "embedded"

    def change(self, kind: Change, listener: Listener) -> Result:
        """Carry a change out."""
        return self._run(kind, listener)

    def plan(self, kind: Change, listener: Listener) -> Result:
        """Say what a change would do: `up` is previewed, the others follow from what is recorded."""
        return self._run("preview", listener) if kind == "up" else self._recorded(kind, listener)

    def outputs(self) -> Mapping[str, Output]:
        """The outputs of the last deployment."""
        from engine import read_outputs  # noqa: PLC0415 - loads gRPC

        workspace = self.workspace
        return read_outputs(
            project_folder=workspace.folder,
            stack=workspace.stack,
            backend_url=workspace.backend_url,
            passphrase=self._passphrase(),
        )

    def recorded(self) -> tuple[Recorded, ...]:
        """What the last deployment recorded."""
        return recorded(self.workspace)

    def _run(self, kind: Kind, listener: Listener) -> Result:
        """Run the engine where it, the program and the providers know this run's environment and no other."""
        from engine import run  # noqa: PLC0415 - loads gRPC

        with acting_in(own_environment(self.workspace)):
            return run(self._request(kind), listener)

    def _request(self, kind: Kind) -> Request:
        workspace = self.workspace
        return api.Request(
            kind=kind,
            project_folder=workspace.folder,
            stack=workspace.stack,
            backend_url=workspace.backend_url,
            passphrase=self._passphrase(),
            config=workspace.overrides,
            python=Path(sys.executable),
            parallel=self.options.parallel,
            lock_timeout=self.options.lock_timeout,
            verbose=self.options.verbose,
        )

    def _passphrase(self) -> str:
        if self.workspace.passphrase is None:
            raise UnsupportedError(
                f"the embedded engine keeps state only in a folder (file://…), not in {self.workspace.backend_url}",
                next_step="install the Pulumi CLI: ./infra setup --pulumi",
            )
        return self.workspace.passphrase

    def _recorded(self, kind: Change, listener: Listener) -> Result:
        """Plan without the program: every recorded resource is deleted, or looked at."""
        started = time.monotonic()
        there = resources(self.workspace, self._passphrase())
        for resource in reversed(there):
            step = _step(resource, kind)
            listener.on_event(api.StepStarted(step=step))
            listener.on_event(api.StepFinished(step=step, seconds=0.0, op=step.op))
        count = len(there)
        return api.Result(
            kind="preview",
            stack=self.workspace.stack,
            succeeded=True,
            interrupted=False,
            changes=api.Changes(delete=count) if kind == "destroy" else api.Changes(same=count),
            outputs={},
            duration_seconds=time.monotonic() - started,
            errors=(),
        )


def _step(resource: ResourceState, kind: Change) -> api.Step:
    return api.Step(
        urn=resource.urn,
        type=resource.type,
        name=resource.urn.rpartition("::")[2],
        parent=resource.parent,
        op="delete" if kind == "destroy" else "same",
        old=resource.inputs,
    )
