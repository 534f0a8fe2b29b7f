"""Creates of one project wait for each other, or are sent away; everything else goes on meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloud_sandbox.xata.databases import NoDatabases
from tests.sandbox.xata_surface import CONFIGURATION, EDITIONS, Surface, surface

WAIT_SECONDS = 20


class Gate(NoDatabases):
    """Databases whose first create waits until it is let through."""

    def __init__(self) -> None:
        """Closed."""
        super().__init__()
        self.entered, self.open = threading.Event(), threading.Event()
        self.most = self.inside = 0
        self.counting = threading.Lock()

    def create(self, branch_id: str, *, parent_id: str | None, password: str) -> None:
        """Wait, and count how many are inside at once."""
        with self.counting:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.entered.set()
        assert self.open.wait(WAIT_SECONDS)
        super().create(branch_id, parent_id=parent_id, password=password)
        with self.counting:
            self.inside -= 1


def gate_of(stand: Surface) -> Gate:
    """Let the stand-in's creates wait at a gate."""
    stand.service.world.databases = gate = Gate()
    return gate


@pytest.fixture
def gated() -> tuple[Surface, Gate]:
    """A stand-in whose creates wait at a gate, of an edition in which they wait for each other, too."""
    stand = surface(edition="august")
    return stand, gate_of(stand)


def creation(name: str) -> dict[str, object]:
    """A root's body."""
    return {"name": name, "mode": "custom", "configuration": CONFIGURATION}


def test_a_list_during_a_create_is_empty(gated: tuple[Surface, Gate]) -> None:
    """The branch shows only after its commit, and lists, log and other projects do not wait for it."""
    stand, gate = gated
    project, other = stand.project("one"), stand.project("two")
    with ThreadPoolExecutor() as pool:
        made = pool.submit(stand.call, "POST", f"{project}/branches", creation("main"))
        assert gate.entered.wait(WAIT_SECONDS)
        assert stand.call("GET", f"{project}/branches").json() == {"branches": []}
        assert stand.call("GET", f"{other}/branches").status_code == 200
        assert len(stand.service.log.listed()) == 4
        gate.open.set()
        assert made.result(WAIT_SECONDS).status_code == 201
    assert len(stand.call("GET", f"{project}/branches").json()["branches"]) == 1


def test_the_same_create_again_waits_and_is_409(gated: tuple[Surface, Gate]) -> None:
    """Four at once: one 201 and three 409, one after another."""
    stand, gate = gated
    project = stand.project()
    gate.open.set()
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: stand.call("POST", f"{project}/branches", creation("main")), range(4))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert gate.most == 1


def test_projects_create_side_by_side(gated: tuple[Surface, Gate]) -> None:
    """Two projects do not wait for each other, two branches of one project do."""
    stand, gate = gated
    one, two = stand.project("one"), stand.project("two")
    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(stand.call, "POST", f"{project}/branches", creation(name))
            for project in (one, two)
            for name in "ab"
        ]
        deadline = threading.Event()
        while gate.most < 2:
            assert not deadline.wait(0.01)
        gate.open.set()
        assert {call.result(WAIT_SECONDS).status_code for call in calls} == {201}
    assert gate.most == 2


def test_a_project_deleted_during_a_create_hides_the_branch(gated: tuple[Surface, Gate]) -> None:
    """The delete does not see the create, the create does not see the delete: a branch nobody can reach."""
    stand, gate = gated
    project = stand.project()
    with ThreadPoolExecutor() as pool:
        made = pool.submit(stand.call, "POST", f"{project}/branches", creation("main"))
        assert gate.entered.wait(WAIT_SECONDS)
        assert stand.call("DELETE", project).status_code == 204
        gate.open.set()
        answer = made.result(WAIT_SECONDS)
    assert answer.status_code == 201
    assert stand.call("GET", f"{project}/branches/{answer.json()['id']}").status_code == 404


def test_a_filter_change_waits_for_a_create(gated: tuple[Surface, Gate]) -> None:
    """The address filter is written under the project's lock, a name is not."""
    stand, gate = gated
    project = stand.project()
    filtering = {"configuration": {"ipFiltering": {"enabled": True, "cidr": []}}}
    with ThreadPoolExecutor() as pool:
        made = pool.submit(stand.call, "POST", f"{project}/branches", creation("main"))
        assert gate.entered.wait(WAIT_SECONDS)
        changed = pool.submit(stand.call, "PATCH", project, filtering)
        assert stand.call("PATCH", project, {"name": "renamed"}).status_code == 200
        assert not changed.done()
        gate.open.set()
        assert made.result(WAIT_SECONDS).status_code == 201
        assert changed.result(WAIT_SECONDS).status_code == 200


def test_the_newest_edition_sends_a_second_create_away() -> None:
    """Create, restore and a filter change are told that the project is busy, and when to come back; then they work."""
    stand = surface()
    project = stand.project()
    source = stand.root(project, "source")
    gate = gate_of(stand)
    filtering = {"configuration": {"ipFiltering": {"enabled": True, "cidr": []}}}
    second: tuple[tuple[str, str, object, int], ...] = (
        ("POST", f"{project}/branches", creation("second"), 201),
        ("POST", f"{source}/restore", {"name": "third"}, 201),
        ("PATCH", project, filtering, 200),
    )
    with ThreadPoolExecutor() as pool:
        made = pool.submit(stand.call, "POST", f"{project}/branches", creation("main"))
        assert gate.entered.wait(WAIT_SECONDS)
        for method, path, body, _ in second:
            answer = stand.call(method, path, body)
            assert (answer.headers["retry-after"], "is busy" in answer.json()["message"]) == ("1", True)
        assert stand.call("PATCH", project, {"name": "renamed"}).status_code == 200
        gate.open.set()
        assert made.result(WAIT_SECONDS).status_code == 201
    assert [stand.call(method, path, body).status_code for method, path, body, _ in second] == [201, 201, 200]


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_parent_is_deleted_while_its_child_is_made(edition: str) -> None:
    """The delete answers at once, the create hears that there is no such parent, and nothing is left of the child."""
    stand = surface(edition=edition)
    project = stand.project()
    parent = stand.root(project)
    name = parent.rpartition("/")[2]
    gate = gate_of(stand)
    child = {"name": "child", "mode": "inherit", "parentID": name}
    with ThreadPoolExecutor() as pool:
        made = pool.submit(stand.call, "POST", f"{project}/branches", child)
        assert gate.entered.wait(WAIT_SECONDS)
        assert stand.call("DELETE", parent).status_code == 204
        gate.open.set()
        assert stand.message(made.result(WAIT_SECONDS)) == (404, f"Branch [{name}]: not found")
    assert gate.passwords == {}
    assert stand.call("GET", f"{project}/branches").json() == {"branches": []}
