"""A save that is cut off, or refused by the disk, at each of its system calls."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pytest

from pulumi_embedded.errors import StateError
from pulumi_embedded.state import Snapshot, crypto
from tests.engine.snapshots import make_store, root

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_embedded.state import Store
    from tests.engine.stack import Things

PACKAGE: Final = Path(__file__).resolve().parents[2]
CALLS: Final = ("open", "mkdir", "fsync", "link", "replace", "unlink")
REFUSALS: Final = [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO]


class Disk:
    """Counts the calls that a save makes, and lets one of them go wrong; a write goes wrong in its middle.

    Args:
        monkeypatch: Puts this disk in the place of the real one.
        at: Which call, counted from 0.
        happen: What happens then.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, happen: Callable[[], None]) -> None:
        self._left = at
        self._happen = happen
        self.names: list[str] = []
        for name in CALLS:
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))
        real = os.fdopen
        monkeypatch.setattr(os, "fdopen", lambda *given: _Stream(real(*given), self.tick))

    def tick(self, name: str) -> None:
        """Count a call."""
        self.names.append(name)
        self._left -= 1
        if self._left == -1:
            self._happen()

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            self.tick(name)
            return real(*given, **named)

        return call


class _Stream:
    def __init__(self, real: Any, tick: Callable[[str], None]) -> None:
        self._real, self._tick = real, tick

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._real.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def write(self, data: bytes) -> None:
        half = len(data) // 2
        self._real.write(data[:half])
        self._real.flush()
        self._tick("write")
        self._real.write(data[half:])


def _prepared(folder: Path, *, before: int = 2) -> Store:
    """A store after so many saves; the next one is to go wrong."""
    shutil.rmtree(folder, ignore_errors=True)
    store = make_store(folder)
    for number in range(before):
        store.save(Snapshot(resources=[root(n=number, filler="x" * 10_000)]))
    return store


def _recorded(folder: Path) -> list[int]:
    return [resource.outputs["n"] for resource in make_store(folder).load().resources]


def _save(store: Store, number: int) -> None:
    store.save(Snapshot(resources=[root(n=number, filler="x" * 10_000)]))


@pytest.mark.usefixtures("quick_keys")
@pytest.mark.parametrize("before", [0, 2])
def test_a_disk_that_refuses_any_call_keeps_the_state(before: int, tmp_path: Path) -> None:
    """The old state or the new one is there, the error says which file and why, and the next save goes well."""
    folder, old = tmp_path / "state", [1] if before else []
    for number in count():
        with pytest.MonkeyPatch.context() as patched:
            store = _prepared(folder, before=before)

            def refuse() -> None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            disk = Disk(patched, number, refuse)
            failed = ""
            try:
                _save(store, 9)
            except StateError as error:
                failed = str(error)
        if len(disk.names) <= number:
            break
        assert _recorded(folder) == (old if failed else [9]), disk.names
        assert ": no space left on device\n" in failed + ": no space left on device\n"
        assert not failed or "what was recorded before is unchanged" in failed
        assert disk.names[-1] == "unlink" or not list(folder.rglob("*.tmp"))
        _save(store, 10)
        assert _recorded(folder) == [10]
    assert {"open", "write", "fsync", "replace"} <= set(disk.names)
    assert number > 5


def sweep(folder: str) -> int:
    """Kill a saving process at each call in turn, until one gets through; run in a process of its own."""
    crypto._ROUNDS = 10  # type: ignore[misc] # the process is ours alone
    for number in count():
        store = _prepared(Path(folder))
        child = os.fork()
        if not child:
            Disk(pytest.MonkeyPatch(), number, lambda: os.kill(os.getpid(), signal.SIGKILL))
            _save(store, 9)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        recorded = _recorded(Path(folder))
        assert recorded in ([1], [9]), f"after call {number} there is {recorded}"
        store.file.with_name("dev.json.bak").replace(store.file)
        assert _recorded(Path(folder)) in ([0], [1]), f"after call {number} the earlier state is damaged"
        if status == 0:
            assert recorded == [9]
            break
        assert status == -signal.SIGKILL
    return number


def test_a_process_that_is_killed_at_any_call_leaves_a_whole_state(tmp_path: Path) -> None:
    """The old one or the new one, and beside it a whole earlier one."""
    code = f"from tests.engine import test_engine_state_torn as torn; print(torn.sweep({str(tmp_path / 'state')!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5


@pytest.mark.usefixtures("quick_keys")
@pytest.mark.parametrize("code", REFUSALS)
def test_why_a_state_is_not_written_is_told(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, a forbidden or read-only folder and a broken disk, each in its own words."""
    store = _prepared(tmp_path)

    def refuse() -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        Disk(patched, 2, refuse)
        with pytest.raises(StateError) as caught:
            _save(store, 9)
    assert str(caught.value).startswith(f"cannot write {store.file}: {os.strerror(code).lower()}\n")
    assert "free space on the disk or repair the permissions" in str(caught.value)


@pytest.mark.usefixtures("quick_keys")
def test_a_state_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Something else lies where the state should be, so nothing is read and nothing written."""
    store = _prepared(tmp_path)
    store.file.unlink()
    store.file.mkdir()
    for act in (make_store(tmp_path).load, lambda: _save(make_store(tmp_path), 9)):
        with pytest.raises(StateError, match=f"cannot read {store.file}: is a directory"):
            act()


@pytest.mark.usefixtures("quick_keys")
@pytest.mark.skipif(os.geteuid() == 0, reason="this account may write everywhere")
def test_a_read_only_backend_is_told_before_anything_begins(tmp_path: Path) -> None:
    """The lock cannot be taken, which is the first thing a run does."""
    store = _prepared(tmp_path)
    (tmp_path / ".pulumi").chmod(0o500)
    try:
        with pytest.raises(StateError, match="permission denied"), store.lock(timeout=0, on_wait=print):
            pytest.fail("it began")
    finally:
        (tmp_path / ".pulumi").chmod(0o700)


@pytest.mark.usefixtures("quick_keys")
def test_without_hard_links_the_earlier_state_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems know no second name for a file."""
    store = _prepared(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    before = store.file.read_bytes()
    _save(store, 9)
    assert store.file.with_name("dev.json.bak").read_bytes() == before
    assert _recorded(tmp_path) == [9]
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("saves", [0, 1])
def test_a_disk_that_gets_full_during_a_run_ends_it(
    saves: int, things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a call, the call is not made; after it, the state says that nobody knows what came of it."""
    things.up({"b": {}})
    things.want({"b": {}, "a": {}})
    left = [saves]
    real = os.fsync

    def full(number: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(number)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        result = things.run("up", previewed=True)
    assert not result.succeeded
    assert f"cannot write {things.checkpoint}: no space left on device" in result.errors[0]
    assert (things.pending(), len(things.real())) == ((["creating a"], 2) if saves else ([], 1))
