"""The user's program on its way through one deployment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.monitor import EngineServices, Monitor
from pulumi_embedded.protocol import MESSAGE_LIMIT, engine_pb2_grpc, grpc, resource_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pulumi_embedded.api import Event
    from pulumi_embedded.deployment import Deployment
    from pulumi_embedded.processes import ForkServer
    from pulumi_embedded.steps import Steps

_FAREWELL_SECONDS: Final = 5.0
_SPARE_THREADS: Final = 16  # for logs and questions, while registrations wait for their resources


@dataclass(kw_only=True, eq=False, repr=False)
class Program:
    """Serves the program's calls and waits for its end.

    Attributes:
        server: Starts the process.
        orders: What the host needs besides the address: project, stack, configuration, program.
        deployment: Takes the registrations.
        steps: Knows whether the deployment has stopped.
        emit: Takes the program's messages.
        on_line: Takes what it prints.
    """

    server: ForkServer
    orders: Mapping[str, Any]
    deployment: Deployment
    steps: Steps
    emit: Callable[[Event], None]
    on_line: Callable[[str], None]

    def __post_init__(self) -> None:
        orders = self.orders
        self._services = EngineServices(self.emit, self.steps)
        root: Path = orders["root"]
        self._monitor = Monitor(
            self.deployment,
            self.steps,
            project=orders["project"],
            stack=orders["stack"],
            root=root,
            info={
                "config": orders["config"],
                "configSecretKeys": orders["secret_keys"],
                "dryRun": orders["dry_run"],
                "parallel": orders["parallel"],
            },
        )
        self._threads = ThreadPoolExecutor(max_workers=orders["parallel"] + _SPARE_THREADS)
        self._server = grpc.server(self._threads, options=MESSAGE_LIMIT)
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(self._monitor, self._server)
        engine_pb2_grpc.add_EngineServicer_to_server(self._services, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self._status: int | None = None
        orders = {**orders, "root": str(root), "address": f"127.0.0.1:{port}"}
        self._child = self.server.start("program", orders, self.on_line)
        self._waiter = threading.Thread(target=self._wait_for_exit, daemon=True)
        self._waiter.start()

    def wait(self) -> None:
        """Wait until the program has said that it is done, has ended, or the deployment has stopped."""
        if not self.steps.stopped.is_set():
            self._monitor.ended.wait()
        if self.steps.stopped.is_set() or self._monitor.done:
            return
        for message in self._services.errors:
            self.steps.fail(message, show=False)
        if not self._services.errors:
            self.steps.fail(f"The program ended (exit status {self._status}) before it was done.")

    def wake(self) -> None:
        """Let `wait` return."""
        self._monitor.ended.set()

    def end(self) -> None:
        """Wait for the process and stop serving it."""
        if not self.steps.stopped.is_set():
            self._waiter.join(_FAREWELL_SECONDS)
            if self._status:
                self.steps.fail(f"The program ended with exit status {self._status}.")
        self.deployment.drain()
        self._child.stop()
        self._server.stop(None).wait()
        self._threads.shutdown(wait=False)

    def _wait_for_exit(self) -> None:
        self._status = self._child.wait()
        self._monitor.ended.set()
