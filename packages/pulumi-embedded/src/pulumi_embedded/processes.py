"""The engine's children: the program and the server of dynamic providers, both started through `host.py`."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Self

from pulumi_embedded.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOST: Final = Path(__file__).parent / "host.py"
_STOP_SECONDS: Final = 2.0


class Child:
    """One child in a process group of its own, which never outlives the engine.

    It starts importing at once and gets its orders later, so that it gets ready while the engine gets ready itself.

    Args:
        python: The interpreter.
        environment: The whole environment.
    """

    def __init__(self, python: Path, *, environment: Mapping[str, str]) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the project's own Python on our own file
                [str(python), "-u", "-P", str(HOST)],  # -P: the host's folder is no place to import from
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C reaches the engine alone, which then decides
            )
        except OSError as error:
            raise EngineError(f"The Python {python} cannot be started: {error.strerror}.") from error
        self._stopped = False
        self._on_line: Callable[[str], None]
        self._answer: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._readers = [
            threading.Thread(target=self._read, args=(stream, first), daemon=True)
            for stream, first in ((self._process.stdout, True), (self._process.stderr, False))
        ]

    def order(
        self, role: Literal["program", "provider"], settings: Mapping[str, Any], on_line: Callable[[str], None]
    ) -> None:
        """Tell the child what it is; each line that it prints goes to `on_line`, from a thread."""
        self._on_line = on_line
        self._wants_answer = role == "provider"
        for reader in self._readers:
            reader.start()
        with contextlib.suppress(BrokenPipeError):  # it has died; whoever waits for it will see that
            stdin = self._stdin
            stdin.write(json.dumps({"role": role, **settings}).encode() + b"\n")
            stdin.flush()

    def answer(self) -> str | None:
        """The first line of a provider that is a number: its port; None when it ended before."""
        return self._answer.get()

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for the end of the child and of its output; returns the exit status, None when it still runs."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        for reader in self._readers:
            if reader.ident is not None:
                reader.join(_STOP_SECONDS)
        return status

    def stop(self) -> None:
        """End the child and everything it started in its group; the second time there is nothing left to end."""
        if self._stopped:
            return
        self._stopped = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        self.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                (stream or self._stdin).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe above
        return self._process.stdin

    def _read(self, stream: IO[bytes], first: bool) -> None:  # noqa: FBT001 - positional for Thread
        with contextlib.suppress(ValueError, OSError):  # closed by stop()
            awaited = first and self._wants_answer
            for line in stream:
                text = line.decode(errors="replace").rstrip("\n")
                if awaited and text.isdigit():
                    self._answer.put(text)
                    awaited = False
                else:
                    self._on_line(text)
            if awaited:
                self._answer.put(None)
