"""Creating branches: answers, the order of the checks, and every refusal's words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cloud_sandbox.xata.settings import Organization
from tests.sandbox.xata_surface import CONFIGURATION, EDITIONS, Surface, surface

SHORT_KEYS = ["connectionString", "createdAt", "id", "name", "parentID", "publicAccess", "region", "updatedAt"]
WITHOUT_BACKUPS = "us-central1"


def create(stand: Surface, project: str, **body: Any) -> tuple[int, str]:
    """Status and message of a creation that fails; a usual configuration is given."""
    body = {"name": "x", "mode": "custom", "configuration": CONFIGURATION} | body
    return stand.message(stand.call("POST", f"{project}/branches", body))


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_new_root_is_answered_in_short(edition: str) -> None:
    """The short form with a connection string, the description only when there is one."""
    stand = surface(edition=edition, port=6543)
    project = stand.project()
    body = {"name": "main", "mode": "custom", "configuration": CONFIGURATION}
    plain = stand.call("POST", f"{project}/branches", body)
    described = stand.call("POST", f"{project}/branches", body | {"name": "two", "description": "a root"}).json()
    branch = plain.json()
    assert plain.status_code == 201
    assert list(branch) == SHORT_KEYS
    assert sorted(described) == sorted([*SHORT_KEYS, "description"])
    assert re.fullmatch(r"[a-v][0-9a-v]{25}", branch["id"])
    assert (branch["parentID"], branch["publicAccess"], branch["region"]) == (None, True, "us-east-1")
    label = branch["id"] + ("-deprecated" if edition in {"august", "current"} else "")
    password = stand.databases.passwords[branch["id"]]
    assert branch["connectionString"] == (
        f"postgresql://xata:{password}@{label}.us-east-1.localhost:6543/xata?sslmode=require"
    )
    assert re.fullmatch(r"[A-Za-z0-9]{64}", password)
    assert sum(character.isdigit() for character in password) == 10


def test_a_root_reads_back_what_was_wanted() -> None:
    """The full form repeats the configuration, with storage as the platform has it and an empty inner region."""
    stand = surface(edition="june")
    branch = stand.root(
        stand.project(), configuration={"replicas": 2, "storage": 10}, backupConfiguration={"backupTime": " *:02:30 "}
    )
    body = stand.call("GET", branch).json()
    assert list(body) == [
        "backupConfiguration",
        "backupsEnabled",
        "configuration",
        "connectionString",
        "createdAt",
        "id",
        "name",
        "parentID",
        "publicAccess",
        "region",
        "scaleToZero",
        "status",
        "updatedAt",
    ]
    assert body["backupConfiguration"] == {"backupTime": "*:02:30", "retentionPeriod": 2}
    configuration = body["configuration"]
    assert configuration == {
        "image": "postgres:17.9",
        "instanceType": "xata.micro",
        "postgresConfigurationParameters": {},
        "preloadLibraries": ["pg_stat_statements", "auto_explain"],
        "region": "",
        "replicas": 2,
        "storage": 250,
    }
    assert (body["status"]["instanceCount"], body["status"]["instanceReadyCount"]) == (3, 3)
    assert [instance["primary"] for instance in body["status"]["instances"]] == [True, False, False]


def test_a_child_takes_after_its_parent() -> None:
    """Same image and size, no replicas, the project's setting for children, its own backup schedule."""
    stand = surface()
    project = stand.project(scaleToZero={"childBranches": {"enabled": True, "inactivityPeriodMinutes": 60}})
    root = stand.root(project, configuration={"replicas": 2}, backupConfiguration={"retentionPeriod": 7})
    child = stand.call("GET", stand.child(root, configuration={"image": "ignored"})).json()
    assert (child["configuration"]["image"], child["configuration"]["replicas"]) == ("postgres:17.9", 0)
    assert child["scaleToZero"] == {"enabled": True, "inactivityPeriodMinutes": 60}
    assert child["backupConfiguration"]["retentionPeriod"] == 2
    assert re.fullmatch(r"0:0[2-5]:[0-5]\d", child["backupConfiguration"]["backupTime"])
    assert stand.databases.parents[child["id"]] == child["parentID"] == root.rpartition("/")[2]


def test_a_list_knows_less_than_one_branch() -> None:
    """Descriptions are missing and backups are always off there."""
    stand = surface()
    project = stand.project()
    stand.root(project, description="a root")
    (listed,) = stand.call("GET", f"{project}/branches").json()["branches"]
    assert sorted(listed) == sorted([*(set(SHORT_KEYS) - {"connectionString"}), "backupsEnabled"])
    assert listed["backupsEnabled"] is False


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"description": ""}, "description  invalid: invalid branch description "),
    ({"description": "a_b"}, "description a_b invalid: invalid branch description a_b"),
    ({"description": "é" * 26}, "max length is 50"),
    ({"name": ""}, "invalid parameter [name]: branch name is required"),
    (
        {"backupConfiguration": {"retentionPeriod": 1}},
        "Branch [x]: invalid parameter [backup retentionPeriod]: must be at least 2 days and maximum 35 days",
    ),
    (
        {"backupConfiguration": {"backupTime": "daily"}},
        (
            "Branch [x]: invalid parameter [backup time]: invalid backup time format 'daily',"
            " must match format 'D:HH:MM' where D= * or 0-6, HH=00-23, MM=00-59"
        ),
    ),
    (
        {"mode": "clone"},
        (
            "Branch [x]: invalid parameter [body]: failed to parse branch creation details -"
            " unknown discriminator value: clone"
        ),
    ),
    (
        {"configuration": None},
        "Branch [x]: invalid parameter [configuration]: configuration is required for 'custom' mode",
    ),
    (
        {"configuration": {"replicas": 5}},
        "Branch [x]: invalid parameter [configuration]: number of replicas exceeds the maximum of 5 instance(s)",
    ),
    (
        {"configuration": {"replicas": 1}},
        "Branch [x]: invalid parameter [configuration]: invalid image: image  is not valid",
    ),
    (
        {"configuration": CONFIGURATION | {"image": "postgres:17"}},
        "Branch [x]: invalid parameter [configuration]: invalid image: image postgres:17 is not valid",
    ),
    (
        {"configuration": CONFIGURATION | {"image": "postgres:14.20"}},
        "Branch [x]: invalid parameter [configuration]: invalid image: image postgres:14.20 is not available",
    ),
    (
        {"configuration": CONFIGURATION | {"region": "mars"}},
        "Branch [x]: invalid parameter [configuration]: invalid region: region [mars] not found",
    ),
    (
        {"configuration": CONFIGURATION | {"instanceType": "tiny"}},
        "Branch [x]: invalid parameter [instanceType]: instance type tiny is not found",
    ),
    (
        {"configuration": CONFIGURATION | {"instanceType": "xata.2xlarge"}},
        (
            "Branch [x]: invalid parameter [instanceType]: instance type xata.2xlarge exceeds the maximum allowed"
            " compute limit of 8000 millicores"
        ),
    ),
    (
        {"configuration": CONFIGURATION | {"replicas": "2"}},
        (
            "Branch [x]: invalid parameter [body]: failed to parse branch creation details - Unmarshal type error:"
            " expected=int32, got=string, field=configuration.replicas"
        ),
    ),
    (
        {"configuration": CONFIGURATION | {"region": WITHOUT_BACKUPS}, "backupConfiguration": {}},
        (
            "Branch [x]: invalid parameter [backupConfiguration]: backup configuration cannot be specified when backups"
            " are disabled in the selected region"
        ),
    ),
    (
        {"mode": "inherit"},
        "Branch [x]: invalid parameter [parentID]: parentId is required for 'inherit' mode",
    ),
]


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_a_bad_branch_is_refused(body: dict[str, Any], message: str) -> None:
    """Each mistake is 400 with its words."""
    stand = surface(edition="august")
    assert create(stand, stand.project(), **body) == (400, message)


@pytest.mark.parametrize("description", ["a-b_c.d/e:f g", "managed_by_x", "x" * 255])
def test_the_newest_edition_allows_more_in_a_description(description: str) -> None:
    """Underscores, dots, slashes and colons are text, in up to 255 bytes; it still begins with a letter or a digit."""
    stand = surface()
    project = stand.project()
    branch = stand.root(project, description=description)
    assert stand.call("GET", branch).json()["description"] == description
    for bad in ("/a", "-a", "a@b", "a\nb", "x" * 256):
        assert create(stand, project, description=bad)[0] == 400


def test_the_newest_edition_honours_storage() -> None:
    """A size of at least one is what the branch and its children get; without one it is the platform's."""
    stand = surface()
    project = stand.project()
    root = stand.root(project, configuration={"storage": 10})
    for branch in (root, stand.child(root)):
        assert stand.call("GET", branch).json()["configuration"]["storage"] == 10
    assert stand.call("GET", stand.root(project, "plain")).json()["configuration"]["storage"] == 250
    for wanted, words in ((0, "must be at least 1 GB"), (5000, "exceeds the maximum of 1024 GB")):
        refused = create(stand, project, configuration=CONFIGURATION | {"storage": wanted})
        assert refused == (400, f"Branch [x]: invalid parameter [storage]: storage size {words}")


def test_the_checks_come_in_the_servers_order() -> None:
    """Every earlier mistake hides the later ones, also an unknown project."""
    stand = surface()
    mistakes: list[dict[str, Any]] = [
        {"configuration": CONFIGURATION | {"region": WITHOUT_BACKUPS}, "backupConfiguration": {}},
        {"configuration": CONFIGURATION | {"instanceType": "tiny"}},
        {"configuration": CONFIGURATION | {"region": "mars", "instanceType": "tiny"}},
        {"configuration": CONFIGURATION | {"image": "x", "region": "mars"}},
        {"mode": "clone"},
        {"backupConfiguration": {"retentionPeriod": 99}},
        {"name": ""},
        {"description": "!"},
    ]
    messages = dict(
        zip(
            ("backupConf", "tiny", "region [mars]", "image", "clone", "35 days", "name is required", "description"),
            mistakes,
            strict=True,
        )
    )
    body: dict[str, Any] = {}
    for expected, mistake in messages.items():
        body |= mistake
        status, message = create(stand, "/projects/prj_x", **body)
        assert (status, expected in message) == (400, True), message
    assert create(stand, "/projects/prj_x") == (404, "project [prj_x] not found")


def test_a_child_needs_a_parent_in_its_project() -> None:
    """An unknown parent, one of another project and a deleted one are 404; the project's 404 comes first."""
    stand = surface()
    project, other = stand.project("one"), stand.project("two")
    root = stand.root(other)
    parent = root.rpartition("/")[2]
    inherit = {"mode": "inherit", "parentID": parent}
    assert create(stand, project, **inherit) == (404, f"Branch [{parent}]: not found")
    assert create(stand, "/projects/prj_x", **inherit) == (404, "project [prj_x] not found")
    stand.call("DELETE", root)
    assert create(stand, other, **inherit) == (404, f"Branch [{parent}]: not found")


def test_names_are_unique_among_the_living() -> None:
    """A taken name is 409, one that differs in case or blanks is free, and so is one that was deleted."""
    stand = surface()
    project = stand.project()
    root = stand.root(project, "main")
    assert create(stand, project, name="main") == (409, "branch [main] already exists")
    for name in ("MAIN", "main ", "a/b", "x" * 300):
        stand.root(project, name)
    stand.call("DELETE", root)
    stand.root(project, "main")


def test_a_wrong_common_type_says_which_key() -> None:
    """The text of the failed binding is passed on whole."""
    stand = surface()
    text = "Unmarshal type error: expected=string, got=number, field=name"
    assert create(stand, stand.project(), name=5) == (400, f"code=400, message={text}")


def test_scale_to_zero_has_the_resources_limits() -> None:
    """Zero minutes become thirty; out of 1..1440 is 400, also when the number is the project's."""
    stand = surface()
    project = stand.project(scaleToZero={"baseBranches": {"enabled": True, "inactivityPeriodMinutes": 5000}})
    status, message = create(stand, project)
    assert (status, "inactivityPeriodMinutes in body should be less than or equal to 1440" in message) == (400, True)
    status, message = create(stand, project, scaleToZero={"enabled": True, "inactivityPeriodMinutes": -5})
    assert (status, "should be greater than or equal to 1" in message) == (400, True)
    branch = stand.root(project, scaleToZero={"enabled": True})
    assert stand.call("GET", branch).json()["scaleToZero"] == {"enabled": True, "inactivityPeriodMinutes": 30}


def test_a_region_without_backups_has_none() -> None:
    """The full form has no schedule there and says that backups are off."""
    stand = surface()
    branch = stand.call("GET", stand.root(stand.project(), configuration={"region": WITHOUT_BACKUPS})).json()
    assert (branch["backupsEnabled"], "backupConfiguration" in branch) == (False, False)


def test_branches_are_limited() -> None:
    """Organization, hour and project, in this order; the older server only counts the project's."""
    project_limit = "project [{}] has reached the limit of 2 branches"
    for name, status, message in (
        ("maxBranchesPerOrg", 403, "organization [sand01] has reached the limit of 2 branches"),
        ("maxBranchesPerHour", 429, "organization [sand01] has reached the limit of 2 branch creations per hour"),
        ("maxBranchesPerProject", 400, project_limit),
    ):
        stand = surface(organizations=(Organization(id="sand01", limits={name: 2}),))
        project = stand.project()
        for number in range(2):
            stand.root(project, f"b{number}")
        assert create(stand, project) == (status, message.format(project.removeprefix("/projects/")))
        assert "main" not in create(stand, project, name="main")[1]


def test_the_older_server_counts_a_hundred() -> None:
    """The hundred and first branch of a project is refused without a number."""
    stand = surface(edition="april")
    project = stand.project()
    for number in range(100):
        stand.root(project, f"b{number}")
    assert create(stand, project) == (400, f"project [{project.removeprefix('/projects/')}] has too many branches")


def test_the_tree_is_limited() -> None:
    """A level too deep and a child too many are refused; the root may have any number."""
    stand = surface(max_depth=3, max_children=2, edition="april")
    project = stand.project()
    root = stand.root(project)
    second = stand.child(root, "second")
    third = stand.child(second, "third")
    for number in range(4):
        stand.child(root, f"of the root {number}")
    stand.child(second, "another third")
    for parent, message in (
        (third, "a child branch would exceed the maximum depth of the branch tree (3)."),
        (second, "a child branch would exceed the maximum children allowed (2)."),
    ):
        identifier = parent.rpartition("/")[2]
        status, text = create(stand, project, mode="inherit", parentID=identifier)
        assert (status, text.startswith(f"BranchID [{identifier}]: {message}")) == (400, True)


def test_a_new_organization_may_make_ten() -> None:
    """The eleventh branch, deleted ones counted, is 403 before the body is read; half a day later it is not."""
    stand = surface()
    stand.service.world.organizations["sand01"] = Organization(id="sand01", created=stand.clock.now)
    project = stand.project()
    for number in range(10):
        stand.call("DELETE", stand.root(project, f"b{number}"))
    answer = stand.message(stand.call("POST", f"{project}/branches", b"{"))
    assert answer == (403, "Organization [sand01] has reached the branch limit for new organizations")
    stand.clock.sleep(13 * 3600)
    stand.root(project)


def test_the_older_server_checks_replicas_in_two_places() -> None:
    """Less than none is refused by the service, more than four by the resource."""
    stand = surface(edition="april")
    project = stand.project()
    low = create(stand, project, configuration=CONFIGURATION | {"replicas": -1})
    assert low == (400, "Branch [x]: invalid parameter [configuration]: number of replicas must be at least zero")
    status, message = create(stand, project, configuration=CONFIGURATION | {"replicas": 5})
    assert (status, "spec.cluster.instances in body should be less than or equal to 5" in message) == (400, True)


def test_a_restored_branch_is_a_child_of_its_source() -> None:
    """It starts with the source's data; without a configuration it is made like a child."""
    stand = surface()
    root = stand.root(stand.project())
    source = root.rpartition("/")[2]
    plain = stand.call("POST", f"{root}/restore", {"name": "one"})
    sized = stand.call("POST", f"{root}/restore", {"name": "two", "configuration": CONFIGURATION | {"region": ""}})
    assert (plain.status_code, plain.json()["parentID"]) == (201, source)
    assert (sized.status_code, sized.json()["parentID"]) == (201, source)
    assert stand.databases.parents[sized.json()["id"]] == source


def test_a_restore_is_refused_like_a_creation() -> None:
    """Name, duplicate, region, source and first restore point."""
    stand = surface(pace="time", restore_point=60)
    project = stand.project()
    root, bare = stand.root(project), stand.root(project, "bare", configuration={"region": WITHOUT_BACKUPS})
    source, bare_id = root.rpartition("/")[2], bare.rpartition("/")[2]
    elsewhere = {"name": "x", "configuration": CONFIGURATION | {"region": "us-west-2"}}
    for path, body, expected in (
        (root, {}, (400, "invalid parameter [name]: branch name is required")),
        (
            root,
            elsewhere,
            (400, "Branch [x]: invalid parameter [region]: restore must be in the same region as the source branch"),
        ),
        (f"{project}/branches/nobody", {"name": "x"}, (404, "Branch [nobody]: not found")),
        (root, {"name": "main"}, (409, "branch [main] already exists")),
        (root, {"name": "x"}, (404, f"Branch [{source}]: not found")),
        (bare, {"name": "x"}, (404, f"Branch [{bare_id}]: not found")),
    ):
        assert stand.message(stand.call("POST", f"{path}/restore", body)) == expected
    stand.clock.sleep(60)
    assert stand.call("POST", f"{root}/restore", {"name": "x"}).status_code == 201
