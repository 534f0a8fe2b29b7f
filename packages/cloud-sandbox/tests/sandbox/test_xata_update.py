"""Changing and deleting branches."""

from __future__ import annotations

from typing import Any

import pytest

from cloud_sandbox.faults import Fault
from tests.sandbox.xata_surface import surface


def refused(body: Any, *, edition: str = "june") -> tuple[int, str]:
    """Change a fresh branch; status and message, its id written as ID."""
    stand = surface(edition=edition)
    branch = stand.root(stand.project())
    status, message = stand.message(stand.call("PATCH", branch, body))
    return status, message.replace(branch.rpartition("/")[2], "ID")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "[all]: branch [ID]: at least one of the request fields needs to be set"),
        ({"region": "x", "mode": "custom"}, "[all]: branch [ID]: at least one of the request fields needs to be set"),
        ({"replicas": -1}, "[configuration]: number of replicas requires at least 1 instance(s)"),
        ({"replicas": 5}, "[configuration]: number of replicas exceeds the maximum of 5 instance(s)"),
        (
            {"image": "postgres:17.10", "replicas": 1, "instanceType": "xata.small"},
            (
                "[image]: image cannot be updated together with postgres configuration parameters, instance type,"
                " or preload libraries"
            ),
        ),
        (
            {"backupConfiguration": {"retentionPeriod": 36}},
            "[backup retentionPeriod]: must be at least 2 days and maximum 35 days",
        ),
        ({"instanceType": "x"}, "[configuration]: branch [ID]: instance type x is not found"),
        ({"image": "postgres:18.4"}, "[image]: no major version upgrades supported: 18 is different than current 17"),
        ({"image": "postgres:17.7"}, "[image]: new minor: 7 is older than current  9"),
        ({"image": ""}, "[image]: image  is not valid"),
        ({"storage": 2000}, "[configuration]: storage size cannot exceed 1024Gi (requested: 2000Gi)"),
    ],
)
def test_a_bad_change_is_refused(body: dict[str, Any], message: str) -> None:
    """Each mistake is 400 with its words."""
    assert refused(body) == (400, f"Branch [ID]: invalid parameter {message}")


def test_storage_only_grows() -> None:
    """A smaller size is refused by the resource; the older server takes it."""
    status, message = refused({"storage": 100})
    assert (status, "storage size cannot be decreased" in message) == (400, True)
    old = surface(edition="april")
    assert old.call("PATCH", old.root(old.project()), {"storage": 100}).status_code == 200


def test_descriptions_are_checked_since_june() -> None:
    """The older server takes any; neither can clear one with null."""
    assert refused({"description": ""}) == (400, "description  invalid: invalid branch description ")
    old = surface(edition="april")
    branch = old.root(old.project())
    assert old.call("PATCH", branch, {"description": "a_b!"}).json()["description"] == "a_b!"
    assert old.call("PATCH", branch, {"description": None}).status_code == 400


def test_the_newest_edition_clears_a_description_and_names_the_storage() -> None:
    """An empty description takes the key away; a smaller size is refused with the present one."""
    stand = surface()
    branch = stand.root(stand.project(), description="told")
    assert "description" not in stand.call("PATCH", branch, {"description": ""}).json()
    assert "description" not in stand.call("GET", branch).json()
    status, message = refused({"storage": 100}, edition="current")
    assert (status, message.partition(": invalid ")[2]) == (
        400,
        "parameter [storage]: storage size cannot be decreased (current: 250 GB)",
    )


def test_a_change_reads_back() -> None:
    """Everything that was changed shows, and only name and description move the time."""
    stand = surface()
    branch = stand.root(stand.project())
    stand.clock.sleep(60)
    body = {
        "replicas": 2,
        "storage": 300,
        "instanceType": "xata.small",
        "postgresConfigurationParameters": {"max_connections": "100"},
        "scaleToZero": {"enabled": True, "inactivityPeriodMinutes": 15},
        "backupConfiguration": {"retentionPeriod": 7, "backupTime": "*:02:30"},
    }
    answer = stand.call("PATCH", branch, body).json()
    after = stand.call("GET", branch).json()
    assert answer["publicAccess"] is False
    assert (after["configuration"]["replicas"], after["configuration"]["storage"]) == (2, 300)
    assert after["configuration"]["instanceType"] == "xata.small"
    assert after["configuration"]["postgresConfigurationParameters"] == {"max_connections": "100"}
    assert after["scaleToZero"] == {"enabled": True, "inactivityPeriodMinutes": 15}
    assert after["backupConfiguration"] == {"backupTime": "*:02:30", "retentionPeriod": 7}
    assert after["updatedAt"] == after["createdAt"]
    renamed = stand.call("PATCH", branch, {"name": "new", "description": "told"}).json()
    assert (renamed["name"], renamed["description"], renamed["updatedAt"]) == ("new", "told", "2027-01-15T08:01:00Z")


def test_half_a_schedule_keeps_the_other_half() -> None:
    """A new retention leaves the time, and the reverse."""
    stand = surface()
    branch = stand.root(stand.project(), backupConfiguration={"backupTime": "3:04:05"})
    stand.call("PATCH", branch, {"backupConfiguration": {"retentionPeriod": 9}})
    assert stand.call("GET", branch).json()["backupConfiguration"] == {"backupTime": "3:04:05", "retentionPeriod": 9}


def test_names_may_be_empty_but_not_taken() -> None:
    """An empty name is accepted here, a taken one is 409, the branch's own is fine."""
    stand = surface()
    project = stand.project()
    branch = stand.root(project, "one")
    stand.root(project, "two")
    assert stand.message(stand.call("PATCH", branch, {"name": "two"})) == (409, "branch [two] already exists")
    assert stand.call("PATCH", branch, {"name": "one"}).status_code == 200
    assert stand.call("PATCH", branch, {"name": ""}).json()["name"] == ""


def test_a_failed_cluster_part_takes_the_name_back() -> None:
    """Name and settings change together or not at all."""
    stand = surface()
    branch = stand.root(stand.project())
    assert stand.call("PATCH", branch, {"name": "new", "storage": 1}).status_code == 400
    assert stand.call("GET", branch).json()["name"] == "main"


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("Aborted", 409, "branch [ID] was modified concurrently, please retry"),
        ("PermissionDenied", 403, "Branch [ID] update is temporarily unavailable"),
        ("NotFound", 404, "Branch [ID]: not found"),
        ("Internal", 500, "Internal Error"),
    ],
)
def test_the_clusters_service_may_refuse(code: str, status: int, message: str) -> None:
    """Its codes have an answer each, and the change is not made."""
    stand = surface()
    branch = stand.root(stand.project())
    stand.service.faults.add(Fault(method="PATCH", cluster=code))
    answered, text = stand.message(stand.call("PATCH", branch, {"name": "new", "replicas": 1}))
    assert answered == status
    assert text.replace(branch.rpartition("/")[2], "ID").startswith(message)
    assert stand.call("GET", branch).json()["name"] == "main"


def test_an_unknown_branch_is_looked_for_last() -> None:
    """What the body says is judged first."""
    stand = surface()
    project = stand.project()
    assert stand.call("PATCH", f"{project}/branches/nobody", {}).status_code == 400
    assert stand.message(stand.call("PATCH", f"{project}/branches/nobody", {"name": "x"})) == (
        404,
        "branch [nobody] not found",
    )


def test_deleting_looks_at_no_child() -> None:
    """A parent goes while children live: they keep its id, work on, and nobody can branch from it."""
    stand = surface()
    project = stand.project()
    root = stand.root(project)
    child = stand.child(root)
    identifier = root.rpartition("/")[2]
    assert stand.call("DELETE", root).status_code == 204
    assert stand.message(stand.call("DELETE", root)) == (404, f"branch [{identifier}] not found")
    assert stand.call("GET", child).json()["parentID"] == identifier
    assert stand.call("GET", f"{child}/credentials?username=xata").status_code == 200
    assert identifier not in stand.databases.passwords
    stand.child(child, "grandchild")


def test_a_branch_whose_cluster_is_lost() -> None:
    """Reading says so in other words; deleting removes the row since June, and keeps it before."""
    for edition, deleted, after in (("june", 204, 404), ("april", 404, 404)):
        stand = surface(edition=edition)
        branch = stand.root(stand.project())
        identifier = branch.rpartition("/")[2]
        stand.service.world.branches[identifier].life.gone = True
        assert stand.message(stand.call("GET", branch)) == (404, f"Branch [{identifier}]: not found")
        assert stand.call("DELETE", branch).status_code == deleted
        assert stand.call("GET", branch).status_code == after
        names = [one["name"] for one in stand.call("GET", branch.rpartition("/")[0]).json()["branches"]]
        assert names == (["main"] if edition == "april" else [])
