"""The stand-in's answers and the client's requests, judged by the service's own OpenAPI document, and it by them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from cloud_sandbox.faults import Fault
from tests.contract.deviations import DEVIATIONS, NOT_SERVED
from tests.contract.document import Exchange, Problem, judge, needs_document
from tests.contract.standin import EDITIONS, KEY, NOBODY, ORGANIZATION, READER, StandIn
from tests.contract.tour import ROOT, UNKNOWN_BRANCH, Tour

pytestmark = needs_document

PROJECTS = f"/organizations/{ORGANIZATION}/projects"
VARIANTS: dict[str, dict[str, Any]] = {
    **{
        f"{edition}-{pace}": {"edition": edition, "pace": pace} for edition in EDITIONS for pace in ("at-once", "reads")
    },
    "short-words": {"status_prefix": False},
    "two-fields": {"credentials_shape": "two"},
    "no-account": {"account_routes": False},
}
REFUSALS = "refusals"


@cache
def _walked(variant: str) -> list[Exchange]:
    """The whole tour."""
    standin = StandIn(**VARIANTS[variant])
    recorder = standin.recorded()
    Tour(standin.http(recorder), ORGANIZATION).walk()
    return recorder.exchanges


@cache
def _refused() -> list[Exchange]:
    """What only happens to certain keys and organizations, at limits, and when a part of the service fails."""
    return [*_weak_key(), *_at_limits(), *_failing(), *_elsewhere()]


def _weak_key() -> list[Exchange]:
    standin = StandIn()
    recorder = standin.recorded()
    http = standin.http(recorder)
    project = http.post(PROJECTS, json={"name": "one"}).json()["id"]
    for key in (READER, NOBODY):
        http.headers["Authorization"] = f"Bearer {key}"
        for path in ("regions", "images", "limits", "projects", "projects/limits", f"projects/{project}/branches"):
            http.get(f"/organizations/{ORGANIZATION}/{path}")
        http.post(PROJECTS, json={"name": "two"})
        http.post(f"{PROJECTS}/{project}/branches", json={"name": "b", "mode": "custom", "configuration": ROOT})
        http.delete(f"{PROJECTS}/{project}")
    return recorder.exchanges


def _at_limits() -> list[Exchange]:
    limits = {"maxBranchesPerHour": 3, "maxBranchesPerProject": 2, "maxProjects": 2, "maxProjectsPerHour": 2}
    standin = StandIn(limits=limits)
    recorder = standin.recorded()
    http = standin.http(recorder)
    projects = [http.post(PROJECTS, json={"name": f"p{number}"}) for number in range(4)]
    for project in projects[:2]:
        for number in range(3):
            body = {"name": f"b{number}", "mode": "custom", "configuration": ROOT}
            http.post(f"{PROJECTS}/{project.json()['id']}/branches", json=body)
    return recorder.exchanges


def _failing() -> list[Exchange]:
    standin = StandIn()
    recorder = standin.recorded()
    http = standin.http(recorder)
    project = http.post(PROJECTS, json={"name": "one"}).json()["id"]
    branches = f"{PROJECTS}/{project}/branches"
    body = {"name": "b", "mode": "custom", "configuration": ROOT}
    branch = http.post(branches, json=body).json()["id"]
    orders = (
        "Aborted",
        "FailedPrecondition",
        "Internal",
        "InvalidArgument",
        "NotFound",
        "PermissionDenied",
        "Unavailable",
    )
    for code in orders:
        for method, path, sent in (
            ("POST", branches, {**body, "name": code}),
            ("POST", branches, {"name": code, "mode": "inherit", "parentID": branch}),
            ("PATCH", f"{branches}/{branch}", {"replicas": 1}),
            ("POST", f"{branches}/{branch}/credentials/rotate", {"username": "xata"}),
        ):
            standin.service.faults.add(Fault(cluster=code))
            http.request(method, path, json=sent)
            standin.service.faults.clear()
    for status in (429, 500, 502, 503, 504):
        standin.service.faults.add(Fault(status=status, retry_after="1"))
        http.get(branches)
    return recorder.exchanges


def _elsewhere() -> list[Exchange]:
    standin = StandIn()
    recorder = standin.recorded()
    http = standin.http(recorder)
    http.get("/_hello")
    http.get("/nowhere")
    http.put(PROJECTS, json={"name": "x"})
    http.post(f"{PROJECTS}/x/branches/{UNKNOWN_BRANCH}/nothing", json={})
    return recorder.exchanges


@cache
def _exchanges(variant: str) -> list[Exchange]:
    return _refused() if variant == REFUSALS else _walked(variant)


@cache
def _problems(variant: str) -> list[Problem]:
    return [one for exchange in _exchanges(variant) for one in judge().of_answer(exchange)]


@cache
def _statuses() -> dict[str, set[int]]:
    """Which statuses each operation was seen to answer."""
    seen: dict[str, set[int]] = {}
    for variant in (*VARIANTS, REFUSALS):
        for exchange in _exchanges(variant):
            seen.setdefault(judge().operation(exchange.request), set()).add(exchange.response.status_code)
    return seen


@pytest.mark.parametrize("variant", [*VARIANTS, REFUSALS])
def test_answers_are_those_of_the_document(variant: str) -> None:
    """[G1] Every answer of a tour of the whole surface is as the document says, or a listed difference."""
    unexplained = {str(one) for one in _problems(variant) if not any(known.covers(one) for known in DEVIATIONS)}
    assert not unexplained


def test_no_difference_is_listed_for_nothing() -> None:
    """Every listed difference shows in some answer, so that the list stays true."""
    problems = [one for variant in (*VARIANTS, REFUSALS) for one in _problems(variant)]
    assert not [known.reason for known in DEVIATIONS if not any(known.covers(one) for one in problems)]


def test_the_tour_sees_every_operation_that_is_served() -> None:
    """Each operation of the document is answered well at least once, or listed as one that nobody asks for."""
    worked = {200, 201, 204, 500, 501}
    served = {operation for operation, statuses in _statuses().items() if statuses & worked}
    unserved = {one for one in judge().operations if any(re.fullmatch(words, one) for words in NOT_SERVED.values())}
    assert judge().operations.keys() - served == unserved


def test_each_operation_refuses_in_the_usual_ways() -> None:
    """Every operation on a branch was seen to refuse strangers and to miss branches, and create all that it can."""
    for name in ("describeBranch", "updateBranch", "deleteBranch", "getBranchCredentials", "rotateBranchCredentials"):
        assert {401, 404} <= _statuses()[name], name
    assert {201, 400, 403, 404, 409, 412, 429, 500} <= _statuses()["createBranch"]


def test_no_answer_repeats_the_key() -> None:
    """Neither an answer's body nor its headers hold the key of the request."""
    for variant in (*VARIANTS, REFUSALS):
        for exchange in _exchanges(variant):
            assert KEY not in exchange.response.text + str(exchange.response.headers)
