"""The engine's children: the program and the server of dynamic providers, both started through forkserver.py."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pulumi_embedded.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Role = Literal["program", "provider"]

WAY = "fork" if sys.platform == "linux" else "spawn"
"""macOS's frameworks, which gRPC and the look-up of proxies use, fail in a process that was forked and no more."""
SERVER: Final = Path(__file__).with_name("forkserver.py")
SHARED: Final = "PULUMI_EMBEDDED_FORKSERVER"
"""The variable that names a server which many runs share: its Python's environment and its socket, joined by "="."""
_NO_HANDLERS: Final = {"GRPC_ENABLE_FORK_SUPPORT": "0"}
"""gRPC's only complain, on the console, about programs that providers start; the server forks before gRPC begins."""
_STOP_SECONDS: Final = 2.0


class Child:
    """One child in a process group of its own, which never outlives the engine.

    Args:
        on_line: Takes each line that the child prints, from a thread.
        answers: Whether its first line that is a number is an answer: a provider's port.

    Attributes:
        descriptors: What the child is to have as standard input, output and error; whoever hands them on closes them.
    """

    def __init__(self, on_line: Callable[[str], None], *, answers: bool) -> None:
        (stdin, orders), *outputs = (os.pipe() for _ in range(3))
        self.descriptors = [stdin, *(write for _, write in outputs)]
        self._orders = os.fdopen(orders, "wb")
        self._on_line = on_line
        self._answer: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._number: Future[int | None] = Future()
        self._status: Future[int | None] = Future()
        self._stopped = False
        self._readers = [
            threading.Thread(target=self._read, args=(read, answers and not index), daemon=True)
            for index, (read, _) in enumerate(outputs)
        ]

    def order(self, orders: Mapping[str, Any]) -> None:
        """Tell the child what it is."""
        for reader in self._readers:
            reader.start()
        with contextlib.suppress(BrokenPipeError):  # it has died; whoever waits for it will see that
            self._orders.write(json.dumps(orders).encode() + b"\n")
            self._orders.flush()

    def answer(self) -> str | None:
        """A provider's port; None when it ended before it had one."""
        return self._answer.get()

    def began(self, number: int) -> None:
        """The server has started it."""
        self._number.set_result(number)

    def ended(self, status: int | None) -> None:
        """It has ended; None: or the server has, before it could start it or tell how it ended."""
        if not self._number.done():
            self._number.set_result(None)
        self._status.set_result(status)

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for the end of the child and of its output; returns the exit status, None when it still runs."""
        try:
            status = self._status.result(seconds)
        except TimeoutError:
            return None
        for reader in self._readers:
            reader.join(_STOP_SECONDS)
        return status

    def stop(self) -> None:
        """End the child and everything it started in its group; the second time there is nothing left to end."""
        if self._stopped:
            return
        self._stopped = True
        with contextlib.suppress(TimeoutError):  # what has not begun ends with its server
            self._end(self._number.result(_STOP_SECONDS))
        with contextlib.suppress(OSError):
            self._orders.close()

    def _end(self, group: int | None) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if group is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, number)
            self.wait(_STOP_SECONDS)

    def _read(self, descriptor: int, awaited: bool) -> None:  # noqa: FBT001 - positional for Thread
        with os.fdopen(descriptor, errors="replace", newline="\n") as stream:
            for line in stream:
                text = line.rstrip("\n")
                if awaited and text.isdigit():
                    self._answer.put(text)
                    awaited = False
                else:
                    self._on_line(text)
        if awaited:
            self._answer.put(None)


class ForkServer:
    """Starts the children of one run; it loads Pulumi for all of them, while the engine gets ready itself.

    Args:
        python: The interpreter.
        environment: The children's whole environment.
    """

    def __init__(self, python: Path, *, environment: Mapping[str, str]) -> None:
        self._environment = {**environment, **_NO_HANDLERS}
        self._lock = threading.Lock()
        self._over = False
        self._wanted: deque[Child] = deque()
        self._begun: dict[int, Child] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = _shared(python, environment) or self._own(python)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(self, role: Role, settings: Mapping[str, Any], on_line: Callable[[str], None]) -> Child:
        """Start a child and tell it what it is; each line that it prints goes to `on_line`, from a thread."""
        child = Child(on_line, answers=role == "provider")
        with self._lock:
            if self._over:
                child.ended(None)
            else:
                self._wanted.append(child)
                with contextlib.suppress(OSError):  # it has just ended, which the listener is about to find
                    socket.send_fds(self._socket, [b"+"], child.descriptors)
        for descriptor in child.descriptors:
            os.close(descriptor)
        child.order({"role": role, "environment": self._environment, **settings})
        return child

    def stop(self) -> None:
        """End the server and what still runs of its children."""
        for child in [*self._begun.values()]:
            child.stop()
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._listener.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _own(self, python: Path) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as exits:
            exits.callback(ours.close)
            self._process = _serve(WAY, theirs, python, self._environment)
            exits.pop_all()
        return ours

    def _listen(self) -> None:
        with contextlib.suppress(OSError), self._socket.makefile() as lines:
            for line in lines:
                number, *status = map(int, line.split())
                if status:
                    self._begun.pop(number).ended(status[0])
                else:
                    self._begun[number] = self._wanted.popleft()
                    self._begun[number].began(number)
        with self._lock:
            self._over = True
        for child in (*self._wanted, *self._begun.values()):
            child.ended(None)


@contextlib.contextmanager
def shared_forkserver() -> Iterator[None]:
    """Let the runs of this process, and of those that it starts, take their children from one server.

    It is for test suites: Pulumi is loaded once for all runs, in this process's Python; runs in another one, with a
    PYTHONPATH, or on machines other than Linux, go on without it.
    """
    if WAY == "spawn":
        yield
        return
    with tempfile.TemporaryDirectory(prefix="pulumi-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen(1 << 10)
        environment = {**os.environ, **_NO_HANDLERS}
        with _serve("runs", listener, Path(sys.executable), environment) as process:
            os.environ[SHARED] = f"{Path(sys.prefix).resolve()}={listener.getsockname()}"
            try:
                yield
            finally:
                del os.environ[SHARED]
                process.communicate()  # the end of its input is its own


def _shared(python: Path, environment: Mapping[str, str]) -> socket.socket | None:
    """Connect to the server that is shared, if there is one whose Python finds the same modules."""
    prefix, _, address = os.environ.get(SHARED, "").rpartition("=")
    if prefix != str(python.parent.parent.resolve()) or "PYTHONPATH" in environment:
        return None
    run = socket.socket(socket.AF_UNIX)
    try:
        run.connect(address)
    except OSError:
        run.close()
        return None
    return run


def _serve(way: str, given: socket.socket, python: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    number = given.fileno()
    # -P: the file's folder is no place to import from
    command = [str(python), "-u", "-P", str(SERVER), way, str(number)]
    try:
        return subprocess.Popen(  # noqa: S603 - the project's own Python on our own file
            command,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[number],
            start_new_session=True,  # Ctrl-C reaches the engine alone, which then decides
        )
    except OSError as error:
        raise EngineError(f"The Python {python} cannot be started: {error.strerror}.") from error
