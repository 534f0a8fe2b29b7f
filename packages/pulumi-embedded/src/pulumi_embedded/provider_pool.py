"""One server of dynamic providers for each configuration a run needs: nearly always one."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from pulumi_embedded.provider import Provider
from pulumi_embedded.values import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pulumi_embedded.processes import Child
    from pulumi_embedded.trust import Trust


class ProviderPool:
    """Starts providers when they are first needed.

    A provider keeps its configuration for life. What is read or deleted is configured as it is recorded, what is
    registered as the stack is configured now; the two differ in the first run after a change of configuration.

    Args:
        start: Starts a child and gives it its orders, with the configuration.
        trust: Decides which providers may be run.
        verbose: Whether errors come with their traceback.
    """

    def __init__(self, start: Callable[[Mapping[str, str]], Child], trust: Trust, *, verbose: bool) -> None:
        self._start = start
        self.trust = trust
        self._preview = False
        self._verbose = verbose
        self._lock = threading.Lock()
        self._providers: dict[str, Provider] = {}

    def get(self, config: Mapping[str, Any]) -> Provider:
        """The provider that has this configuration."""
        values = plain(dict(config))
        key = json.dumps(values, sort_keys=True)
        with self._lock:
            if key not in self._providers:
                self._providers[key] = Provider(self._start(values), values, self.trust, verbose=self._verbose)
            self._providers[key].preview = self._preview
            return self._providers[key]

    def set_preview(self, preview: bool) -> None:  # noqa: FBT001 - the one thing there is to set
        """Say what the next pass of the run is; it uses the same servers."""
        self._preview = preview

    def stop(self) -> None:
        """End all servers, also in the middle of calls."""
        with self._lock:
            for provider in self._providers.values():
                provider.stop()
