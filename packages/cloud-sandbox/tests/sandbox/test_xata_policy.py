"""Who may do what, and what a limited key sees."""

from __future__ import annotations

from typing import Any

import pytest

from cloud_sandbox.xata.settings import Key
from tests.sandbox.xata_surface import ORGANIZATION, TOKEN, Surface, surface


def limited(stand: Surface, **limits: Any) -> Surface:
    """The same stand-in, called with a key of these limits from now on."""
    key = Key(token="xau_limited", **limits)
    kept = tuple(one for one in stand.service.settings.keys if one.token != key.token)
    object.__setattr__(stand.service.settings, "keys", (*kept, key))
    stand.http = stand.client("xau_limited")
    return stand


@pytest.mark.parametrize("header", [None, "Basic abc", "Bearer"])
def test_no_token_is_401(header: str | None) -> None:
    """Without a bearer token nothing is looked at."""
    stand = surface()
    answer = stand.client("").get(f"{ORGANIZATION}/projects", headers={"authorization": header} if header else {})
    assert stand.message(answer) == (401, "no token found")


def test_an_unknown_or_expired_token_is_401() -> None:
    """Both are the same to the server; the word Bearer is read in any case."""
    stand = surface(keys=(Key(token="xau_old", expires=1_800_000_010.0),))
    assert stand.message(stand.client("xau_wrong").get(f"{ORGANIZATION}/projects")) == (401, "invalid token")
    lower = {"authorization": "bearer xau_old"}
    assert stand.client("").get(f"{ORGANIZATION}/projects", headers=lower).status_code == 200
    stand.clock.sleep(10)
    assert stand.message(stand.client("xau_old").get(f"{ORGANIZATION}/projects")) == (401, "invalid token")


def test_another_organization_is_403() -> None:
    """A key of one organization does not even learn whether the other exists."""
    stand = surface()
    answer = stand.client(TOKEN).get("/organizations/other1/projects")
    assert stand.message(answer) == (403, "access denied")


@pytest.mark.parametrize(
    ("scopes", "allowed", "denied"),
    [
        ((), (), ("/projects", "/regions", "/images")),
        (("project:read",), ("/projects", "/regions", "/projects/limits"), ("/images", "/limits")),
        (("org:read",), ("/images", "/limits"), ("/projects", "/regions")),
        (("project:write",), ("/projects", "/regions"), ("/images",)),
    ],
)
def test_scopes_open_what_they_name(scopes: tuple[str, ...], allowed: tuple[str, ...], denied: tuple[str, ...]) -> None:
    """A scope opens its operations, and writing includes reading."""
    stand = limited(surface(), scopes=scopes)
    assert {stand.call("GET", path).status_code for path in allowed} <= {200}
    assert {stand.call("GET", path).status_code for path in denied} == {403}


@pytest.mark.parametrize("limits", [{"scopes": ("org:read",)}, {"projects": ("prj_x",)}, {"branches": ("b",)}])
def test_an_unknown_route_is_denied_to_a_limited_key(limits: dict[str, Any]) -> None:
    """The policy grants it nothing that it does not know; only a key without limits hears that there is no route."""
    stand = surface(edition="april")
    assert stand.message(stand.call("GET", "/limits")) == (404, "Not Found")
    assert stand.message(limited(stand, **limits).call("GET", "/limits")) == (403, "access denied")


def test_reading_does_not_include_writing() -> None:
    """Each write asks for its own scope before the body is read."""
    stand = surface()
    project = stand.project()
    branch = stand.root(project)
    limited(stand, scopes=("project:read", "branch:read", "credentials:read"))
    for method, path in (
        ("POST", "/projects"),
        ("PATCH", project),
        ("POST", f"{project}/branches"),
        ("PATCH", branch),
        ("DELETE", branch),
        ("POST", f"{branch}/credentials/rotate"),
        ("POST", f"{branch}/restore"),
    ):
        assert stand.message(stand.call(method, path, b"{")) == (403, "access denied")
    assert stand.call("GET", f"{branch}/credentials?username=xata").status_code == 200


def test_writing_to_a_collection_needs_its_wildcard() -> None:
    """A key for one project may create branches in it, but no project; one for one branch may create none."""
    stand = surface()
    project = stand.project()
    branch = stand.root(project)
    limited(stand, projects=(project.rpartition("/")[2],))
    assert stand.call("POST", f"{project}/branches", {}).status_code == 400
    assert stand.call("POST", "/projects", {}).status_code == 403
    limited(stand, branches=(branch.rpartition("/")[2],))
    assert stand.call("POST", f"{project}/branches", {}).status_code == 403
    assert stand.call("POST", f"{branch}/restore", {}).status_code == 400


@pytest.mark.parametrize(("edition", "seen"), [("april", 2), ("june", 1)])
def test_lists_show_what_the_key_may_see(edition: str, seen: int) -> None:
    """Since June projects and branches of others are left out; the others themselves are 403."""
    stand = surface(edition=edition)
    project, other = stand.project("one"), stand.project("two")
    branch, hidden = stand.root(project, "one"), stand.root(project, "two")
    limited(stand, projects=(project.rpartition("/")[2],), branches=(branch.rpartition("/")[2],))
    assert len(stand.call("GET", "/projects").json()["projects"]) == seen
    assert len(stand.call("GET", f"{project}/branches").json()["branches"]) == seen
    assert stand.call("GET", other).status_code == stand.call("GET", hidden).status_code == 403
    assert stand.call("GET", branch).status_code == 200


def test_a_key_without_credentials_still_sees_the_string() -> None:
    """The deprecated field gives the password away, as on the real server."""
    stand = surface()
    branch = stand.root(stand.project())
    limited(stand, scopes=("branch:read",))
    assert stand.call("GET", f"{branch}/credentials?username=xata").status_code == 403
    assert stand.databases.passwords[branch.rpartition("/")[2]] in stand.call("GET", branch).json()["connectionString"]


def test_keys_are_not_printed() -> None:
    """Neither a key nor the settings that hold it show the token."""
    stand = surface()
    assert TOKEN not in repr(stand.service.settings)
    assert TOKEN not in repr(stand.service.settings.keys[0])
