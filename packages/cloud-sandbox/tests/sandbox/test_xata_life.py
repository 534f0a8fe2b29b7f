"""How branches grow up, sleep, wake and rotate, at every pace."""

from __future__ import annotations

import json

import pytest

from cloud_sandbox.xata.databases import NoDatabases
from cloud_sandbox.xata.models import Branch
from cloud_sandbox.xata.service import Service
from tests.sandbox.xata_surface import Surface, surface

HEALTHY = "Cluster in healthy state"


def identifier(branch: str) -> str:
    """The branch's id from its path."""
    return branch.rpartition("/")[2]


def password(stand: Surface, branch: str) -> str | None:
    """The password as the API tells it; None while there is none."""
    answer = stand.call("GET", f"{branch}/credentials?username=xata")
    if answer.status_code == 200:
        found: str = answer.json()["password"]
        return found
    assert stand.message(answer) == (
        404,
        f"Credentials for username [xata] on branch [{identifier(branch)}]: not found",
    )
    return None


def rotate(stand: Surface, branch: str) -> int:
    """Ask for a new password."""
    return stand.call("POST", f"{branch}/credentials/rotate", {"username": "xata"}).status_code


def test_at_once_everything_is_there() -> None:
    """Without a pace a branch is healthy, has its secret and its first restore point."""
    stand = surface()
    branch = stand.root(stand.project())
    assert stand.status_type(branch) == "HEALTHY"
    assert password(stand, branch) == stand.databases.passwords[identifier(branch)]


def test_by_time_the_states_follow_each_other() -> None:
    """Hibernated without instances, then transient with some, then healthy, each after its seconds."""
    stand = surface(pace="time", hibernated=2, transient=3, secret=1)
    branch = stand.root(stand.project())
    seen = []
    for _ in range(6):
        status = stand.call("GET", branch).json()["status"]
        kind = status["statusType"].removeprefix("STATUS_TYPE_")
        seen.append((kind, status["status"], status["instanceReadyCount"], len(status["instances"])))
        assert status["message"] == status["status"]
        stand.clock.sleep(1)
    assert seen == [
        ("HIBERNATED", HEALTHY, 0, 0),
        ("HIBERNATED", HEALTHY, 0, 0),
        ("TRANSIENT", "Setting up primary", 0, 1),
        ("TRANSIENT", "Setting up primary", 0, 1),
        ("TRANSIENT", "Setting up primary", 0, 1),
        ("HEALTHY", HEALTHY, 1, 1),
    ]


def test_by_reads_the_states_follow_each_other() -> None:
    """Every look at the branch is a step; other branches and lists are none."""
    stand = surface(pace="reads", hibernated=1, transient=2)
    project = stand.project()
    branch, other = stand.root(project), stand.root(project, "other")
    for _ in range(3):
        stand.call("GET", f"{project}/branches")
        stand.call("GET", other)
    assert [stand.status_type(branch) for _ in range(5)] == [
        "HIBERNATED",
        "TRANSIENT",
        "TRANSIENT",
        "HEALTHY",
        "HEALTHY",
    ]


def test_the_secret_has_a_time_of_its_own() -> None:
    """Credentials may be readable before the branch is ready, and the connection string comes with them."""
    stand = surface(pace="time", hibernated=10, transient=10, secret=5)
    branch = stand.root(stand.project())
    assert (password(stand, branch), stand.call("GET", branch).json()["connectionString"]) == (None, None)
    stand.clock.sleep(5)
    found = password(stand, branch)
    assert found
    assert found in stand.call("GET", branch).json()["connectionString"]
    assert stand.status_type(branch) == "HIBERNATED"


def test_a_child_waits_for_its_parent() -> None:
    """Made below a parent that is not ready it stays hibernated without credentials until the parent is."""
    stand = surface(pace="time", hibernated=1, transient=1, secret=0)
    root = stand.root(stand.project())
    child = stand.child(root)
    stand.clock.sleep(1)
    assert (stand.status_type(child), password(stand, child)) == ("HIBERNATED", None)
    stand.clock.sleep(1)
    assert stand.status_type(root) == "HEALTHY"
    assert stand.status_type(child) == "HIBERNATED"
    stand.clock.sleep(2)
    assert (stand.status_type(child), bool(password(stand, child))) == ("HEALTHY", True)


def test_rotation_has_a_window_without_a_password() -> None:
    """404 and no connection string, then a new password, in force in the database only then."""
    stand = surface(pace="time", hibernated=0, transient=0, secret=0, rotation=4)
    branch = stand.root(stand.project())
    old = password(stand, branch)
    assert rotate(stand, branch) == 204
    assert (password(stand, branch), stand.call("GET", branch).json()["connectionString"]) == (None, None)
    assert stand.databases.passwords[identifier(branch)] == old
    stand.clock.sleep(4)
    new = password(stand, branch)
    assert new not in {None, old}
    assert stand.databases.passwords[identifier(branch)] == new


def test_rotation_without_a_secret_fails() -> None:
    """Before the first secret and twice quickly it is a server error."""
    stand = surface(pace="time", secret=3, rotation=3)
    branch = stand.root(stand.project())
    assert rotate(stand, branch) == 500
    stand.clock.sleep(3)
    assert [rotate(stand, branch), rotate(stand, branch)] == [204, 500]
    stand.clock.sleep(3)
    assert rotate(stand, branch) == 204


def test_only_one_user_has_credentials() -> None:
    """Another user is refused before the branch is looked for; the newer shape takes none for the one."""
    message = "invalid parameter [username]: only the xata user credentials can be retrieved"
    old, new = surface(edition="june"), surface()
    for stand, query, status in ((old, "", 400), (old, "?username=app", 400), (new, "?username=app", 400)):
        path = f"/projects/prj_x/branches/nobody/credentials{query}"
        assert stand.message(stand.call("GET", path)) == (status, f"Branch [nobody]: {message}")
    assert new.call("GET", f"{new.root(new.project('x'))}/credentials").status_code == 200
    body = {"username": "app"}
    assert old.message(old.call("POST", "/projects/prj_x/branches/nobody/credentials/rotate", body)) == (
        400,
        "Branch [nobody]: invalid parameter [username]: only the xata user credentials can be rotated",
    )


def test_both_shapes_of_credentials() -> None:
    """Two fields before July 2026, six since, whose string has no sslmode."""
    for shape, keys in (
        ("two", ["password", "username"]),
        ("six", ["connectionString", "dbname", "hostname", "password", "port", "username"]),
    ):
        stand = surface(credentials_shape=shape, port=6543)
        branch = stand.root(stand.project())
        body = stand.call("GET", f"{branch}/credentials?username=xata").json()
        assert list(body) == keys
        if shape == "six":
            host = f"{identifier(branch)}.us-east-1.localhost"
            assert (body["hostname"], body["port"], body["dbname"]) == (host, 6543, "xata")
            assert body["connectionString"] == f"postgresql://xata:{body['password']}@{host}:6543/xata"


def test_sleeping_by_hand() -> None:
    """Hibernated at once and without instances, readable credentials, awake again after its time."""
    stand = surface(pace="time", hibernated=0, transient=0, secret=0, waking=2)
    branch = stand.root(stand.project())
    heard: list[str] = []
    stand.service.on_sleep(heard.append)
    assert stand.call("PATCH", branch, {"hibernate": True}).status_code == 200
    assert heard == [identifier(branch)]
    assert (stand.status_type(branch), bool(password(stand, branch))) == ("HIBERNATED", True)
    assert stand.service.route(identifier(branch)) == "manually-asleep"
    stand.call("PATCH", branch, {"hibernate": False})
    assert stand.status_type(branch) == "TRANSIENT"
    stand.clock.sleep(2)
    assert stand.status_type(branch) == "HEALTHY"


def test_sleeping_of_inactivity_only_when_asked_for() -> None:
    """The setting is needed as well as the branch's own; use puts it off, and a connection wakes it."""
    for asked in (False, True):
        stand = surface(sleep_when_inactive=asked, pace="time", hibernated=0, transient=0, waking=1)
        branch = stand.root(stand.project(), scaleToZero={"enabled": True, "inactivityPeriodMinutes": 1})
        name = identifier(branch)
        stand.clock.sleep(59)
        stand.service.touch(name)
        stand.clock.sleep(59)
        assert stand.service.route(name) == "ready"
        stand.clock.sleep(1)
        assert stand.service.route(name) == ("asleep" if asked else "ready")
        stand.service.wake(name)
        stand.clock.sleep(1)
        assert stand.service.route(name) == "ready"


def test_a_branch_that_sleeps_by_hand_wakes_by_connection_only_with_scale_to_zero() -> None:
    """With the setting on, a connection wakes it; the state says so."""
    stand = surface()
    branch = stand.root(stand.project(), scaleToZero={"enabled": True})
    stand.call("PATCH", branch, {"hibernate": True})
    assert stand.service.route(identifier(branch)) == "asleep"


def test_the_gateway_learns_where_a_branch_is() -> None:
    """Unknown, growing, ready, gone; and hears of the end before the database goes."""
    stand = surface(pace="time", hibernated=1, transient=1)
    branch = stand.root(stand.project())
    name, heard = identifier(branch), []
    stand.service.on_gone(lambda gone: heard.append((gone, gone in stand.databases.passwords)))
    assert (stand.service.route("nobody"), stand.service.route(name)) == ("gone", "not-ready")
    stand.clock.sleep(2)
    assert stand.service.route(name) == "ready"
    stand.call("DELETE", branch)
    assert (stand.service.route(name), heard) == ("gone", [(name, True)])


def test_restore_points_come_later() -> None:
    """Before the first one two keys are missing; a region without backups is a server error."""
    stand = surface(pace="time", restore_point=30)
    project = stand.project()
    branch = stand.root(project)
    bare = stand.root(project, "bare", configuration={"region": "us-central1"})
    name = identifier(branch)
    path = f"{project}/backups/{name}"
    start = {"branchID": name, "description": f"Continuous backup for branch {name}"}
    assert stand.call("GET", path).json() == start | {"id": name}
    stand.clock.sleep(45)
    assert stand.call("GET", path).json() == start | {
        "earliestRestore": "2027-01-15T08:00:30Z",
        "id": name,
        "latestRestore": "2027-01-15T08:00:45Z",
    }
    assert stand.message(stand.call("GET", f"{project}/backups/nobody")) == (404, "Backup [nobody]: not found")
    assert stand.call("GET", f"{project}/backups/{identifier(bare)}").status_code == 500
    stand.call("DELETE", branch)
    assert stand.message(stand.call("GET", path)) == (404, f"Backup [{name}]: not found")


@pytest.mark.parametrize("prefix", [True, False])
def test_both_spellings_of_the_status_type(prefix: bool) -> None:  # noqa: FBT001 - the parameter is the test
    """With the prefix as the open-source server writes it, or without."""
    stand = surface(status_prefix=prefix)
    status = stand.call("GET", stand.root(stand.project())).json()["status"]["statusType"]
    assert status == ("STATUS_TYPE_HEALTHY" if prefix else "HEALTHY")


def test_a_restart_continues() -> None:
    """A snapshot is plain JSON, and a service that takes it over answers as the first one did."""
    stand = surface(pace="time", rotation=5, secret=0, hibernated=0, transient=0)
    project = stand.project()
    branch = stand.root(project, description="kept")
    rotate(stand, branch)
    data = json.loads(json.dumps(stand.service.snapshot()))
    second = surface(pace="time", rotation=5)
    second.clock, second.service = stand.clock, Service(stand.settings, databases=NoDatabases(), clock=stand.clock)
    second.service.restore(data)
    second.http = second.client("xau_surface")
    before, after = stand.call("GET", branch), second.call("GET", branch)
    assert (after.status_code, after.json()) == (200, before.json())
    assert isinstance(second.service.world.branches[identifier(branch)], Branch)


def test_a_change_is_told_before_it_is_answered() -> None:
    """Writes are told, reads are not, so a file can be kept up to date."""
    stand, told = surface(), []
    stand.service.on_change(lambda: told.append(len(stand.service.snapshot()["projects"])))
    project = stand.project()
    stand.call("GET", project)
    stand.call("DELETE", project)
    assert told == [1, 1]
