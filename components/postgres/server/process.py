"""The server's process: found by its own notes and checked, started so that it outlives us, stopped with a limit."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from components.errors import PostgresError
from components.postgres.server.faults import disk_full, says_disk_full
from components.postgres.server.ports import HOST, taken

if TYPE_CHECKING:
    import subprocess

    from components.errors import InfraError
    from components.postgres.server.binaries import Programs
    from components.postgres.server.folder import Layout

PID_FILE = "postmaster.pid"
NOTES_WITH_STATUS = 8
PROGRAM = "postgres"

STOP_SECONDS = 60
"""For a fast shutdown: every session is ended, everything is written."""
ABORT_SECONDS = 10
"""For an immediate shutdown after that. Postgres recovers at the next start."""
COLLECTOR_SECONDS = 30
"""For the log's own process to write down what a server said that has ended already."""
PAUSE_SECONDS = 0.05

PRIVATE_HBA = f"""\
# Written by ./infra at every start: the loopback alone, a password always, the superuser never.
host all infra_admin {HOST}/32 reject
host all all {HOST}/32 scram-sha-256
"""

_REASON = re.compile(r"(?:FATAL|PANIC|postgres): +(.+)")
_GOING = re.compile(r"still in use|lock file \"postmaster\.pid\" already exists")
"""A server before us that is still going away: its last processes hold the memory, or single-user mode ends."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server: its first process and the port it listens on."""

    process: psutil.Process
    port: int

    def alive(self) -> bool:
        """Whether it still runs. A process that ended but was not yet reaped does not."""
        try:
            return bool(self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    def resume(self) -> None:
        """Let it run on where it was stopped (SIGSTOP), with its sessions: such a server answers to nobody."""
        with contextlib.suppress(psutil.Error):
            for one in (*self.process.children(recursive=True), self.process):
                if one.status() == psutil.STATUS_STOPPED:
                    one.resume()


def find(layout: Layout) -> Server | None:
    """The server of this folder, if it runs.

    The number in `postmaster.pid` may belong to any process after a crash or a reboot, so the process itself is asked
    whether it is a Postgres of these data.
    """
    noted = _notes(layout)
    if noted is None:
        return None
    pid, port = noted
    try:
        server = Server(process=psutil.Process(pid), port=port)
        serves = _is_postgres_of(layout.data, server.process.cmdline())
    except (psutil.Error, ValueError):  # no such process; a negative number is single-user mode's
        return None
    return server if serves and server.alive() else None


def _notes(layout: Layout) -> tuple[int, int] | None:
    try:
        lines = (layout.data / PID_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
        return int(lines[0]), int(lines[3])
    except (OSError, ValueError, IndexError):
        return None


def _listens(layout: Layout) -> bool:
    """Whether the notes have their eighth line, the server's status: it is written when the port is open."""
    try:
        return len((layout.data / PID_FILE).read_bytes().splitlines()) >= NOTES_WITH_STATUS
    except OSError:
        return False


def _is_postgres_of(data: Path, command: list[str]) -> bool:
    if not command or not Path(command[0]).name.startswith(PROGRAM) or "-D" not in command[:-1]:
        return False
    return os.path.realpath(command[command.index("-D") + 1]) == os.path.realpath(data)


def start(layout: Layout, programs: Programs, port: int, *, name: str, deadline: float) -> Server:
    """Start the server and wait until it listens, which is before it answers.

    Raises:
        LocalError: The port is taken, or the disk is full.
        PostgresError: It gave up, or did not start before the deadline.
    """
    _forget_stale_notes(layout)
    _write_hba(layout, programs)
    log = _Log(layout)
    while True:
        log.begin()
        with layout.start_log.open("wb") as output:
            os.fchmod(output.fileno(), 0o600)
            child = programs.start(PROGRAM, *_arguments(layout, port, name), output=output)
        server = _noted_down(layout, child, deadline)
        if server is not None:
            return server
        said = log.said() if child.poll() is None else log.last_words()
        if not _GOING.search(said) or time.monotonic() > deadline:
            raise failure(layout, port, said)
        time.sleep(PAUSE_SECONDS * 4)


def stop(layout: Layout, server: Server) -> None:
    """Stop the server: fast, and when that takes too long, at once.

    Raises:
        PostgresError: It would not go.
    """
    server.resume()
    for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, ABORT_SECONDS)):
        try:
            server.process.send_signal(number)
        except psutil.NoSuchProcess:
            return
        if _gone(server, seconds):
            return
    raise PostgresError(
        f"the server in {layout.root} (pid {server.process.pid}) did not stop",
        next_step=f"look at {layout.log}; run the command again when the process is gone",
    )


def failure(layout: Layout, port: int, said: str) -> InfraError:
    """The error for a server that gave up, from what it said."""
    if "could not bind" in said:
        return taken(port)
    if says_disk_full(said):
        return disk_full(layout.root)
    reasons = _REASON.findall(said)
    return PostgresError(
        f"the server in {layout.root} did not start: {reasons[-1] if reasons else 'it gave no reason'}",
        next_step=f"look at {layout.start_log} and at the newest file in {layout.log}",
    )


def newest_words(layout: Layout) -> str:
    """What a server that just ended said last."""
    return _Log(layout).said(newest=True)


class _Log:
    """What a server said since `begin`: on its own output, and in the log files it opened later."""

    TAIL_BYTES = 20_000

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._sizes: dict[str, int] = {}

    def begin(self) -> None:
        self._sizes = {path.name: path.stat(follow_symlinks=False).st_size for path in self._files()}

    def said(self, *, newest: bool = False) -> str:
        files = self._files()
        files = sorted(files, key=lambda path: path.stat(follow_symlinks=False).st_mtime)[-1:] if newest else files
        parts = [self._read(self._layout.start_log, 0)]
        return "\n".join(parts + [self._read(path, self._sizes.get(path.name, 0)) for path in files])

    def last_words(self) -> str:
        """All of a server that has ended, with its reason: the log's own process may write that down later."""
        end = time.monotonic() + COLLECTOR_SECONDS
        while not _REASON.search(said := self.said()) and time.monotonic() < end:
            time.sleep(PAUSE_SECONDS)
        return said

    def _files(self) -> list[Path]:
        return sorted(self._layout.log.glob("*.log"))

    def _read(self, path: Path, start: int) -> str:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)  # the account could have put a link there
        except OSError:
            return ""
        with os.fdopen(handle, "rb") as file:
            size = os.fstat(handle).st_size
            file.seek(max(start if start <= size else 0, size - self.TAIL_BYTES))
            return file.read().decode("utf-8", "replace")


def _arguments(layout: Layout, port: int, name: str) -> list[str]:
    """Given on the command line, because nothing written inside the server can change what is given there."""
    values = {
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": "",
        "hba_file": str(layout.hba),
        "password_encryption": "scram-sha-256",
        "cluster_name": "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)[:60],
        "logging_collector": "on",
        "log_directory": str(layout.log),
        "log_filename": "postgres-%a.log",  # seven files, each written anew after a week
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1440",
        "log_rotation_size": "0",
        "log_file_mode": "0600",
    }
    return ["-D", str(layout.data), *(part for key, value in values.items() for part in ("-c", f"{key}={value}"))]


def _noted_down(layout: Layout, child: subprocess.Popen[bytes], deadline: float) -> Server | None:
    """The started server once it listens; None when it ended instead."""
    while child.poll() is None:
        server = find(layout) if _listens(layout) else None
        if server is not None and server.process.pid == child.pid:
            # Reaped while we live, for it may end before we do; afterwards it is the system's.
            threading.Thread(target=child.wait, daemon=True).start()
            return server
        if time.monotonic() > deadline:
            return None
        time.sleep(PAUSE_SECONDS)
    return None


def _forget_stale_notes(layout: Layout) -> None:
    """Remove a dead server's notes when their number now belongs to another program: Postgres would not dare to start.

    Its other guard, the shared memory of these data, stays in force.
    """
    noted = _notes(layout)
    if noted is None:
        return
    try:
        command = psutil.Process(abs(noted[0])).cmdline()
    except (psutil.Error, ValueError):
        return  # nobody has the number: Postgres sees that itself
    if not _is_postgres_of(layout.data, command):
        (layout.data / PID_FILE).unlink(missing_ok=True)


def _write_hba(layout: Layout, programs: Programs) -> None:
    half = layout.root / ".pg_hba.conf.new"
    half.write_text(PRIVATE_HBA, encoding="utf-8")
    half.chmod(0o600)
    programs.account.give(half)
    half.replace(layout.hba)


def _gone(server: Server, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while server.alive():
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE_SECONDS)
    return True
