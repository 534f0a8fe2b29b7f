"""The embedded engine as commands see it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from operations import console
from operations.engines.recorded import configuration, drop, recorded, unsettled
from operations.workspace import acting_in, own_environment, scheme
from pulumi_embedded import api
from pulumi_embedded.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operations.engines.interface import Change, EngineName, EngineOptions
    from operations.engines.recorded import Holder, Recorded
    from operations.workspace import Workspace
    from pulumi_embedded.api import Kind, Listener, Output, Request, Result


@dataclass(frozen=True, kw_only=True)
class EmbeddedEngine:
    """Works on one stack in this process."""

    workspace: Workspace
    options: EngineOptions

    name: Final[EngineName] = "embedded"

    def change(self, kind: Change, listener: Listener, *, previewed: bool = False) -> Result:
        """Carry a change out."""
        return self._run(kind, listener, previewed=previewed)

    def plan(self, kind: Change, listener: Listener) -> Result:
        """Say what a change would do."""
        if kind == "up":
            return self._run("preview", listener)
        return replace(self._run(kind, listener, dry_run=True), kind="preview")

    def preview(self, listener: Listener) -> tuple[Result, dict[str, Any]]:
        """Say what `up` would do, with the document that the CLI would print."""
        from operations.display.digest import Digest

        digest = Digest(listener)
        result = self._run("preview", digest)
        return result, digest.document(result, configuration(self.workspace, self._passphrase()))

    def outputs(self) -> Mapping[str, Output]:
        """The outputs of the last deployment."""
        from pulumi_embedded import read_outputs

        workspace = self.workspace
        return read_outputs(
            project_folder=workspace.folder,
            stack=workspace.stack,
            backend_url=workspace.backend_url,
            passphrase=self._passphrase(),
        )

    def unsettled(self) -> tuple[Recorded, ...]:
        """The creations that earlier runs were cut off in."""
        return unsettled(self.workspace)

    def remove(self, *, settled: bool = False) -> bool:
        """Forget the stack."""
        from pulumi_embedded import forget

        self._require_folder()
        return forget(
            project_folder=self.workspace.folder,
            stack=self.workspace.stack,
            backend_url=self.workspace.backend_url,
            lock_timeout=self.options.lock_timeout,
            on_wait=lambda holder: console.say(f"waiting: the stack is in use by {holder}"),
            settled=settled,
        )

    def drop(self, package: str) -> None:
        """Forget what a provider plugin has made."""
        self._require_folder()
        drop(self.workspace, self._passphrase(), package, lock_timeout=self.options.lock_timeout)

    def holders(self) -> tuple[Holder, ...] | None:
        """Who holds the stack's lock."""
        from operations.engines import recorded

        self._require_folder()
        return recorded.holders(self.workspace)

    def unlock(self, holders: tuple[Holder, ...]) -> None:
        """Remove these locks, and none that somebody has taken since."""
        from pulumi_embedded.state.lock import remove

        for holder in holders:
            remove(holder.lock)

    def recorded(self) -> tuple[Recorded, ...]:
        """What the last deployment recorded."""
        return recorded(self.workspace)

    def _run(self, kind: Kind, listener: Listener, *, dry_run: bool = False, previewed: bool = False) -> Result:
        """Run the engine where it, the program and the providers know this run's environment and no other."""
        from pulumi_embedded import run

        with acting_in(own_environment(self.workspace)):
            return run(replace(self._request(kind), dry_run=dry_run, previewed=previewed), listener)

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
            raise self._out_of_reach()
        return self.workspace.passphrase

    def _require_folder(self) -> None:
        if self.workspace.state_folder is None:
            raise self._out_of_reach()

    def _out_of_reach(self) -> UnsupportedError:
        kind = scheme(self.workspace.backend_url)
        return UnsupportedError(
            f"the embedded engine keeps state in a folder only (file://…), not in a {kind}:// backend",
            next_step="install the Pulumi CLI, which reaches it: ./infra setup --pulumi",
        )
