"""Connection strings from both shapes of the credentials answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from components.connection import Connection
from components.errors import InfraError
from components.xata.api.models import BranchSummary, Credentials
from components.xata.branches.endpoints import endpoints_of, variant

ID = "dhou2u3rhd3i712pf2jq45h3a8"
HOST = f"{ID}.us-east-1.xata.tech"
WHEN = datetime(2026, 11, 1, tzinfo=UTC)
BRANCH = BranchSummary(id=ID, name="staging", created_at=WHEN, updated_at=WHEN, region="us-east-1")


def credentials(**fields: Any) -> Credentials:
    """Credentials of the old shape, with fields of the new one."""
    return Credentials(username="xata", password="s3cret/", **fields)


def test_two_fields_are_enough() -> None:
    """The old shape names neither host nor port nor database: they follow from the branch."""
    found = endpoints_of(credentials(), BRANCH)
    assert found.direct == Connection(
        host=HOST, port=5432, database="xata", user="xata", password="s3cret/", sslmode="require"
    )
    assert found.direct.url == f"postgresql://xata:s3cret%2F@{HOST}:5432/xata?sslmode=require"


def test_six_fields_are_believed() -> None:
    """The new shape's host, port and database win over what we would build."""
    found = endpoints_of(credentials(hostname=f"{ID}.cell-3.example.com", port=6543, dbname="app"), BRANCH)
    assert found.direct.url == f"postgresql://xata:s3cret%2F@{ID}.cell-3.example.com:6543/app?sslmode=require"


@pytest.mark.parametrize("suffix", ["", "-rw", "-ro", "-r", "-pooler", "-deprecated", "-deprecated-ro"])
def test_each_way_in_has_one_suffix(suffix: str) -> None:
    """Whatever the answer's host carries on its first label, each variant carries its own suffix once."""
    found = endpoints_of(credentials(hostname=f"{ID}{suffix}.us-east-1.xata.tech"), BRANCH)
    assert found.direct.host == HOST
    assert found.pooler.host == f"{ID}-pooler.us-east-1.xata.tech"
    assert found.read_only.host == f"{ID}-ro.us-east-1.xata.tech"
    assert {found.direct.sslmode, found.pooler.sslmode, found.read_only.sslmode} == {"require"}
    assert found.password == "s3cret/"


def test_only_the_first_label_is_touched() -> None:
    """A suffix-like ending elsewhere in the host is part of a name."""
    assert variant("id.us-ro.example-rw.com", "-pooler") == "id-pooler.us-ro.example-rw.com"


@pytest.mark.parametrize(
    ("hostname", "port", "expected"),
    [
        (f"{HOST}:6000", None, 6000),
        (f"{HOST}:6000", 7000, 7000),
        (HOST, 7000, 7000),
        (f"{HOST}.", None, 5432),
    ],
)
def test_a_port_in_the_host(hostname: str, port: int | None, expected: int) -> None:
    """A host may carry the port; the port's own field wins."""
    found = endpoints_of(credentials(hostname=hostname, port=port), BRANCH)
    assert (found.direct.host, found.direct.port) == (HOST, expected)
    assert (found.pooler.host, found.pooler.port) == (f"{ID}-pooler.us-east-1.xata.tech", expected)


@pytest.mark.parametrize(
    "hostname",
    [
        "10.0.0.1",
        "[::1]:5432",
        "postgresql://u:p@h.example/db",
        "localhost",
        "a b.example",
        f"{HOST}:0",
        f"{HOST}:99999",
        f"{HOST}:x",
        f"{HOST}\n",
        "x" * 5000 + ".example.com ",
    ],
)
def test_hosts_by_which_no_branch_is_reached(hostname: str) -> None:
    """The gateway tells branches apart by host name, so anything else is refused in words."""
    with pytest.raises(InfraError, match="by which no branch can be reached") as caught:
        endpoints_of(credentials(hostname=hostname), BRANCH)
    assert len(str(caught.value)) < 500
    assert "s3cret" not in str(caught.value)


def test_a_host_of_lite_is_refused_with_the_date() -> None:
    """Xata Lite has ended; its hosts are refused with the date."""
    with pytest.raises(InfraError, match="28 February 2026"):
        endpoints_of(credentials(hostname="us-east-1.sql.xata.sh"), BRANCH)


def test_the_password_is_in_no_repr() -> None:
    """Endpoints and credentials can be printed."""
    found = endpoints_of(credentials(), BRANCH)
    assert "s3cret" not in repr(found) + repr(credentials())
