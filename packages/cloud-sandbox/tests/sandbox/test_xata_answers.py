"""What every answer has in common: headers, error bodies, routes, formats."""

from __future__ import annotations

import re

import pytest

from cloud_sandbox.wire import moment
from cloud_sandbox.xata.settings import Organization
from tests.sandbox.xata_surface import EDITIONS, ORGANIZATION, TOKEN, surface

REQUEST_ID = r"req_[a-v0-9]{26}"


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_greeting_is_open(edition: str) -> None:
    """Anybody may ask who answers, with or without a slash at the end."""
    stand = surface(edition=edition)
    for path in ("/_hello", "/_hello/"):
        answer = stand.client("").get(path)
        assert (answer.status_code, answer.text) == (200, '{"Server":"Xata","Version":"0.0.1"}\n')


def test_every_answer_has_a_request_id() -> None:
    """Success, refusal, no content and unknown route all carry an identifier of their own."""
    stand = surface()
    project = stand.project()
    for method, path in (
        ("GET", project),
        ("GET", "/projects/prj_x"),
        ("DELETE", project),
        ("GET", "/nothing"),
    ):
        assert re.fullmatch(REQUEST_ID, stand.call(method, path).headers["x-request-id"])


def test_a_given_request_id_comes_back() -> None:
    """The header is cut at a hundred characters, the body's id is not, and success has no id in the body."""
    stand, given = surface(), "x" * 120
    answer = stand.call("GET", "/projects/prj_x", headers={"x-request-id": given})
    assert answer.headers["x-request-id"] == given[:100]
    assert answer.json() == {"id": given, "message": "project [prj_x] not found"}
    assert "id" not in stand.call("GET", "/projects", headers={"x-request-id": given}).json()


def test_server_errors_are_masked() -> None:
    """A 5xx shows only the request's identifier, also where it means that something is not built."""
    answer = surface().call("GET", "/projects/prj_x/backups")
    assert answer.status_code == 501
    assert answer.json() == {"message": f"Internal Error (Request ID: {answer.headers['x-request-id']})"}
    assert "retry-after" not in answer.headers


def test_unavailable_says_when_to_come_back() -> None:
    """Only 503 has a Retry-After."""
    stand = surface()
    stand.service.world.creation_disabled = True
    answer = stand.call("POST", f"{stand.project()}/branches", b"{")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["message"].startswith("Service temporarily unavailable. Please try again later. (Request ID:")


@pytest.mark.parametrize(("method", "path"), [("GET", "/nope"), ("PUT", "/projects"), ("GET", "/projects/a/b/c")])
def test_an_unknown_route_is_404_with_a_token_and_401_without(method: str, path: str) -> None:
    """A wrong method is an unknown route, too."""
    stand = surface()
    assert stand.message(stand.call(method, path)) == (404, "Not Found")
    assert stand.message(stand.client("").request(method, ORGANIZATION + path)) == (401, "no token found")


def test_a_slash_at_the_end_does_not_matter() -> None:
    """Both spellings of a path are the same operation."""
    stand = surface()
    assert stand.call("GET", "/projects/").json() == {"projects": []}


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        ("a%2Fb", 404, "project [a/b] not found"),
        ("", 400, "Invalid format for parameter projectID: parameter 'projectID' is empty, can't bind its value"),
        ("a%00b", 500, "Internal Error"),
        ("%FF", 500, "Internal Error"),
    ],
)
def test_a_path_is_decoded_after_it_is_split(sent: str, status: int, message: str) -> None:
    """An encoded slash belongs to the name, and what is no text fails in the database."""
    stand = surface()
    answered, text = stand.message(stand.call("GET", f"/projects/{sent}/branches"))
    assert (answered, text.startswith(message)) == (status, True)


def test_times_have_as_many_decimals_as_they_need() -> None:
    """Zeros at the end are cut, six decimals at most."""
    assert moment(1_800_000_000_123_400) == "2027-01-15T08:00:00.1234Z"
    assert moment(1_800_000_000_000_000) == "2027-01-15T08:00:00Z"


def test_the_older_server_lacks_what_came_later() -> None:
    """Limits have no route there."""
    old, new = surface(edition="april"), surface(edition="june")
    for method, path in (("GET", "/limits"), ("GET", f"{old.project()}/limits")):
        assert old.message(old.call(method, path)) == (404, "Not Found")
    assert new.call("GET", "/limits").json() == {
        "maxAllowedInstanceType": 8000,
        "maxBranchesPerHour": 50,
        "maxBranchesPerOrg": 1000,
        "maxBranchesPerProject": 100,
        "maxDescriptionLength": 50,
        "maxInstancesPerBranch": 5,
        "maxProjects": 100,
        "maxProjectsPerHour": 20,
        "minInstancesPerBranch": 1,
    }
    assert new.call("GET", f"{new.project()}/limits").status_code == 501


def test_the_catalogue_lists_what_is_offered() -> None:
    """Regions, images and instance types, each with the keys of its edition."""
    old, new = surface(edition="april"), surface(edition="june")
    assert "provider" not in old.call("GET", "/regions").json()["regions"][0]
    assert new.call("GET", "/regions").json()["regions"][0] == {
        "id": "eu-central-1",
        "publicAccess": True,
        "backupsEnabled": True,
        "provider": "aws",
        "organizationId": None,
    }
    images = [image["name"] for image in new.call("GET", "/images").json()["images"]]
    assert "postgres:18.4" in images
    assert "postgres:14.20" not in images
    sizes = new.call("GET", "/instanceTypes?region=eu-central-1").json()["instanceTypes"]
    assert sizes[0] == {
        "name": "xata.micro",
        "vcpus": 250,
        "ram": 1,
        "hourlyRate": 0.014,
        "storageMonthlyRate": 0.35,
        "region": "",
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/instanceTypes", "Invalid format for parameter region: query parameter 'region' is required"),
        ("/instanceTypes?region=mars", "invalid parameter [region]: invalid region: region mars is not found"),
        ("/images?region=mars", "invalid parameter [region]: invalid region: region mars is not found"),
    ],
)
def test_a_bad_query_is_refused_with_its_name(path: str, message: str) -> None:
    """What is missing, unknown or malformed in a query is named."""
    stand = surface()
    assert stand.message(stand.call("GET", path)) == (400, message)


def test_organizations_are_the_keys_own() -> None:
    """A key sees its organization and its state."""
    stand = surface(organizations=(Organization(id="sand01", name="Shop", status="disabled"),))
    (listed,) = stand.client(TOKEN).get("/organizations").json()["organizations"]
    assert (listed["id"], listed["name"], listed["status"]["status"]) == ("sand01", "Shop", "disabled")
    assert listed == stand.client(TOKEN).get(ORGANIZATION).json()
