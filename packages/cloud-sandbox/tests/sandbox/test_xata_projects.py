"""Projects: names, limits, scale-to-zero defaults, address filters, deleting."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cloud_sandbox.xata.settings import Organization
from tests.sandbox.xata_surface import EDITIONS, surface

OFF = {"enabled": False, "inactivityPeriodMinutes": 30}


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_project_has_exactly_these_keys(edition: str) -> None:
    """A new project sleeps never, by default, and shows no address filter."""
    stand = surface(edition=edition)
    answer = stand.call("POST", "/projects", {"name": "shop"})
    body = answer.json()
    assert answer.status_code == 201
    assert re.fullmatch(r"prj_[0-9a-v]{26}", body["id"])
    assert body["createdAt"] == body["updatedAt"] == "2027-01-15T08:00:00Z"
    assert list(body) == ["configuration", "createdAt", "id", "name", "updatedAt"]
    assert body["configuration"] == {"scaleToZero": {"baseBranches": OFF, "childBranches": OFF}}
    assert stand.call("GET", f"/projects/{body['id']}").json() == body
    assert stand.call("GET", "/projects").json() == {"projects": [body]}


@pytest.mark.parametrize("name", [" ", "über", "a/b", "..", "x" * 300, "Shop", "shop "])
def test_almost_any_name_will_do(name: str) -> None:
    """Names are only checked for being there; two that differ in case or blanks are two names."""
    stand = surface()
    stand.project("shop")
    assert stand.call("POST", "/projects", {"name": name}).status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "invalid project name []"),
        ({"name": None}, 400, "invalid project name []"),
        ({"name": "shop"}, 409, "project [shop] already exists"),
        (
            {"name": 5},
            400,
            "Unmarshal type error: expected=string, got=number, field=name",
        ),
        (b"{", 400, "Syntax error: the body is no JSON"),
        (b"null", 400, "invalid project name []"),
    ],
)
def test_a_bad_project_is_refused(body: Any, status: int, message: str) -> None:
    """Each mistake has its status and its words."""
    stand = surface()
    stand.project("shop")
    assert stand.message(stand.call("POST", "/projects", body)) == (status, message)


def test_a_wrong_content_type_is_415_only_here() -> None:
    """Creating a project passes the status on, the other writes turn it into 400."""
    stand, text = surface(), {"headers": {"content-type": "text/plain"}}
    project = stand.project()
    assert stand.message(stand.call("POST", "/projects", b"{}", **text)) == (415, "Unsupported Media Type")
    assert stand.message(stand.call("PATCH", project, b"{}", **text)) == (
        400,
        "code=415, message=Unsupported Media Type",
    )


def test_names_the_database_can_not_hold_fail() -> None:
    """A NUL character and a name too long for the index are server errors."""
    stand = surface()
    assert [stand.call("POST", "/projects", {"name": name}).status_code for name in ("a\0b", "a" * 5000)] == [500, 500]


def test_scale_to_zero_is_filled_in() -> None:
    """Missing, zero and negative minutes become thirty, and there is no upper limit."""
    stand = surface()
    project = stand.project(
        scaleToZero={"baseBranches": {"enabled": True}, "childBranches": {"inactivityPeriodMinutes": 5000}}
    )
    assert stand.call("GET", project).json()["configuration"]["scaleToZero"] == {
        "baseBranches": {"enabled": True, "inactivityPeriodMinutes": 30},
        "childBranches": {"enabled": False, "inactivityPeriodMinutes": 5000},
    }


def test_half_a_change_resets_the_other_half() -> None:
    """A change of scale-to-zero writes both halves, given or not."""
    stand = surface()
    project = stand.project(scaleToZero={"childBranches": {"enabled": True, "inactivityPeriodMinutes": 60}})
    body = {"configuration": {"scaleToZero": {"baseBranches": {"enabled": True, "inactivityPeriodMinutes": 15}}}}
    changed = stand.call("PATCH", project, body).json()["configuration"]["scaleToZero"]
    assert changed == {"baseBranches": {"enabled": True, "inactivityPeriodMinutes": 15}, "childBranches": OFF}


def test_an_empty_change_is_refused_before_the_project_is_looked_for() -> None:
    """Nothing to change is 400 also for an unknown project; an empty configuration only moves the time."""
    stand = surface()
    project = stand.project()
    message = "at least one of the request fields needs to be set"
    for body in ({}, {"name": None}, {"nonsense": 1}, b""):
        assert stand.message(stand.call("PATCH", "/projects/prj_x", body)) == (
            400,
            f"Project [prj_x]: invalid parameter [all]: {message}",
        )
    stand.clock.sleep(5)
    changed = stand.call("PATCH", project, {"configuration": {}})
    assert (changed.status_code, changed.json()["updatedAt"]) == (200, "2027-01-15T08:00:05Z")


def test_names_are_checked_less_when_they_change() -> None:
    """An empty new name is accepted, a taken one is not, the project's own one is."""
    stand = surface()
    stand.project("other")
    project = stand.project("shop")
    assert stand.message(stand.call("PATCH", project, {"name": "other"})) == (409, "project [other] already exists")
    assert stand.call("PATCH", project, {"name": "shop"}).status_code == 200
    assert stand.call("PATCH", project, {"name": ""}).json()["name"] == ""


def test_an_address_filter_is_shown_when_it_says_something() -> None:
    """Entries are not checked; a filter that is off and empty is left out."""
    stand = surface()
    entries = [{"cidr": "not-a-cidr", "description": "x" * 101}, {"cidr": "10.0.0.0/8"}]
    project = stand.project(ipFiltering={"enabled": False, "cidr": entries})
    shown = stand.call("GET", project).json()["configuration"]["ipFiltering"]
    assert shown == {"cidr": entries, "enabled": False}
    emptied = stand.call("PATCH", project, {"configuration": {"ipFiltering": {"enabled": False, "cidr": []}}})
    assert "ipFiltering" not in emptied.json()["configuration"]


def test_a_project_goes_when_it_is_empty() -> None:
    """Branches block it, a second delete is fine, an unknown one is not, and its name is free again."""
    stand = surface()
    project = stand.project("shop")
    branch = stand.root(project)
    name = project.removeprefix("/projects/")
    assert stand.message(stand.call("DELETE", project)) == (
        400,
        f"project {name} is not empty. Please delete its branches first.",
    )
    stand.call("DELETE", branch)
    assert [stand.call("DELETE", project).status_code for _ in range(2)] == [204, 204]
    assert stand.message(stand.call("DELETE", "/projects/prj_x")) == (404, "project [prj_x] not found")
    for path in (project, f"{project}/branches"):
        assert stand.message(stand.call("GET", path)) == (404, f"project [{name}] not found")
    assert stand.project("shop") != project


@pytest.mark.parametrize(("tier", "hourly"), [("t1", 5), ("t2", 20)])
def test_projects_are_limited_by_the_hour(tier: str, hourly: int) -> None:
    """Too many within an hour are 429 before anything else is looked at; an hour later it goes on."""
    stand = surface(organizations=(Organization(id="sand01", tier=tier),))
    for number in range(hourly):
        stand.project(f"p{number}")
    message = f"organization [sand01] has reached the limit of {hourly} project creations per hour"
    answer = stand.call("POST", "/projects", {"name": ""})
    assert stand.message(answer) == (429, message)
    assert "retry-after" not in answer.headers
    stand.clock.sleep(3601)
    assert stand.call("POST", "/projects", {"name": "one more"}).status_code == 201


def test_projects_are_limited_in_all() -> None:
    """The organization's limit is 403, and the older server knows none."""
    limited = (Organization(id="sand01", limits={"maxProjects": 2}),)
    stand, old = surface(organizations=limited), surface(organizations=limited, edition="april")
    for number in range(2):
        stand.project(f"p{number}")
        old.project(f"p{number}")
    message = "organization [sand01] has reached the limit of 2 projects"
    assert stand.message(stand.call("POST", "/projects", {"name": "p2"})) == (403, message)
    assert old.call("POST", "/projects", {"name": "p2"}).status_code == 201


def test_a_disabled_organization_only_reads_and_deletes() -> None:
    """Writes are 403 for it, reading and deleting are not."""
    stand = surface()
    project = stand.project()
    stand.service.world.organizations["sand01"] = Organization(id="sand01", status="disabled")
    message = "Organization [sand01] is disabled, please check your billing settings or contact support"
    assert stand.message(stand.call("POST", "/projects", {"name": "x"})) == (403, message)
    assert stand.message(stand.call("PATCH", project, b"{")) == (403, message)
    assert stand.call("GET", project).status_code == 200
    assert stand.call("DELETE", project).status_code == 204
