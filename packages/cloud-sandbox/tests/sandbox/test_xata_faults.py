"""Ordered faults, the log of calls, and the stand-in's own surface."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from cloud_sandbox.errors import ControlError
from cloud_sandbox.faults import Fault, fault_of
from cloud_sandbox.wire import Request
from tests.sandbox.xata_surface import CONFIGURATION, Surface, surface

CREATION = {"name": "main", "mode": "custom", "configuration": CONFIGURATION}


def order(stand: Surface, **parts: Any) -> None:
    """Order a fault as the control surface does."""
    stand.service.faults.add(fault_of(parts))


def control(stand: Surface, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One call of the stand-in's own surface."""
    raw = b"" if body is None else json.dumps(body).encode()
    answer = stand.service.handle(Request(method=method, path=f"/sandbox/{path}", body=raw))
    return answer.status, json.loads(answer.body) if answer.body else None


def names(stand: Surface, project: str) -> list[str]:
    """The names of a project's branches."""
    return [branch["name"] for branch in stand.call("GET", f"{project}/branches").json()["branches"]]


def test_a_status_answers_without_working() -> None:
    """The ordered status comes with its Retry-After, nothing is written, and the next request is served."""
    stand = surface()
    project = stand.project()
    order(stand, match={"method": "POST", "path": "/branches$"}, status=429, retryAfter=7, message="slow down")
    answer = stand.call("POST", f"{project}/branches", CREATION)
    assert (stand.message(answer), answer.headers["retry-after"]) == ((429, "slow down"), "7")
    assert names(stand, project) == []
    assert stand.call("POST", f"{project}/branches", CREATION).status_code == 201


def test_a_server_error_is_masked_here_too() -> None:
    """The message of an ordered 5xx does not show."""
    stand = surface()
    order(stand, status=502, message="secret")
    answer = stand.call("GET", "/projects")
    assert answer.status_code == 502
    assert "secret" not in answer.text


def test_nth_and_times_choose_the_requests() -> None:
    """The third and the fourth matching request fail; other requests do not count."""
    stand = surface()
    order(stand, path="/projects$", nth=3, times=2, status=500)
    answers = []
    for _ in range(6):
        answers.append(stand.call("GET", "/projects").status_code)
        stand.call("GET", "/regions")
    assert answers == [200, 200, 500, 500, 200, 200]


def test_cut_before_writes_nothing() -> None:
    """The connection ends without an answer, and the request was not worked on."""
    stand = surface()
    project = stand.project()
    order(stand, method="POST", cut="before")
    with pytest.raises(httpx.RemoteProtocolError):
        stand.call("POST", f"{project}/branches", CREATION)
    assert names(stand, project) == []


def test_a_lost_answer_leaves_the_row() -> None:
    """The branch exists although nobody heard of it; the same request again says so."""
    stand = surface()
    project = stand.project()
    order(stand, method="POST", loseAnswer=True)
    with pytest.raises(httpx.RemoteProtocolError):
        stand.call("POST", f"{project}/branches", CREATION)
    assert names(stand, project) == ["main"]
    assert stand.message(stand.call("POST", f"{project}/branches", CREATION)) == (409, "branch [main] already exists")


def test_an_aborted_create_leaves_nothing() -> None:
    """The caller is gone while it is provisioned: no row, no database, the name is free."""
    stand = surface()
    project = stand.project()
    order(stand, method="POST", abort=True, hold=3)
    with pytest.raises(httpx.RemoteProtocolError):
        stand.call("POST", f"{project}/branches", CREATION)
    assert (names(stand, project), stand.databases.passwords) == ([], {})
    assert stand.call("POST", f"{project}/branches", CREATION).status_code == 201


def test_a_caller_who_closes_during_the_create_rolls_it_back() -> None:
    """What the real server does when the connection ends before the commit."""
    stand = surface()
    project = stand.project()
    request = Request(
        method="POST",
        path=f"/organizations/sand01{project}/branches",
        headers={"authorization": "Bearer xau_surface"},
        body=json.dumps(CREATION).encode(),
        gone=lambda: True,
    )
    assert stand.service.handle(request).cut == "before"
    assert (names(stand, project), stand.databases.passwords) == ([], {})


def test_a_malformed_answer_is_no_json() -> None:
    """The body stops in the middle although the answer is whole."""
    stand = surface()
    order(stand, malformed=True)
    answer = stand.call("GET", "/projects")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_delay_meets_the_callers_patience() -> None:
    """It passes on the stand-in's clock, and a shorter timeout is a read timeout."""
    stand = surface()
    order(stand, delay=30, times=2)
    before = stand.clock.now
    assert stand.call("GET", "/projects", timeout=60).status_code == 200
    assert stand.clock.now == before + 30
    with pytest.raises(httpx.ReadTimeout):
        stand.call("GET", "/projects", timeout=5)


@pytest.mark.parametrize(
    ("code", "mode", "status"),
    [
        ("FailedPrecondition", "inherit", 412),
        ("FailedPrecondition", "custom", 500),
        ("NotFound", "inherit", 404),
        ("InvalidArgument", "custom", 400),
        ("Internal", "custom", 500),
    ],
)
def test_the_clusters_service_refuses_a_create(code: str, mode: str, status: int) -> None:
    """Its code decides the answer, and the branch does not exist."""
    stand = surface()
    project = stand.project()
    root = stand.root(project)
    order(stand, method="POST", cluster=code)
    body = CREATION | {"name": "new", "mode": mode, "parentID": root.rpartition("/")[2]}
    assert stand.call("POST", f"{project}/branches", body).status_code == status
    assert names(stand, project) == ["main"]


def test_failing_databases_are_server_errors() -> None:
    """Create and delete fail with 500 when the database does, and can be repeated."""
    stand = surface()
    project = stand.project()
    branch = stand.root(project)
    working = stand.service.world.databases
    stand.service.world.databases = _Broken()
    assert stand.call("POST", f"{project}/branches", CREATION | {"name": "new"}).status_code == 500
    assert stand.call("DELETE", branch).status_code == 500
    assert names(stand, project) == ["main"]
    stand.service.world.databases = working
    assert stand.call("DELETE", branch).status_code == 204


class _Broken:
    def create(self, branch_id: str, *, parent_id: str | None, password: str) -> None:
        raise OSError(branch_id, parent_id, password)

    def set_password(self, branch_id: str, password: str) -> None:
        raise OSError(branch_id, password)

    def drop(self, branch_id: str) -> None:
        raise OSError(branch_id)


@pytest.mark.parametrize(
    "parts",
    [
        {"cut": "later"},
        {"cluster": "Odd"},
        {"status": 99},
        {"nth": 0},
        {"delay": -1},
        {"path": "("},
        {"what": 1},
        {"times": "2"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(parts: dict[str, Any]) -> None:
    """Each mistake in an order is named."""
    with pytest.raises(ControlError):
        fault_of(parts)
    status, body = control(surface(), "POST", "faults", parts)
    assert (status, bool(body["message"])) == (400, True)


def test_the_log_names_calls_without_values() -> None:
    """Method, path, keys and status of every call, in order, and no token, value or password."""
    stand = surface()
    project = stand.project("a-secret-name")
    order(stand, cut="before")
    with pytest.raises(httpx.RemoteProtocolError):
        stand.call("GET", project)
    status, body = control(stand, "GET", "calls")
    first, second = body["calls"]
    assert (status, first["method"], first["path"]) == (200, "POST", "/organizations/sand01/projects")
    assert (first["keys"], first["status"], first["fault"]) == (["name"], 201, False)
    assert (second["status"], second["fault"]) == (None, True)
    assert not any(secret in json.dumps(body) for secret in ("a-secret-name", "xau_surface"))
    assert control(stand, "DELETE", "calls") == (204, None)
    assert control(stand, "GET", "calls") == (200, {"calls": []})


def test_the_control_surface_changes_the_world() -> None:
    """Clock, flags, organization and branches are set from outside, and the state has no password."""
    stand = surface(pace="time", hibernated=5, transient=5, secret=0)
    branch = stand.root(stand.project())
    name = branch.rpartition("/")[2]
    control(stand, "POST", "clock", {"advance": 10})
    assert stand.status_type(branch) == "HEALTHY"
    control(stand, "POST", f"branches/{name}", {"statusType": "FAULT", "status": "broken"})
    assert stand.call("GET", branch).json()["status"]["status"] == "broken"
    assert stand.service.route(name) == "not-ready"
    control(stand, "POST", f"branches/{name}", {"statusType": "", "hibernate": True})
    assert stand.status_type(branch) == "HIBERNATED"
    control(stand, "POST", "flags", {"branchCreationDisabled": True})
    assert stand.call("POST", f"{branch.partition('/branches')[0]}/branches", CREATION).status_code == 503
    control(stand, "POST", "organizations/sand01", {"status": "disabled"})
    assert stand.call("POST", "/projects", {}).status_code == 403
    state = json.dumps(control(stand, "GET", "state")[1])
    assert name in state
    assert stand.databases.passwords[name] not in state


def test_a_reset_leaves_nothing() -> None:
    """Projects, branches, databases, faults and the log are gone."""
    stand = surface()
    stand.root(stand.project())
    order(stand, status=500)
    assert control(stand, "POST", "reset") == (204, None)
    assert stand.call("GET", "/projects").json() == {"projects": []}
    assert (stand.databases.passwords, len(stand.service.log.entries)) == ({}, 1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "branches/nobody", {}, 404),
        ("POST", "clock", {"advance": "1"}, 400),
        ("POST", "faults", [], 400),
    ],
)
def test_an_order_that_is_not_understood_says_so(method: str, path: str, body: Any, status: int) -> None:
    """Unknown orders are 404, malformed ones 400, each with a message."""
    answered, found = control(surface(), method, path, body)
    assert (answered, bool(found["message"])) == (status, True)


def test_the_first_order_that_applies_wins() -> None:
    """Two orders for one request: the first is carried out, both have seen it."""
    stand = surface()
    stand.service.faults.add(Fault(status=500))
    stand.service.faults.add(Fault(status=501, nth=2))
    assert [stand.call("GET", "/projects").status_code for _ in range(3)] == [500, 501, 200]
