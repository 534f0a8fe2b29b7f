"""The stack's lock: the CLI's own lock files, so that each respects the other.

A lock is a file in the stack's lock folder that says who holds it. Whoever wants the stack puts a file there and then
looks: alone, the stack is theirs. Of two that start at the same moment the one whose file sorts first stays and looks
again, the other takes its file back. Nobody ever works while another file is there.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pulumi_embedded.errors import LockedError
from pulumi_embedded.state import files
from pulumi_embedded.state.checkpoint import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pulumi_embedded.state.layout import Layout

_POLL_SECONDS: Final = 0.2
_STANDOFF_SECONDS: Final = 1.0

_held_here: Final[set[str]] = set()


@dataclass(frozen=True, kw_only=True)
class LockHolder:
    """Who holds a stack's lock.

    Attributes:
        file: The lock file.
        local: It was made on this machine.
        stale: The process that made it ran on this machine and is gone.
    """

    pid: int
    username: str
    hostname: str
    since: str
    file: Path = field(compare=False)
    local: bool = False
    stale: bool = False

    def __str__(self) -> str:
        return f"{self.username}@{self.hostname} (pid {self.pid}) since {self.since}"


@contextmanager
def held(
    layout: Layout,
    *,
    timeout: float,
    on_wait: Callable[[LockHolder], None],
    on_stale: Callable[[LockHolder], None],
) -> Iterator[None]:
    """Hold the lock of a stack.

    Args:
        layout: The stack's files.
        timeout: Seconds to wait for another holder.
        on_wait: Called once for each holder that is waited for.
        on_stale: Called for each lock of a dead process of this machine, which is removed.
    """
    own = layout.locks / f"{uuid.uuid4()}.json"
    _acquire(own, layout.home, time.monotonic() + timeout, on_wait, on_stale)
    try:
        yield
    finally:
        _release(own)


def holders(layout: Layout) -> list[LockHolder]:
    """Who holds the lock of a stack, those included that are gone; nothing is changed."""
    with files.in_words("read", layout.locks):
        found = [_read(path) for path in sorted(layout.locks.glob("*.json"))]
    return [holder for holder in found if holder is not None]


def remove(holder: LockHolder) -> None:
    """Remove one lock, with the side file that the CLI's blob library may keep beside it."""
    for path in (holder.file, files.side_file(holder.file)):
        files.remove(path)


def _acquire(
    own: Path,
    temporary: Path,
    deadline: float,
    on_wait: Callable[[LockHolder], None],
    on_stale: Callable[[LockHolder], None],
) -> None:
    announced: set[Path] = set()
    while True:
        others = _others(own, on_stale)
        if not others:
            _create(own, temporary)
            others = _stand_off(own, on_stale)
            if not others:
                return
            _release(own)
        if time.monotonic() >= deadline:
            raise _locked(others)
        for holder in others:
            if holder.file not in announced:
                announced.add(holder.file)
                on_wait(holder)
        time.sleep(_POLL_SECONDS)


def _stand_off(own: Path, on_stale: Callable[[LockHolder], None]) -> list[LockHolder]:
    """Return who else is there; the first in order waits a moment for the others to step back."""
    until = time.monotonic() + _STANDOFF_SECONDS
    while True:
        others = _others(own, on_stale)
        if not others or own.name > min(holder.file.name for holder in others) or time.monotonic() > until:
            return others
        time.sleep(_POLL_SECONDS / 10)


def _create(own: Path, temporary: Path) -> None:
    content = {
        "pid": os.getpid(),
        "username": _username(),
        "hostname": socket.gethostname(),
        "timestamp": timestamp(),
    }
    # The unfinished file must not lie among the locks, where it would count as one.
    files.write(own, json.dumps(content, separators=(",", ":")).encode(), temporary=temporary)
    _held_here.add(own.name)


def _release(own: Path) -> None:
    # Somebody may have run `pulumi cancel`: then there is nothing left to remove.
    with suppress(OSError):
        own.unlink()
    _held_here.discard(own.name)


def _others(own: Path, on_stale: Callable[[LockHolder], None]) -> list[LockHolder]:
    holders = []
    with files.in_words("read", own.parent):
        paths = sorted(path for path in own.parent.glob("*.json") if path != own)
    for path in paths:
        holder = _read(path)
        if holder is not None and holder.stale:
            on_stale(holder)
            remove(holder)
        elif holder is not None:
            holders.append(holder)
    return holders


def _read(path: Path) -> LockHolder | None:
    try:
        content = json.loads(files.content(path))
        pid, hostname = int(content["pid"]), str(content["hostname"])
        return LockHolder(
            pid=pid,
            username=str(content["username"]),
            hostname=hostname,
            since=str(content["timestamp"])[:19].replace("T", " "),
            file=path,
            local=hostname == socket.gethostname(),
            stale=hostname == socket.gethostname() and not _alive(pid, path.name),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        # It cannot be read, but it is there: somebody means to hold the stack.
        return LockHolder(pid=0, username="somebody", hostname="unknown", since="an unknown time", file=path)


def _alive(pid: int, name: str) -> bool:
    if pid == os.getpid():
        return name in _held_here  # else it is left from an earlier process that had our number
    if os.name == "nt":
        return True  # there, asking would end the process
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def whoami() -> str:
    """This run's account and machine, as locks and the history name them."""
    return f"{_username()}@{socket.gethostname()}"


def _username() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"  # an account number without an account, as in some containers


def _locked(others: list[LockHolder]) -> LockedError:
    holder = others[0]
    return LockedError(
        f"the stack is in use by {holder}",
        next_step="wait until that run has ended; if it is certain that nothing runs there: ./infra unlock STACK "
        f"(its lock is {holder.file})",
    )
