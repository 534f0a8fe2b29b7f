"""Forgetting a stack: nothing of it stays, nothing else goes, and never while it holds something."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pulumi_embedded import forget
from pulumi_embedded.errors import HeldError, LockedError, StateError
from pulumi_embedded.state import PendingOperation, Snapshot, Store, files
from tests.engine.snapshots import PASSPHRASE, make_store, root, thing

RECORDED = Path(__file__).parent / "data" / "stack"


def _finished(store: Store, *resources: Any, pending: tuple[PendingOperation, ...] = ()) -> Store:
    """A stack that was worked on, with everything that is kept of that."""
    with store.lock(timeout=0, on_wait=lambda _: None):
        for outputs in ({"n": 1}, {"n": 2}):
            store.save(Snapshot(resources=[root(**outputs), *resources], pending_operations=list(pending)))
            done: dict[str, Any] = {"kind": "up", "started": datetime.now(UTC), "result": "succeeded"}
            store.finish(**done, changes={"create": 1}, config={})
    return store


def _files(folder: Path) -> list[str]:
    found = (path.relative_to(folder / ".pulumi") for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if not path.name.startswith("meta.yaml"))


pytestmark = pytest.mark.usefixtures("quick_keys")


def _forget(folder: Path) -> bool:
    (folder / "Pulumi.yaml").write_text("name: sample\nruntime: python\n")
    try:
        return forget(
            project_folder=folder,
            stack="dev",
            backend_url=f"file://{folder}",
            lock_timeout=0,
            on_wait=lambda _: None,
        )
    finally:
        (folder / "Pulumi.yaml").unlink()


def test_nothing_of_a_forgotten_stack_stays_and_nothing_else_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoint and predecessor, side files, history, backups, retained states go; those of dev-2 and dev.x stay."""
    monkeypatch.setenv("PULUMI_RETAIN_CHECKPOINTS", "1")
    for name in ("dev-2", "dev.x", "de"):
        other = Store(f"file://{tmp_path}", "sample", name, PASSPHRASE, folder=tmp_path, config_salt=None)
        _finished(other)
    others = _files(tmp_path)
    store = _finished(make_store(tmp_path))
    (store.file.parent / f".{store.file.name}.abc.tmp").write_text("cut off")
    assert len(_files(tmp_path)) > len(others) + 8
    assert _forget(tmp_path)
    assert _files(tmp_path) == others
    assert not _forget(tmp_path)


def test_a_stack_that_holds_something_is_not_forgotten(tmp_path: Path) -> None:
    """A resource keeps it, and the note of a creation that was cut off; the error names both."""
    cut_off = PendingOperation(resource=thing("branch"), type="creating")
    _finished(make_store(tmp_path), thing("a"), pending=(cut_off,))
    before = _files(tmp_path)
    with pytest.raises(HeldError, match=r"2 resources \(a, branch\)"):
        _forget(tmp_path)
    assert _files(tmp_path) == before


def test_nobody_forgets_what_another_works_on(tmp_path: Path) -> None:
    """The lock holds for forgetting, too."""
    store = _finished(make_store(tmp_path))
    before = _files(tmp_path)
    with store.lock(timeout=0, on_wait=lambda _: None), pytest.raises(LockedError, match=f"pid {os.getpid()}"):
        _forget(tmp_path)
    assert _files(tmp_path) == before


def test_whoever_is_cut_off_while_forgetting_can_be_called_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint, by which a stack is known, goes last, wherever the run is cut off."""
    store = _finished(make_store(tmp_path))
    count = len(_files(tmp_path))
    left, real = 0, files.remove

    def cut(path: Path) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise StateError("cut off")
        real(path)

    monkeypatch.setattr(files, "remove", cut)
    for left in (1, count // 2, count // 2 + 1):  # noqa: B007 - `cut` counts it down
        with pytest.raises(StateError, match="cut off"):
            _forget(tmp_path)
        assert store.file.exists()
    monkeypatch.setattr(files, "remove", real)
    assert _forget(tmp_path)
    assert _files(tmp_path) == []


def test_a_stack_that_cannot_be_understood_is_not_forgotten(tmp_path: Path) -> None:
    """What a torn or foreign state holds is not known, so it stays."""
    store = _finished(make_store(tmp_path))
    for content in ("", '{"version": 3, "checkpoint": {"latest": {"resources": [1]}}}', json.dumps({"version": 9})):
        store.file.write_text(content)
        with pytest.raises(StateError, match=r"dev\.json"):
            _forget(tmp_path)
        assert store.file.read_text() == content


def test_no_passphrase_is_needed(tmp_path: Path) -> None:
    """What the real CLI has encrypted is neither opened nor needed."""
    store = make_store(tmp_path)
    store.file.parent.mkdir(parents=True)
    store.file.write_bytes((RECORDED / "dev.json").read_bytes())
    with pytest.raises(HeldError, match=r"\(a, b\)"):
        _forget(tmp_path)
