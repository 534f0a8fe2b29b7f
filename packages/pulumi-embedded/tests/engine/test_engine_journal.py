from __future__ import annotations

import threading

import pytest

from pulumi_embedded.journal import Journal
from pulumi_embedded.state import PendingOperation, ResourceState, Snapshot


def _state(name: str) -> ResourceState:
    return ResourceState(urn=f"urn:pulumi:dev::probe::a:b:C::{name}", type="a:b:C")


class Disk:
    """Remembers what was saved."""

    def __init__(self) -> None:
        self.saved: list[Snapshot] = []

    def save(self, snapshot: Snapshot) -> None:
        """Remember a snapshot."""
        self.saved.append(snapshot)

    def names(self) -> list[str]:
        """The resources saved last."""
        return [state.urn.split("::")[3] for state in self.saved[-1].resources]


def test_resources_of_this_run_stand_before_the_rest() -> None:
    """What was recorded before and is not touched yet follows what this run has made or kept."""
    a, b, new = _state("a"), _state("b"), _state("b")
    disk = Disk()
    journal = Journal(Snapshot(resources=[a, b]), disk.save)
    journal.end(new, done=b, new=new)
    assert disk.names() == ["b", "a"]
    journal.end(a, done=a)
    assert disk.names() == ["b"]


def test_operations_are_pending_until_they_end() -> None:
    """An operation is saved before it starts, and what an earlier run left pending to create stays."""
    left = PendingOperation(resource=_state("x"), type="creating")
    other = PendingOperation(resource=_state("y"), type="updating")
    disk, new = Disk(), _state("a")
    journal = Journal(Snapshot(pending_operations=[left, other]), disk.save)
    journal.begin(new, "creating")
    assert [pending.resource.urn[-1] for pending in disk.saved[-1].pending_operations] == ["x", "a"]
    journal.end(new, new=new)
    assert disk.saved[-1].pending_operations == [left]


@pytest.mark.parametrize(
    ("begun", "inputs", "kept"),
    [("creating", {"a": 2}, False), ("updating", {"a": 2}, True), ("", {"a": 1}, False), ("", {"a": 2}, True)],
    ids=["made again", "another one updated", "found as it was to be", "another one found"],
)
def test_an_up_settles_what_an_earlier_one_was_cut_off_in(begun: str, inputs: dict[str, int], *, kept: bool) -> None:
    """The note of a creation goes when the thing has been made or found; that of a lost replacement stays."""
    lost, new = _state("x"), _state("x")
    lost.inputs, new.inputs = {"a": 1}, inputs
    disk = Disk()
    journal = Journal(Snapshot(pending_operations=[PendingOperation(resource=lost, type="creating")]), disk.save)
    if begun:
        journal.begin(new, begun)
    journal.end(new, new=new)
    assert bool(disk.saved[-1].pending_operations) == kept


def test_a_preview_saves_nothing() -> None:
    """All that is noted is there when a pass turns out to be the last one, and is recorded then."""
    disk = Disk()
    journal = Journal(Snapshot(), disk.save, writes=False)
    new = _state("a")
    journal.begin(new, "creating")
    journal.end(new, new=new)
    assert (journal.resources(), disk.saved) == ([new], [])
    journal.writes = True
    journal.save()
    assert disk.saved[-1].resources == [new]


def test_threads_share_a_save() -> None:
    """While one save is slow, all that wait behind it are content with one more."""
    disk, entered, go = Disk(), threading.Event(), threading.Event()

    def slow(snapshot: Snapshot) -> None:
        entered.set()
        go.wait()
        disk.save(snapshot)

    journal = Journal(Snapshot(), slow)
    states = [_state(str(number)) for number in range(8)]
    threads = [threading.Thread(target=journal.end, args=(state,), kwargs={"new": state}) for state in states]
    threads[0].start()
    entered.wait()
    for thread in threads[1:]:
        thread.start()
    while len(journal.resources()) < len(states):
        threading.Event().wait(0.01)
    go.set()
    for thread in threads:
        thread.join()
    assert len(disk.names()) == len(states)
    assert len(disk.saved) <= 3
