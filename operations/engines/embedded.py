"""The embedded engine as commands see it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine import api
from engine.errors import UnsupportedError
from operations.workspace import NOT_FOR_CHILDREN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.api import Kind, Listener, Output, Request, Result
    from engine.state import ResourceState
    from operations.engines.interface import Change, EngineName, EngineOptions
    from operations.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class EmbeddedEngine:
    """Works on one stack in this process."""

    workspace: Workspace
    options: EngineOptions

    name: Final[EngineName] = "embedded"

    def change(self, kind: Change, listener: Listener) -> Result:
        """Carry a change out."""
        from engine import run  # noqa: PLC0415 - loads gRPC

        for name in NOT_FOR_CHILDREN:
            os.environ.pop(name, None)
        return run(self._request(kind), listener)

    def plan(self, kind: Change, listener: Listener) -> Result:
        """Say what a change would do: `up` is previewed, the others follow from what is recorded."""
        if kind == "up":
            from engine import run  # noqa: PLC0415 - loads gRPC

            return run(self._request("preview"), listener)
        return self._recorded(kind, listener)

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
            environment={"PULUMI_BACKEND_URL": workspace.backend_url},  # absolute, wherever the command was called
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
        from engine.project import load_project, read_salt  # noqa: PLC0415 - not before it is needed
        from engine.state import Store  # noqa: PLC0415 - loads cryptography

        started = time.monotonic()
        workspace = self.workspace
        project = load_project(workspace.folder)
        store = Store(
            workspace.backend_url,
            project.name,
            workspace.stack,
            self._passphrase(),
            folder=workspace.folder,
            config_salt=read_salt(project, workspace.stack),
        )
        resources = [one for one in store.load().resources if not one.type.startswith("pulumi:providers:")]
        for resource in reversed(resources):
            step = _step(resource, kind)
            listener.on_event(api.StepStarted(step=step))
            listener.on_event(api.StepFinished(step=step, seconds=0.0, op=step.op))
        count = len(resources)
        return api.Result(
            kind="preview",
            stack=workspace.stack,
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
