"""The functions of the engine.

They import what they need when they are called: importing the engine stays quick, and the server of a run's children
imports Pulumi while the engine itself imports gRPC, derives the key and reads the state.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Final

from pulumi_embedded.api import Output, Silent
from pulumi_embedded.processes import ForkServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pulumi_embedded.api import Listener, Request, Result
    from pulumi_embedded.project import Project
    from pulumi_embedded.state import Store
    from pulumi_embedded.state.lock import LockHolder

_STACK_TYPE: Final = "pulumi:pulumi:Stack"


def run(request: Request, listener: Listener | None = None) -> Result:
    """Do what is requested; what prevents the start is raised, what fails later is in the result."""
    began = time.monotonic()
    environment = {**os.environ, **request.environment, "INFRA_ENGINE": "embedded"}
    with contextlib.ExitStack() as exits:
        server = exits.enter_context(ForkServer(request.python, environment=environment))
        project, store = _open(request.project_folder, request.stack, request.backend_url, request.passphrase)
        store.warm_up()
        from pulumi_embedded.session import Session  # noqa: PLC0415 - imports gRPC while the key is derived

        session = Session(
            request=request,
            listener=listener or Silent(),
            project=project,
            store=store,
            server=server,
            exits=exits,
        )
        interrupted = session.work()
        return session.result(interrupted=interrupted, seconds=time.monotonic() - began)


def read_outputs(*, project_folder: Path, stack: str, backend_url: str, passphrase: str) -> Mapping[str, Output]:
    """Read a stack's recorded outputs."""
    _, store = _open(project_folder, stack, backend_url, passphrase)
    recorded = next((state for state in store.load().resources if state.type == _STACK_TYPE), None)
    return {key: Output.of(value) for key, value in recorded.outputs.items()} if recorded else {}


def forget(
    *,
    project_folder: Path,
    stack: str,
    backend_url: str,
    lock_timeout: float,
    on_wait: Callable[[LockHolder], None],
    settled: bool = False,
) -> bool:
    """Remove everything that is kept of a stack; False where there was nothing. Needs no passphrase.

    Args:
        project_folder: Where Pulumi.yaml lies.
        stack: The stack's name.
        backend_url: "file://…".
        lock_timeout: Seconds to wait for somebody else who works on the stack.
        on_wait: Called once for each holder that is waited for.
        settled: Whether somebody has looked for what creations that were cut off have left, so that their notes may go.

    Raises:
        HeldError: The state holds resources.
        LockedError: Somebody else works on it.
    """
    from pulumi_embedded.project import load_project  # noqa: PLC0415 - see above
    from pulumi_embedded.state import Store  # noqa: PLC0415 - see above

    # The stack's file is of no interest: it may be gone.
    project = load_project(project_folder)
    store = Store(backend_url, project.name, stack, "", folder=project.folder, config_salt=None)
    if store.held() is None:
        return False
    with store.lock(timeout=lock_timeout, on_wait=on_wait):
        return store.forget(settled=settled)


def _open(project_folder: Path, stack: str, backend_url: str, passphrase: str) -> tuple[Project, Store]:
    from pulumi_embedded.project import load_project, read_salt  # noqa: PLC0415 - see above
    from pulumi_embedded.state import Store  # noqa: PLC0415 - see above

    project = load_project(project_folder)
    salt = read_salt(project, stack)
    return project, Store(backend_url, project.name, stack, passphrase, folder=project.folder, config_salt=salt)
