"""Starts the children of the engine's runs, which share what it has loaded of Pulumi.

Run by path in the project's own Python, as `forkserver.py WAY NUMBER`. WAY is `fork`; or `spawn`, where children that
were only forked would not work, so that each loads Pulumi by itself; or `runs`. Descriptor NUMBER is the socket of one
run, with which this process ends; for `runs` it is one that many runs connect to, until standard input ends.

A run sends three descriptors, a child's standard ones, for each child that it wants; it is told the child's number, and
when the child has ended its number and exit status, a line each.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import select
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = str(Path(__file__).with_name("host.py"))
_STDIN = 0


def main() -> None:
    """Serve; what returns from serving is a child that was forked, which becomes a host."""
    way, number = sys.argv[1:]
    if way != "spawn":
        import pulumi.dynamic  # noqa: F401, PLC0415 - once, here, and not at all where each child loads it
    given = socket.socket(fileno=int(number))
    with contextlib.suppress(ConnectionError):  # the run is over
        _become_host(_serve(_next_run(given) if way == "runs" else given, _spawn if way == "spawn" else _fork))


def _next_run(listener: socket.socket) -> socket.socket:
    """Fork a server for each run that comes; returns in that server."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how one ended
    while True:
        ready, _, _ = select.select([listener.fileno(), _STDIN], [], [])
        if _STDIN in ready:
            sys.exit()
        run, _ = listener.accept()
        if not os.fork():
            listener.close()
            return run
        run.close()


def _serve(run: socket.socket, start: Callable[[list[int]], int]) -> list[int]:
    """Start what the run wants and tell what has ended; returns, with its descriptors, in a child that was forked."""
    woken, waking = socket.socketpair()
    for end in (woken, waking):
        end.settimeout(0)
    signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # ignored, it would not wake
    try:
        return _start_and_tell(run, woken, start)
    finally:  # a child that ends from here on wakes nobody
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (run, woken, waking):
            end.close()


def _start_and_tell(run: socket.socket, woken: socket.socket, start: Callable[[list[int]], int]) -> list[int]:
    while True:
        ready, _, _ = select.select([run, woken], [], [])
        if woken in ready:
            woken.recv(1 << 10)
            _tell_ended(run)
        if run in ready:
            _, descriptors, _, _ = socket.recv_fds(run, 1, 3)
            if not descriptors:
                sys.exit()
            child = start(descriptors)
            if not child:
                return descriptors
            for descriptor in descriptors:
                os.close(descriptor)
            run.sendall(b"%d\n" % child)


def _fork(_descriptors: list[int]) -> int:
    """Fork a child in a process group of its own; returns its number, and 0 in the child."""
    child = os.fork()
    with contextlib.suppress(OSError):  # whichever of the two comes first
        os.setpgid(child, 0)
    return child


def _spawn(descriptors: list[int]) -> int:
    """Start a child in a process group of its own; returns its number."""
    actions = [(os.POSIX_SPAWN_DUP2, given, number) for number, given in enumerate(descriptors)]
    command = [sys.executable, "-u", "-P", HOST]
    return os.posix_spawn(command[0], command, os.environ, file_actions=actions, setpgroup=0)


def _tell_ended(run: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            run.sendall(b"%d %d\n" % (found[0], os.waitstatus_to_exitcode(found[1])))


def _become_host(descriptors: list[int]) -> None:
    for number, given in enumerate(descriptors):
        os.dup2(given, number)
        os.close(given)
    sys.argv = [HOST]
    runpy.run_path(HOST, run_name="__main__")


if __name__ == "__main__":
    main()
