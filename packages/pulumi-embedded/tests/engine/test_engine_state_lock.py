from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pulumi_embedded.errors import LockedError
from pulumi_embedded.state import layout, lock

if TYPE_CHECKING:
    from pathlib import Path

    from pulumi_embedded.state.lock import LockHolder


@pytest.fixture
def place(tmp_path: Path) -> layout.Layout:
    """A backend without a lock."""
    found = layout.parse(f"file://{tmp_path}", folder=tmp_path, project="infra", stack="dev")
    found.prepare()
    return found


def _ignore(_: LockHolder) -> None:
    pass


def _put(place: layout.Layout, *, pid: int, hostname: str, name: str = "00000000.json") -> Path:
    place.locks.mkdir(parents=True, exist_ok=True)
    file = place.locks / name
    content = {"pid": pid, "username": "ann", "hostname": hostname, "timestamp": "2026-01-02T03:04:05.678+01:00"}
    file.write_text(json.dumps(content))
    return file


def _dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_lock_looks_like_the_clis_and_goes_away(place: layout.Layout) -> None:
    """A JSON file with pid, username, hostname and timestamp, which exists as long as the lock is held."""
    with lock.held(place, timeout=0, on_wait=_ignore, on_stale=_ignore):
        (file,) = place.locks.iterdir()
        content = json.loads(file.read_bytes())
    assert (content["pid"], content["hostname"]) == (os.getpid(), socket.gethostname())
    assert sorted(content) == ["hostname", "pid", "timestamp", "username"]
    assert list(place.locks.iterdir()) == []


def test_a_held_lock_is_told_with_its_holder(place: layout.Layout) -> None:
    """Who, where, since when, and how to remove a lock that nobody holds any more."""
    file = _put(place, pid=7, hostname="elsewhere")
    with (
        pytest.raises(LockedError) as caught,
        lock.held(place, timeout=0, on_wait=_ignore, on_stale=_ignore),
    ):
        pytest.fail("the lock was not respected")
    assert str(caught.value).startswith("the stack is in use by ann@elsewhere (pid 7) since 2026-01-02 03:04:05\n")
    assert f"./infra unlock STACK (its lock is {file})" in str(caught.value)
    assert list(place.locks.iterdir()) == [file]


def test_a_lock_of_a_dead_process_of_this_machine_is_removed(place: layout.Layout) -> None:
    """A run that was killed does not block the next one; the listener is told."""
    stale: list[LockHolder] = []
    _put(place, pid=_dead(), hostname=socket.gethostname())
    with lock.held(place, timeout=0, on_wait=_ignore, on_stale=stale.append):
        assert len(list(place.locks.iterdir())) == 1
    assert [holder.username for holder in stale] == ["ann"]


def test_a_lock_left_by_a_former_process_with_our_number_is_removed(place: layout.Layout) -> None:
    """Containers start with the same process number each time."""
    _put(place, pid=os.getpid(), hostname=socket.gethostname())
    with lock.held(place, timeout=0, on_wait=_ignore, on_stale=_ignore):
        pass


@pytest.mark.parametrize("alive_here", [True, False])
def test_locks_of_others_are_never_removed(alive_here: bool, place: layout.Layout) -> None:  # noqa: FBT001 - a parameter of the table
    """A living process of this machine, and any process of another one, keep theirs."""
    pid, hostname = (os.getppid(), socket.gethostname()) if alive_here else (_dead(), "elsewhere")
    file = _put(place, pid=pid, hostname=hostname)
    with pytest.raises(LockedError), lock.held(place, timeout=0, on_wait=_ignore, on_stale=_ignore):
        pytest.fail("the lock was not respected")
    assert file.exists()


def test_an_unreadable_lock_is_respected(place: layout.Layout) -> None:
    """Somebody means to hold the stack, even when the file does not say who."""
    place.locks.mkdir(parents=True)
    (place.locks / "x.json").write_text("{")
    with (
        pytest.raises(LockedError, match="in use by somebody@unknown"),
        lock.held(place, timeout=0, on_wait=_ignore, on_stale=_ignore),
    ):
        pytest.fail("the lock was not respected")


def test_waiting_ends_when_the_holder_is_gone(place: layout.Layout) -> None:
    """The waiting one is told once who holds the stack, and gets it afterwards."""
    file = _put(place, pid=7, hostname="elsewhere")
    waited: list[LockHolder] = []

    def go(holder: LockHolder) -> None:
        waited.append(holder)
        file.unlink()

    with lock.held(place, timeout=30, on_wait=go, on_stale=_ignore):
        pass
    assert [holder.pid for holder in waited] == [7]


def test_two_that_start_together_never_work_together(place: layout.Layout) -> None:
    """Of many at the same moment each gets the stack in its turn, alone."""
    inside, most, done = 0, 0, 0
    guard = threading.Lock()
    start = threading.Barrier(5)

    def work() -> None:
        nonlocal inside, most, done
        start.wait()
        with lock.held(place, timeout=60, on_wait=_ignore, on_stale=_ignore):
            with guard:
                inside += 1
                most = max(most, inside)
            with guard:
                inside -= 1
                done += 1

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (1, 5)


def test_of_two_at_the_same_moment_the_first_in_order_stays(place: layout.Layout) -> None:
    """The other one steps back, and the first one gets the stack although both had put a file there."""
    own = place.locks / "1.json"
    lock._create(own, place.home)
    other = place.locks / "2.json"
    lock._create(other, place.home)
    assert [holder.file for holder in lock._stand_off(other, _ignore)] == [own]
    lock._release(other)
    assert lock._stand_off(own, _ignore) == []
    lock._release(own)


def test_a_removed_lock_does_not_disturb_its_holder(place: layout.Layout) -> None:
    """After `pulumi cancel` there is nothing left to remove, which is no error."""
    with lock.held(place, timeout=0, on_wait=_ignore, on_stale=_ignore):
        for file in place.locks.iterdir():
            file.unlink()
