"""What any serious provider must stand, on the embedded engine everywhere and on the Pulumi CLI where there is one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cloud_sandbox.faults import Fault
from cloud_sandbox.xata.settings import Key
from components.errors import InfraError, NotReadyError, RefusedError
from components.xata.api.client import Client
from components.xata.branches.clock import Clock
from components.xata.branches.create import ensure_branch
from components.xata.branches.place import Place
from components.xata.branches.ready import wait_until_healthy
from components.xata.inputs import BranchIdentity
from tests.contract.served import served
from tests.contract.stacked import Stacked
from tests.contract.standin import KEY, LOCAL, ORGANIZATION, StandIn
from tests.contract.tour import REGION, ROOT, UNKNOWN_BRANCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CATALOGUE = {
    *(f"A{number}" for number in range(1, 11)),
    *("B1", "B2", "B6"),
    *(f"C{number}" for number in range(1, 5)),
    *(f"D{number}" for number in range(1, 15)),
    *("E1", "E2", "F1", "F2", "G1"),
}
WAYS = [
    "embedded",
    pytest.param(
        "pulumi",
        marks=[
            pytest.mark.cli,
            pytest.mark.skipif(
                shutil.which("pulumi") is None, reason="no pulumi on the PATH: ./infra setup --pulumi installs it"
            ),
        ],
    ),
]
WEAK = "xau_" + "weakreader" * 4
MUTABLE: dict[str, Any] = {
    "description": "infra stack staging for tests",
    "scale_to_zero_enabled": True,
    "scale_to_zero_minutes": 45,
    "backup_retention_days": 14,
    "backup_time": "1:03:15",
    "instance_type": "xata.small",
    "replicas": 1,
    "storage": 300,
}

MORE_BAD_INPUT: list[tuple[dict[str, Any], str]] = [
    ({"settings": {"backup_retention_days": 1}}, "backupRetentionDays"),
    ({"settings": {"backup_retention_days": 7.5}}, "backupRetentionDays"),
    ({"settings": {"backup_retention_days": "7"}}, "backupRetentionDays"),
    ({"settings": {"backup_time": "daily"}}, "backupTime"),
    ({"settings": {"scale_to_zero_minutes": 0}}, "scaleToZeroMinutes"),
    ({"branch": {"name": ""}}, "name"),
    ({"branch": {"name": "x" * 300}}, "name"),
    ({"branch": {"name": "a\tb"}}, "name"),
]


@pytest.fixture(params=WAYS)
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stacked]:
    """A stack with one branch below `main`, and nothing made yet."""
    standin = StandIn(more_keys=(Key(token=WEAK, scopes=("project:read", "branch:read", "credentials:read")),))
    with served(standin.service) as url:
        yield Stacked(tmp_path, standin, url, request.param)


def test_every_item_of_the_catalogue_has_its_test() -> None:
    """Each item is named in square brackets by the test that proves it."""
    items = re.compile(r'^    """((?:\[[A-G]\d+\])+)', re.MULTILINE)
    files = Path(__file__).resolve().parents[1].rglob("test_*.py")
    found = {one for file in files for named in items.findall(file.read_text()) for one in named[1:-1].split("][")}
    assert found >= CATALOGUE


def test_plans_write_nothing_and_settings_change_in_place(stack: Stacked) -> None:
    """[A2][A3][A4][A5] A preview only reads, up, refresh and up again agree, and every setting changes in place."""
    assert stack.preview().writes == []
    assert stack.there().keys() == {"main"}
    stack.must("up")
    made = stack.there()["staging"].id
    assert stack.run("refresh").nothing
    assert stack.run("up").nothing
    stack.want("staging", settings=MUTABLE)
    planned = stack.preview()
    assert (planned.writes, planned.steps) == ([], ["update settings"])
    assert stack.must("up").steps == ["update settings"]
    branch = stack.there()["staging"]
    assert (branch.id, branch.description) == (made, MUTABLE["description"])
    cluster = branch.cluster
    assert (cluster.size, cluster.replicas, cluster.storage) == ("xata.small", 1, 300)
    assert (cluster.scale.enabled, cluster.scale.minutes) == (True, 45)
    assert cluster.backup is not None
    assert (cluster.backup.days, cluster.backup.time) == (14, "1:03:15")
    assert stack.run("up").nothing


def test_identity_replaces_in_order_or_is_refused_by_name(stack: Stacked) -> None:
    """[A6][A8][A9][D11] A preview's new name deletes the old first; a refused delete keeps the state; again is fine."""
    stack.want("pr-7")
    stack.must("up")
    stack.want("pr-8")
    ran = stack.must("up")
    kinds = [write.partition(" ")[0] for write in ran.writes]
    assert kinds.index("DELETE") < kinds.index("POST")
    assert stack.there().keys() == {"main", "pr-8"}
    stack.standin.service.faults.add(Fault(method="DELETE", status=422, message="not now"))
    refused = stack.run("destroy")
    assert not refused.result.succeeded
    assert "not now" in refused.said
    assert "branch" in stack.recorded()
    stack.must("destroy")
    assert stack.there().keys() == {"main"}
    assert stack.run("destroy").nothing


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"region": "us-west-2"}, "region"),
        pytest.param({"parent": "other"}, "parent", marks=pytest.mark.thorough),
        pytest.param({"name": "production"}, "name", marks=pytest.mark.thorough),
    ],
)
def test_a_persistent_branch_is_never_replaced(stack: Stacked, changes: dict[str, Any], named: str) -> None:
    """[A6][F1] What would make another branch of a persistent one is refused in the plan, with the input's name."""
    stack.must("up")
    made = stack.there()["staging"].id
    stack.make("other", mode="custom", configuration=ROOT)
    stack.want("staging", branch=changes)
    planned = stack.preview()
    assert not planned.result.succeeded
    assert named in planned.said
    assert not stack.run("up").result.succeeded
    assert stack.there()["staging"].id == made


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"settings": {"backup_retention_days": 36}}, "backupRetentionDays"),
        ({"branch": {"name": "a/b"}}, "name"),
        # The providers' own tests refuse the same without an engine around them.
        *(pytest.param(*case, marks=pytest.mark.thorough) for case in MORE_BAD_INPUT),
    ],
)
def test_bad_input_fails_in_the_plan(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    """[A7] A value that can never be had is refused in the preview, with its name, before anything is asked."""
    standin = StandIn()
    with served(standin.service) as url:
        stack = Stacked(tmp_path, standin, url, "embedded")
        stack.want("staging", **changes)
        planned = stack.preview()
    assert not planned.result.succeeded
    assert named in planned.said
    assert planned.calls == []


def test_a_deleted_branch_and_a_deleted_parent(stack: Stacked) -> None:
    """[B1][B2] A child outlives its parent without a change; once it is deleted too, up says what is missing."""
    stack.must("up")
    there = stack.there()
    stack.http.delete(stack.path(there["main"].id)).raise_for_status()
    assert stack.run("up").nothing
    stack.http.delete(stack.path(there["staging"].id)).raise_for_status()
    failed = stack.run("up")
    assert not failed.result.succeeded
    assert "main" in failed.said
    stack.make("main", mode="custom", configuration=ROOT)
    stack.must("up")
    assert stack.there().keys() == {"main", "staging"}
    assert stack.run("up").nothing


def test_a_lost_state_is_found_again(stack: Stacked) -> None:
    """[C2] What carries our mark is taken over after the state was lost, and nothing is made twice."""
    stack.must("up")
    made = stack.there()["staging"].id
    stack.forget()
    ran = stack.must("up")
    assert not [write for write in ran.writes if write.startswith(("POST", "DELETE"))]
    assert stack.there()["staging"].id == made
    assert stack.run("up").nothing


def test_a_strangers_branch_is_refused_then_taken_over_by_id(stack: Stacked) -> None:
    """[C1][C3] A stranger's branch is refused with how to adopt it; adopted, the next plans and runs show nothing."""
    # Neither engine can import a dynamic resource, so this is the way in for what exists.
    theirs = stack.make("staging", mode="inherit", parentID=stack.there()["main"].id, description="made by hand")
    refused = stack.run("up")
    assert not refused.result.succeeded
    assert refused.writes == []
    assert theirs in refused.said
    assert "adoptBranch" in refused.said
    stack.want("staging", branch={"adopt": theirs})
    stack.must("up")
    assert stack.there()["staging"].id == theirs
    assert stack.preview().nothing
    assert stack.run("up").nothing


@pytest.mark.thorough
def test_a_hail_of_faults_is_survived(stack: Stacked) -> None:
    """[D1][D2][D3][D4][D5][D6] Each request meets another fault, a create is answered by silence, and up ends well."""
    for fault in (
        Fault(method="GET", status=429, retry_after="1"),
        Fault(method="GET", nth=2, status=500),
        Fault(method="GET", nth=3, cut="before"),
        Fault(method="GET", nth=4, malformed=True, cut="in"),
        Fault(method="GET", nth=5, status=503, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"),
        Fault(method="POST", status=503, retry_after="1"),
        Fault(method="POST", nth=2, lose_answer=True),
        Fault(method="PATCH", lose_answer=True),
    ):
        stack.standin.service.faults.add(fault)
    ran = stack.must("up")
    created = [call["status"] for call in ran.calls if call["method"] == "POST"]
    assert created[:3] == [503, None, 409]
    assert len(created) == 3
    assert stack.there().keys() == {"main", "staging"}
    assert stack.run("up").nothing


@pytest.mark.parametrize("status", [pytest.param(number, marks=pytest.mark.thorough) for number in (409, 502)])
def test_an_error_that_lasts_is_told_and_then_healed(stack: Stacked, status: int) -> None:
    """[D2][D3] A create that is refused for ever fails in words, is not hammered, and works once it can."""
    stack.standin.service.faults.add(Fault(method="POST", status=status, times=0))
    failed = stack.run("up")
    assert not failed.result.succeeded
    assert "Traceback" not in failed.said
    assert sum(call["method"] == "POST" for call in failed.calls) <= 6
    stack.standin.service.faults.clear()
    stack.must("up")
    assert stack.run("up").nothing


@pytest.mark.parametrize("way", WAYS)
def test_a_branch_that_never_gets_ready_ends_at_one_deadline(tmp_path: Path, way: str) -> None:
    """[D7] The run ends at its deadline, names the last state, and the next one goes on with the same branch."""
    standin = StandIn(pace="time", hibernated=0.0, transient=3600.0, secret=0.0)
    with served(standin.service) as url:
        stack = Stacked(tmp_path, standin, url, way)
        standin.service.world.advance(4000)
        stack.want("staging", connection={"ready_timeout_seconds": 2})
        failed = stack.run("up")
        assert not failed.result.succeeded
        assert "STATUS_TYPE_TRANSIENT" in failed.said
        made = stack.there()["staging"].id
        standin.service.world.advance(4000)
        stack.must("up")
        assert stack.there()["staging"].id == made
        assert stack.run("up").nothing


def test_a_key_without_permission_is_told_which(stack: Stacked) -> None:
    """[D10] A key that may not create says which scope it lacks; an unknown key is told apart from that."""
    weak = stack.run("up", XATA_API_KEY=WEAK)
    assert not weak.result.succeeded
    assert "branch:write" in weak.said
    unknown = stack.run("up", XATA_API_KEY="xau_nobody")
    assert not unknown.result.succeeded
    assert "401" in unknown.said
    assert WEAK not in weak.said
    assert "xau_nobody" not in unknown.said
    assert stack.there().keys() == {"main"}


def _in_process(
    change: Callable[[httpx.Response], httpx.Response] | None = None, *, count: int = 0, before: bool = False
) -> tuple[Client, Place]:
    """A client of a stand-in with `main` and `count` more branches, whose answers `change` may alter.

    With `before` the stand-in does not see what changes something.
    """
    standin = StandIn()
    http = standin.http()
    projects = f"/organizations/{ORGANIZATION}/projects"
    project = http.post(projects, json={"name": "one"}).json()["id"]
    for name in ("main", *(f"b{number}" for number in range(count))):
        body = {"name": name, "mode": "custom", "configuration": ROOT}
        http.post(f"{projects}/{project}/branches", json=body).raise_for_status()

    def answer(request: httpx.Request) -> httpx.Response:
        held = before and request.method != "GET"
        response = httpx.Response(200, request=request) if held else standin.transport.handle_request(request)
        response.request = request
        return change(response) if change else response

    client = Client(key=KEY, base_url=LOCAL, transport=httpx.MockTransport(answer))
    return client, Place(organization=ORGANIZATION, project=project)


def _spec(name: str, parent: str = "main") -> BranchIdentity:
    return BranchIdentity(name=name, stack=name, region=REGION, parent=parent)


@pytest.mark.parametrize("status", [400, 403, 404, 408, 409, 412, 423, 429, 500, 502, 503, 504])
def test_a_refused_create_is_not_hammered(status: int) -> None:
    """[D2][D3][D6] Whatever a create is answered for ever, it is sent six times at most and ends in words of ours."""
    sent = []

    def refuse(response: httpx.Response) -> httpx.Response:
        if response.request.method != "POST":
            return response
        sent.append(response.request)
        return httpx.Response(status, json={"message": "ordered"}, request=response.request)

    client, place = _in_process(refuse, before=True)
    clock = Clock(now=_Steps(0.1), sleep=lambda _: None)
    with pytest.raises(InfraError) as caught:
        ensure_branch(client, place, _spec("staging"), clock=clock)
    assert caught.value.next_step
    assert 1 <= len(sent) <= 6


def test_two_branches_of_one_name_are_refused() -> None:
    """[C4] When two bear the name, which the service ought to prevent, neither is taken and both are named."""

    def twice(response: httpx.Response) -> httpx.Response:
        body = response.json() if response.content else {}
        if "branches" not in body:
            return response
        listed = [*body["branches"], *({**one, "id": UNKNOWN_BRANCH} for one in body["branches"])]
        return httpx.Response(response.status_code, json={"branches": listed}, request=response.request)

    client, place = _in_process(twice)
    with pytest.raises(RefusedError, match=UNKNOWN_BRANCH):
        ensure_branch(client, place, BranchIdentity(name="main", stack="x", region=REGION, parent="staging"))


def test_new_words_and_fields_are_understood() -> None:
    """[D9] Unknown fields and states of a newer service change nothing but what is said about them."""

    def newer(response: httpx.Response) -> httpx.Response:
        body = response.json() if response.content else {}
        if "status" in body:
            body["status"]["statusType"] = "STATUS_TYPE_ASCENDING"
        return httpx.Response(response.status_code, json={**body, "new": [{"a": None}]}, request=response.request)

    client, place = _in_process(newer)
    made = ensure_branch(client, place, _spec("staging"))
    assert ensure_branch(client, place, _spec("staging")).branch.id == made.branch.id
    clock = Clock(now=_Steps(0.3), sleep=lambda _: None)
    with pytest.raises(NotReadyError, match="ASCENDING"):
        wait_until_healthy(client, place, made.branch.id, timeout_seconds=5, clock=clock)


def test_waiting_does_not_look_at_the_wall_clock() -> None:
    """[D8] The machine's clock may jump by years in both directions; the deadline is measured by another one."""
    standin = StandIn(pace="reads", hibernated=3, transient=3)
    http = standin.http()
    projects = f"/organizations/{ORGANIZATION}/projects"
    project = http.post(projects, json={"name": "one"}).json()["id"]
    body = {"name": "main", "mode": "custom", "configuration": ROOT}
    made = http.post(f"{projects}/{project}/branches", json=body).json()["id"]
    jumps = iter([0.0, 4e9, -4e9, 1e9] * 100)
    clock = Clock(now=_Steps(0.1), wall=lambda: next(jumps), sleep=lambda _: None)
    client = Client(key=KEY, base_url=LOCAL, transport=standin.transport)
    place = Place(organization=ORGANIZATION, project=project)
    assert wait_until_healthy(client, place, made, timeout_seconds=60, clock=clock).status.kind == "healthy"


def test_the_last_of_many_branches_is_found() -> None:
    """[D12] The service answers with all branches at once, however many: none is overlooked, none made twice."""
    client, place = _in_process(count=150)
    made = ensure_branch(client, place, _spec("child", parent="b149"))
    assert ensure_branch(client, place, _spec("child", parent="b149")).branch.id == made.branch.id
    assert len(client.branches(place.organization, place.project)) == 152


class _Steps:
    """A clock that goes on by a step whenever it is looked at."""

    def __init__(self, step: float) -> None:
        self._step, self._now = step, 0.0

    def __call__(self) -> float:
        self._now += self._step
        return self._now
