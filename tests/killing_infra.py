"""Real `./infra`, killed with everything it started at a moment that a test chooses."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

from tests.clone import with_own_children
from tests.sandboxed import ENGINE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.sandboxed import Sandboxed


def killed_when(
    reached: Callable[[], bool],
    sandboxed: Sandboxed,
    command: str,
    stack: str,
    *options: str,
    allowed: dict[str, str],
    how: signal.Signals = signal.SIGKILL,
) -> bool:
    """Run a command and end it once the moment has come; False when it ended before.

    Args:
        reached: Whether the moment has come.
        sandboxed: The clone and its sandbox.
        command: Such as `up`.
        stack: Whose.
        options: More of the command line.
        allowed: Further environment variables.
        how: SIGKILL takes everything that it started along; SIGINT is Ctrl-C.
    """
    words = (command, stack, "--sandbox", "--yes", *ENGINE, *options)
    return killed(reached, sandboxed.clone.folder, words, sandboxed.clone.environment(**allowed), how)


def killed(
    reached: Callable[[], bool],
    folder: Path,
    words: Sequence[str],
    environment: Mapping[str, str],
    how: signal.Signals = signal.SIGKILL,
) -> bool:
    """Run a command line in a clone's folder and end it once the moment has come; False when it ended before."""
    process = subprocess.Popen(
        [folder / "infra", *words],
        cwd=folder,
        env=with_own_children(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None and not reached():
            time.sleep(0.02)
        alive = process.poll() is None
        if alive and how is not signal.SIGKILL:
            process.send_signal(how)
            process.wait(60)
        return alive
    finally:
        if process.poll() is None:
            _kill_all(process)


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
        for one in (psutil.Process(process.pid), *children):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(children, timeout=20)
    process.wait()
