"""Connection strings from both shapes of the credentials answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict

from components.connection import Connection
from components.errors import InfraError, RefusedError
from components.xata.api.models import Branch, Credentials
from components.xata.branches.endpoints import Endpoints, endpoints_of, require_same_domain, variant

ID = "dhou2u3rhd3i712pf2jq45h3a8"
HOST = f"{ID}.us-east-1.xata.tech"
MOMENT = "2026-11-01T00:00:00Z"


def branch(connection_string: str | None = None) -> Branch:
    """A branch that tells this connection string."""
    answer = {
        "id": ID,
        "name": "staging",
        "region": "us-east-1",
        "createdAt": MOMENT,
        "updatedAt": MOMENT,
        "status": {"status": "", "statusType": "HEALTHY", "instanceCount": 1, "instanceReadyCount": 1, "instances": []},
        "backupsEnabled": True,
        "scaleToZero": {"enabled": False, "inactivityPeriodMinutes": 30},
        "configuration": {"image": "postgres:18.1", "instanceType": "xata.micro", "replicas": 0},
        "connectionString": connection_string,
    }
    return msgspec.convert(answer, Branch)


def credentials(**fields: Any) -> Credentials:
    """Credentials of the old shape, with fields of the new one."""
    return msgspec.convert({"username": "xata", "password": "s3cret/", **fields}, Credentials)


def endpoints(told: Credentials, connection_string: str | None = None) -> Endpoints:
    """The endpoints, which are there."""
    found = endpoints_of(told, branch(connection_string))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("connection_string", "place"),
    [
        (f"postgresql://xata:other@{ID}.cell-3.eu.example.com:6543/app?sslmode=require", (6543, "app")),
        (f"postgresql://xata:other@{ID}-deprecated.cell-3.eu.example.com/app", (5432, "app")),
        (f"postgresql://xata:o@ther@{ID}.cell-3.eu.example.com", (5432, "xata")),
    ],
)
def test_two_fields_need_the_branchs_connection_string(connection_string: str, place: tuple[int, str]) -> None:
    """Credentials without a host take it, port and database from the branch; their own password stays."""
    found = endpoints(credentials(), connection_string)
    port, database = place
    assert found.direct == Connection(
        host=f"{ID}.cell-3.eu.example.com", port=port, database=database, user="xata", password="s3cret/"
    )
    assert found.pooler.host == f"{ID}-pooler.cell-3.eu.example.com"


def test_no_host_is_made_up() -> None:
    """While neither the credentials nor the branch tell an address there is none."""
    assert endpoints_of(credentials(), branch()) is None
    assert endpoints_of(credentials(), branch("")) is None
    assert endpoints_of(credentials(port=5432, dbname="xata"), branch()) is None


def test_six_fields_are_believed() -> None:
    """The new shape's host, port and database win over the branch's connection string."""
    told = credentials(hostname=f"{ID}.cell-3.example.com", port=6543, dbname="app")
    found = endpoints(told, f"postgresql://xata:other@{HOST}:1/other")
    assert found.direct.url == f"postgresql://xata:s3cret%2F@{ID}.cell-3.example.com:6543/app?sslmode=require"


def test_the_credentials_connection_string_comes_before_the_branchs() -> None:
    """What the credentials leave out in fields they may tell in their own connection string."""
    told = credentials(connectionString=f"postgresql://xata:other@{HOST}:6543/app")
    found = endpoints(told, f"postgresql://xata:other@{ID}-deprecated.example.com:1/other")
    assert (found.direct.host, found.direct.port, found.direct.database) == (HOST, 6543, "app")


@pytest.mark.parametrize("text", ["nonsense", "postgresql://xata:hidden@10.0.0.1/xata", "host=h password=hidden"])
def test_an_unfit_connection_string_is_named(text: str) -> None:
    """It is refused in words that quote neither user nor password, and only where it is needed."""
    with pytest.raises(InfraError, match="connectionString names the host") as caught:
        endpoints_of(credentials(), branch(text))
    assert "hidden" not in str(caught.value) + repr(branch(text))
    assert endpoints(credentials(hostname=HOST, port=5432, dbname="xata"), text).direct.host == HOST


@pytest.mark.parametrize(
    ("recorded", "found", "refused"),
    [
        ("", "id.evil.example.com", False),
        (HOST, HOST.upper(), False),
        (f"{ID}.cell-1.us-east-1.xata.tech", f"{ID}.cell-2.us-east-1.xata.tech", False),
        (HOST, f"{ID}.us-east-1.xata.tech.example.com", True),
        (HOST, f"{ID}.us-east-1.example.com", True),
        (HOST, f"{ID}.us-west-2.xata.tech", True),
        (f"{ID}.example.com", f"{ID}.other.example.com", True),
    ],
)
def test_a_host_that_leaves_its_domain_is_refused(recorded: str, found: str, *, refused: bool) -> None:
    """Between two runs a host stays within its region's domain, unless the user names the new one."""
    told = endpoints(credentials(hostname=found))
    if not refused:
        require_same_domain(recorded, told, branch(), {})
        return
    with pytest.raises(RefusedError, match="outside of") as caught:
        require_same_domain(recorded, told, branch(), {})
    name, _, domain = caught.value.next_step.rpartition(" ")[2].partition("=")
    require_same_domain(recorded, told, branch(), {name: domain})


@pytest.mark.parametrize("suffix", ["", "-rw", "-ro", "-r", "-pooler", "-deprecated", "-deprecated-ro"])
def test_each_way_in_has_one_suffix(suffix: str) -> None:
    """Whatever the answer's host carries on its first label, each variant carries its own suffix once."""
    found = endpoints(credentials(hostname=f"{ID}{suffix}.us-east-1.xata.tech"))
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
    found = endpoints(credentials(hostname=hostname, port=port))
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
        endpoints(credentials(hostname=hostname))
    assert len(str(caught.value)) < 500
    assert "s3cret" not in str(caught.value)


def test_a_host_of_lite_is_refused_with_the_date() -> None:
    """Xata Lite has ended; its hosts are refused with the date."""
    with pytest.raises(InfraError, match="28 February 2026"):
        endpoints(credentials(hostname="us-east-1.sql.xata.sh"))


def test_the_password_is_in_no_repr() -> None:
    """Endpoints, credentials and branches can be printed, and a branch does not even hold the password."""
    told = f"postgresql://xata:other@{HOST}/xata"
    assert "s3cret" not in repr(endpoints(credentials(), told)) + repr(credentials())
    assert "other" not in repr(asdict(branch(told)))
