"""What answers are read as, and what requests are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import errors
from components.xata.api.models import (
    LONGEST_NAME_BYTES,
    BackupConfiguration,
    Body,
    BranchCreation,
    BranchPatch,
    ClusterConfiguration,
    ProjectCreation,
    ProjectPatch,
    ProjectScaleToZero,
    Restore,
    ScaleToZero,
)
from tests.components.xata.scripted import (
    BRANCH,
    HALF,
    ORGANIZATION,
    PROJECT,
    STATUS,
    SUMMARY,
    WHOLE_BRANCH,
    Service,
    answer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.xata.api import models

PLACE = (ORGANIZATION, PROJECT)
SLEEPY = ScaleToZero(enabled=True, minutes=15)
BOTH = ProjectScaleToZero(base_branches=SLEEPY, child_branches=SLEEPY)
ROOT = ClusterConfiguration(image="postgres:18.1", region="us-east-1", instance_type="xata.micro")
WEEK = BackupConfiguration(retention_days=7, time="*:02:30")
SLEEPY_JSON = {"enabled": True, "inactivityPeriodMinutes": 15}
ROOT_JSON = {"image": "postgres:18.1", "region": "us-east-1", "instanceType": "xata.micro", "replicas": 0}
WEEK_JSON = {"retentionPeriod": 7, "backupTime": "*:02:30"}


def _branch(**changes: Any) -> models.Branch:
    return Service(answer(200, WHOLE_BRANCH | changes)).client().branch(*PLACE, BRANCH)


def test_a_branch_is_read_in_full() -> None:
    """Names are ours, times carry their zone, and the region is the branch's own field."""
    branch = _branch(description="ours")
    assert (branch.id, branch.name, branch.region, branch.parent_id) == ("b1", "staging", "us-east-1", None)
    assert branch.created_at == datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
    assert branch.description == "ours"
    assert (branch.status.kind, branch.status.text) == ("healthy", "Cluster in healthy state")
    assert branch.scale_to_zero == ScaleToZero(enabled=False, minutes=30)
    assert branch.configuration.image == "postgres:18.1"
    assert branch.backup_configuration == WEEK
    assert "hidden" not in repr(branch)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("STATUS_TYPE_HEALTHY", "healthy"),
        ("HEALTHY", "healthy"),
        ("STATUS_TYPE_TRANSIENT", "transient"),
        ("TRANSIENT", "transient"),
        ("STATUS_TYPE_FAULT", "fault"),
        ("FAULT", "fault"),
        ("STATUS_TYPE_HIBERNATED", "hibernated"),
        ("HIBERNATED", "hibernated"),
        ("STATUS_TYPE_UNSPECIFIED", "unknown"),
        ("STATUS_TYPE_RESTORING", "unknown"),
        ("", "unknown"),
    ],
)
def test_both_spellings_of_the_state_are_known_and_others_kept(word: str, kind: str) -> None:
    """A state that a newer server invents is unknown, and its word is kept."""
    status = _branch(status=STATUS | {"statusType": word}).status
    assert (status.kind, status.type_text) == (kind, word)


def test_newer_servers_are_understood() -> None:
    """Fields that are not known and values that no enumeration has are no error."""
    instance = {"id": "i", "status": "dancing", "primary": True, "targetPrimary": False, "mood": {"good": [1]}}
    assert (
        _branch(mood="good", status=STATUS | {"instances": [instance], "x": 1}).status.instances[0].status == "dancing"
    )
    region = {"id": "moon-1", "backupsEnabled": True, "publicAccess": True, "provider": "nasa", "organizationId": None}
    assert Service(answer(200, {"regions": [region], "next": 1})).client().regions("o")[0].provider == "nasa"


def test_older_servers_are_understood() -> None:
    """What was not told in earlier versions has a default."""
    region = {"id": "us-east-1", "backupsEnabled": False, "publicAccess": True, "organizationId": None}
    assert Service(answer(200, {"regions": [region]})).client().regions("o")[0].provider == ""
    without = {key: value for key, value in WHOLE_BRANCH.items() if key not in {"backupConfiguration", "parentID"}}
    branch = Service(answer(200, without)).client().branch(*PLACE, BRANCH)
    assert (branch.backup_configuration, branch.parent_id) == (None, None)


@pytest.mark.parametrize(
    ("extra", "host", "port", "database"),
    [
        ({}, None, None, None),
        (
            {
                "hostname": "b1.x",
                "port": 5432,
                "dbname": "xata",
                "connectionString": "postgresql://xata:hidden@b1.x/xata",
            },
            "b1.x",
            5432,
            "xata",
        ),
    ],
)
def test_credentials_come_in_two_shapes(
    extra: dict[str, Any], host: str | None, port: int | None, database: str | None
) -> None:
    """Two fields or six; the password is in neither `repr` nor `str`."""
    service = Service(answer(200, {"username": "xata", "password": "hidden"} | extra))
    found = service.client().credentials(*PLACE, BRANCH)
    assert (found.username, found.password) == ("xata", "hidden")
    assert (found.hostname, found.port, found.dbname) == (host, port, database)
    assert "hidden" not in repr(found) + str(found)
    assert service.requests[0].url.params["username"] == "xata"


@pytest.mark.parametrize(
    ("response", "says"),
    [
        (httpx.Response(200, text="<html>hidden"), "JSON"),
        (httpx.Response(200, content=b'{"id": "hidden'), "JSON"),
        (httpx.Response(200, content=b""), "JSON"),
        (httpx.Response(204), "JSON"),
        (httpx.Response(200, content=b"\xff\xfe\x00"), "JSON"),
        (answer(200, None or []), "Expected `object`"),
        (answer(200, "hidden"), "Expected `object`"),
        (answer(200, WHOLE_BRANCH | {"id": None}), "`$.id`"),
        (answer(200, WHOLE_BRANCH | {"id": ""}), "`$.id`"),
        (answer(200, WHOLE_BRANCH | {"createdAt": "hidden"}), "`$.createdAt`"),
        (answer(200, WHOLE_BRANCH | {"createdAt": "2026-11-22T10:00:00"}), "`$.createdAt`"),
        (answer(200, WHOLE_BRANCH | {"createdAt": 17}), "`$.createdAt`"),
        (
            answer(200, {key: value for key, value in WHOLE_BRANCH.items() if key != "status"}),
            "field `status`",
        ),
        (answer(200, WHOLE_BRANCH | {"status": STATUS | {"instances": None}}), "`$.status.instances`"),
        (
            answer(200, WHOLE_BRANCH | {"scaleToZero": {"enabled": True}}),
            "field `inactivityPeriodMinutes`",
        ),
        (answer(200, WHOLE_BRANCH | {"scaleToZero": HALF | {"enabled": "yes"}}), "`$.scaleToZero.enabled`"),
        (
            answer(200, WHOLE_BRANCH | {"backupConfiguration": WEEK_JSON | {"retentionPeriod": "7"}}),
            "`$.backupConfiguration.retentionPeriod`",
        ),
        (
            answer(200, WHOLE_BRANCH | {"backupConfiguration": WEEK_JSON | {"retentionPeriod": 7.5}}),
            "`$.backupConfiguration.retentionPeriod`",
        ),
    ],
)
def test_a_malformed_answer_is_named_by_its_field(response: httpx.Response, says: str) -> None:
    """The error tells operation and field, and never quotes the answer."""
    service = Service(response)
    with pytest.raises(errors.MalformedAnswerError) as caught:
        service.client().branch(*PLACE, BRANCH)
    assert says in str(caught.value)
    assert "could not read the branch" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert caught.value.__context__ is None
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"username": "xata", "password": ["hidden"]},
        {"username": {"hidden": 1}, "password": "x"},
        {"username": "xata", "pass": "hidden"},
        {"username": "xata", "password": ""},
        {"username": "xata", "password": "hidden", "port": 70000},
        {"username": "xata", "password": "hidden", "port": "hidden"},
    ],
)
def test_malformed_credentials_are_never_quoted(body: dict[str, Any]) -> None:
    """Not even the part that is wrong."""
    with pytest.raises(errors.MalformedAnswerError) as caught:
        Service(answer(200, body)).client().credentials(*PLACE, BRANCH)
    assert "hidden" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (lambda client: client.branches(*PLACE), {"branches": None}),
        (lambda client: client.branches(*PLACE), {}),
        (lambda client: client.branches(*PLACE), [SUMMARY]),
        (lambda client: client.projects(ORGANIZATION), {"projects": {}}),
        (lambda client: client.branches(*PLACE), {"branches": [SUMMARY, {"id": "b2"}]}),
    ],
)
def test_a_list_that_is_none_is_not_taken_for_an_empty_one(call: Callable[[Any], Any], body: Any) -> None:
    """An empty list leads to a create, so it has to be one."""
    with pytest.raises(errors.MalformedAnswerError):
        call(Service(answer(200, body)).client())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WHOLE_BRANCH, "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(WHOLE_BRANCH)), JSON, max_size=4))
def test_any_json_is_a_branch_or_a_malformed_answer(changes: dict[str, Any]) -> None:
    """Nothing a server can send raises anything else."""
    try:
        branch = _branch(**changes)
    except errors.MalformedAnswerError:
        return
    assert branch.id
    assert branch.status.kind in {"healthy", "transient", "fault", "hibernated", "unknown"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ProjectCreation(name="p"), {"name": "p"}),
        (
            ProjectCreation(name="p", scale_to_zero=BOTH),
            {
                "name": "p",
                "configuration": {"scaleToZero": {"baseBranches": SLEEPY_JSON, "childBranches": SLEEPY_JSON}},
            },
        ),
        (ProjectPatch(name="q"), {"name": "q"}),
        (
            ProjectPatch(scale_to_zero=BOTH),
            {"configuration": {"scaleToZero": {"baseBranches": SLEEPY_JSON, "childBranches": SLEEPY_JSON}}},
        ),
        (BranchCreation(name="b", parent_id="p1"), {"name": "b", "mode": "inherit", "parentID": "p1"}),
        (
            BranchCreation(name="b", parent_id="p1", description="d", scale_to_zero=SLEEPY, backup_configuration=WEEK),
            {
                "name": "b",
                "mode": "inherit",
                "parentID": "p1",
                "description": "d",
                "scaleToZero": SLEEPY_JSON,
                "backupConfiguration": WEEK_JSON,
            },
        ),
        (BranchCreation(name="b", configuration=ROOT), {"name": "b", "mode": "custom", "configuration": ROOT_JSON}),
        (BranchPatch(replicas=0), {"replicas": 0}),
        (BranchPatch(hibernate=False), {"hibernate": False}),
        (
            BranchPatch(name="n", description="d", instance_type="t", storage=10, image="postgres:18.2"),
            {"name": "n", "description": "d", "instanceType": "t", "storage": 10, "image": "postgres:18.2"},
        ),
        (
            BranchPatch(scale_to_zero=SLEEPY, backup_configuration=BackupConfiguration(retention_days=7)),
            {"scaleToZero": SLEEPY_JSON, "backupConfiguration": {"retentionPeriod": 7}},
        ),
        (Restore(name="r"), {"name": "r"}),
        (
            Restore(name="r", configuration=ROOT, description="d"),
            {"name": "r", "configuration": ROOT_JSON, "description": "d"},
        ),
    ],
)
def test_bodies_say_what_was_asked_for_and_no_more(body: Body, expected: dict[str, Any]) -> None:
    """What is None does not travel; both halves of scale-to-zero and its minutes always do."""
    assert body.to_json() == expected


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ProjectCreation(name=""), "the name '' is empty"),
        (lambda: ProjectPatch(name=""), "the name '' is empty"),
        (lambda: BranchCreation(name="", parent_id="p"), "the name '' is empty"),
        (lambda: BranchPatch(name=""), "the name '' is empty"),
        (lambda: Restore(name=""), "the name '' is empty"),
        (lambda: BranchCreation(name="a\x00b", parent_id="p"), "control characters"),
        (lambda: BranchPatch(name="a\nb"), "control characters"),
        (lambda: ProjectCreation(name="n" * (LONGEST_NAME_BYTES + 1)), "2001 bytes long"),
        (lambda: BranchPatch(description=""), "description is empty"),
        (lambda: BranchCreation(name="b", parent_id="p", description=""), "description is empty"),
        (lambda: Restore(name="b", description=""), "description is empty"),
        (BranchPatch, "changes nothing"),
        (ProjectPatch, "changes nothing"),
        (lambda: BranchCreation(name="b"), "exactly one"),
        (lambda: BranchCreation(name="b", parent_id=""), "exactly one"),
        (lambda: BranchCreation(name="b", parent_id="p", configuration=ROOT), "exactly one"),
    ],
)
def test_bodies_that_can_not_be_meant_are_refused_in_words(make: Callable[[], Body], says: str) -> None:
    """Before any call, with what to do."""
    with pytest.raises(errors.InputError) as caught:
        make()
    assert says in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize("name", ["x", "n" * 300, "ünï/côde", "..", " main "])
def test_names_that_the_service_takes_are_let_through(name: str) -> None:
    """The client refuses only what would break the service; which names are wanted is decided elsewhere."""
    assert BranchCreation(name=name, parent_id="p").to_json()["name"] == name
