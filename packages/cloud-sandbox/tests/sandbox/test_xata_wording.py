"""What the editions call things: the words that clients match on."""

from __future__ import annotations

import pytest

from cloud_sandbox.faults import Fault
from cloud_sandbox.xata.settings import Organization
from tests.sandbox.xata_surface import EDITIONS, surface


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_newest_edition_says_which_word_is_an_id(edition: str) -> None:
    """`with ID` stands before it in the words of the service's own checks, and not in those of its store."""
    stand = surface(edition=edition)
    project = stand.project()
    branch = stand.root(project)
    name = branch.rpartition("/")[2]
    identified = "with ID [" if edition == "current" else "["

    def words(method: str, path: str, body: object = None) -> str:
        text: str = stand.call(method, path, body).json()["message"]
        return text.replace(name, "ID")

    assert (
        words("GET", f"{project}/branches/nobody/credentials?username=xata") == f"Branch {identified}nobody]: not found"
    )
    assert words("GET", f"{project}/backups/nobody") == f"Backup {identified}nobody]: not found"
    assert words("GET", f"{project}/branches/nobody") == "branch [nobody] not found"
    stand.service.faults.add(Fault(method="PATCH", cluster="Aborted"))
    changed = words("PATCH", branch, {"replicas": 1})
    assert changed == f"branch {identified}ID] was modified concurrently, please retry"
    stand.service.world.organizations["sand01"] = Organization(id="sand01", status="disabled")
    disabled = f"Organization {identified}sand01] is disabled, please check your billing settings or contact support"
    assert words("POST", "/projects", {"name": "x"}) == disabled
