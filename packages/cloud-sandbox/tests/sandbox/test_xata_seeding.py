"""Branches by the thousand: listed, read and deleted as all others, without a database; and few writes for many."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from cloud_sandbox.errors import ControlError
from cloud_sandbox.persistence import FILE, Recorder
from cloud_sandbox.xata.control import seed, unseed
from tests.contract.standin import ORGANIZATION, StandIn
from tests.contract.tour import ROOT

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 1000


@pytest.fixture
def made() -> tuple[StandIn, str]:
    """A stand-in whose project has a root branch, and the path of its branches."""
    standin = StandIn()
    http = standin.http()
    project = http.post(f"/organizations/{ORGANIZATION}/projects", json={"name": "one"}).json()["id"]
    path = f"/organizations/{ORGANIZATION}/projects/{project}/branches"
    http.post(path, json={"name": "main", "mode": "custom", "configuration": ROOT}).raise_for_status()
    return standin, path


def test_a_thousand_branches_are_as_all_others(made: tuple[StandIn, str]) -> None:
    """They are in the list, tell their description and parent when read, and can be deleted; a child may follow."""
    standin, path = made
    wanted: list[dict[str, Any]] = [{"name": f"pr-{number}", "description": "d"} for number in range(1, COUNT)]
    wanted.append({"name": "child", "parent": "pr-1"})
    ids = seed(standin.service.world, {"parent": "main", "branches": wanted})
    http = standin.http()
    assert len(http.get(path).json()["branches"]) == COUNT + 1
    read = http.get(f"{path}/{ids['child']}").json()
    assert (read["name"], read["parentID"]) == ("child", ids["pr-1"])
    assert http.get(f"{path}/{ids['pr-1']}").json()["description"] == "d"
    assert http.delete(f"{path}/{ids['child']}").status_code == 204
    assert http.get(f"{path}/{ids['child']}").status_code == 404
    unseed(standin.service.world, {"names": [f"pr-{number}" for number in range(1, COUNT)]})
    assert [one["name"] for one in http.get(path).json()["branches"]] == ["main"]


@pytest.mark.parametrize("wanted", [{"name": "main"}, {"name": ""}, {}, {"name": "x", "parent": "nobody"}])
def test_what_cannot_be_seeded_is_named(made: tuple[StandIn, str], wanted: dict[str, Any]) -> None:
    """A taken or missing name, and a parent that is not there."""
    with pytest.raises(ControlError):
        seed(made[0].service.world, {"parent": "main", "branches": [wanted]})


def test_many_changes_at_once_share_a_write(tmp_path: Path) -> None:
    """Whoever waits while another writes has been written with the next one; the last change is never lost."""
    recorder, writes, first = Recorder(tmp_path), [0], threading.Event()
    changes: list[int] = []

    def snapshot() -> dict[str, Any]:
        writes[0] += 1
        first.wait(10)
        return {"branches": [], "changes": list(changes)}

    def change(number: int) -> None:
        changes.append(number)
        recorder.save()
        assert number in json.loads((tmp_path / FILE).read_text())["service"]["changes"]

    recorder.follow(snapshot, dict)
    with ThreadPoolExecutor(20) as pool:
        done = [pool.submit(change, number) for number in range(20)]
        while len(changes) < 20:
            pass
        first.set()
        for one in done:
            one.result()
    assert writes[0] <= 3
