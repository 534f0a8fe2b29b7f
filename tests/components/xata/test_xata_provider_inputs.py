"""What a change of each input of each Xata resource leads to in a plan: no network, no key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from components.declared import camel
from components.fingerprint import fingerprint
from components.http.address import same_server
from components.resource import ProviderError
from components.xata.project import ProjectProvider
from components.xata.provider import (
    ENDPOINTS,
    BranchConnectionProvider,
    BranchProvider,
    BranchSettingsProvider,
)

if TYPE_CHECKING:
    from components.resource import Provider

PROJECT = Path(__file__).resolve().parents[3]
API = "https://api.xata.tech"
PROJECT_ID = "prj_" + "0123456789abcdefghijklmnop"
PARENT_ID = "parent" + "0" * 20
BRANCH_ID = "branch" + "0" * 20

PLACE = {"organization": "org123", "projectId": PROJECT_ID, "branchId": BRANCH_ID}

RECORDED: dict[type[Provider[Any, Any]], dict[str, Any]] = {
    ProjectProvider: {
        "organization": "org123",
        "name": "warehouse-manager",
        "scaleToZeroBaseEnabled": True,
        "scaleToZeroBaseMinutes": 30.0,
        "scaleToZeroChildEnabled": True,
        "scaleToZeroChildMinutes": 30.0,
        "adopt": "",
        "projectId": PROJECT_ID,
        "adopted": False,
        "api": API,
    },
    BranchProvider: {
        "organization": "org123",
        "project": "warehouse-manager",
        "name": "staging",
        "stack": "staging",
        "parent": "main",
        "region": "us-east-1",
        "adopt": "",
        "allowParent": "",
        "branchId": BRANCH_ID,
        "projectId": PROJECT_ID,
        "projectName": "warehouse-manager",
        "parentId": PARENT_ID,
        "parentName": "main",
        "currentName": "staging",
        "adopted": False,
        "api": API,
    },
    BranchSettingsProvider: {
        **PLACE,
        "description": "infra stack staging",
        "scaleToZeroEnabled": True,
        "scaleToZeroMinutes": 30.0,
        "backupRetentionDays": 7.0,
        "backupTime": "*:02:30",
        "instanceType": "xata.micro",
        "replicas": 0.0,
        "storage": 250.0,
        "image": "postgres:18.1",
        "asleep": False,
        "api": API,
    },
    BranchConnectionProvider: {
        **PLACE,
        "rotation": "2026-Q4",
        "readyTimeoutSeconds": 600.0,
        "url": "postgresql://xata:x@h/xata",
        "poolerUrl": "postgresql://xata:x@h-pooler/xata",
        "readOnlyUrl": "postgresql://xata:x@h-ro/xata",
        "host": "h",
        "port": 5432.0,
        "database": "xata",
        "user": "xata",
        "password": "x",
        "current": True,
        "api": API,
    },
}
"""Outputs as they are recorded; whole numbers are floats on the wire."""

UPDATE, REPLACE, REFUSE, NOTHING = "update", "replace", "refuse", "nothing"

FATES: dict[type[Provider[Any, Any]], dict[str, tuple[Any, str]]] = {
    ProjectProvider: {
        "organization": ("org456", REFUSE),
        "name": ("print-farm", UPDATE),
        "scaleToZeroBaseEnabled": (False, UPDATE),
        "scaleToZeroBaseMinutes": (60.0, UPDATE),
        "scaleToZeroChildEnabled": (False, UPDATE),
        "scaleToZeroChildMinutes": (60.0, UPDATE),
        "adopt": (PROJECT_ID, UPDATE),
    },
    BranchProvider: {
        "organization": ("org456", REFUSE),
        "project": ("another", REFUSE),
        "name": ("stage", REFUSE),
        "stack": ("production", REFUSE),
        "parent": ("production", REFUSE),
        "region": ("eu-central-1", REFUSE),
        "root": ({"image": "postgres:18.1", "instanceType": "xata.micro", "replicas": 0.0}, REFUSE),
        "adopt": (BRANCH_ID, UPDATE),
        "allowParent": ("production", UPDATE),
        "production": (["live"], UPDATE),
        "mostPreviews": (20.0, NOTHING),
        "insteadOf": (BRANCH_ID, REFUSE),
    },
    BranchSettingsProvider: {
        "organization": ("org456", REPLACE),
        "projectId": ("prj_" + "a" * 26, REPLACE),
        "branchId": ("a" * 26, REPLACE),
        "description": ("infra stack staging nightly", UPDATE),
        "scaleToZeroEnabled": (False, UPDATE),
        "scaleToZeroMinutes": (60.0, UPDATE),
        "backupRetentionDays": (14.0, UPDATE),
        "backupTime": ("0:03:00", UPDATE),
        "instanceType": ("xata.small", UPDATE),
        "replicas": (1.0, UPDATE),
        "storage": (500.0, UPDATE),
        "image": ("postgres:18.2", UPDATE),
    },
    BranchConnectionProvider: {
        "organization": ("org456", REPLACE),
        "projectId": ("prj_" + "a" * 26, REPLACE),
        "branchId": ("a" * 26, REPLACE),
        "rotation": ("2027-Q1", UPDATE),
        "ownPassword": (True, UPDATE),
        "appLogin": (True, UPDATE),
        "insteadOfPassword": (fingerprint("x", like="5a17$"), UPDATE),
        "told": ({"script": "another"}, NOTHING),
        "readyTimeoutSeconds": (60.0, UPDATE),
    },
}
"""For each input another value, and what it leads to. The two last replacements touch nothing on the server."""

CASES = [(kind, key, *fate) for kind, fates in FATES.items() for key, fate in fates.items()]


def _inputs(kind: type[Provider[Any, Any]], **changes: Any) -> dict[str, Any]:
    recorded = RECORDED[kind]
    return {key: recorded[key] for key in kind.inputs.names() if key in recorded} | changes


def _other(kind: type[Provider[Any, Any]], key: str, value: Any) -> dict[str, Any]:
    """The inputs with another value of one; a root configuration takes the parent's place."""
    return _inputs(kind, **{key: value}, **({"parent": None} if key == "root" else {}))


@pytest.fixture(autouse=True)
def _nothing_may_be_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INFRA_ALLOW_DELETE", raising=False)
    monkeypatch.delenv("XATA_API_KEY", raising=False)


@pytest.mark.parametrize("kind", FATES)
def test_no_input_is_forgotten(kind: type[Provider[Any, Any]]) -> None:
    """Whoever adds an input says here what a change of it leads to."""
    assert FATES[kind].keys() == set(kind.inputs.names())


@pytest.mark.parametrize("kind", FATES)
def test_unchanged_inputs_are_no_change(kind: type[Provider[Any, Any]]) -> None:
    """What is recorded is what is declared: nothing to do, and nothing to refuse."""
    inputs = _inputs(kind)
    assert kind().check(inputs, inputs).failures == []
    diff = kind().diff("id", RECORDED[kind], inputs)
    assert (diff.changes, diff.replaces) == (False, [])


@pytest.mark.parametrize(("kind", "key", "value", "fate"), CASES, ids=lambda item: getattr(item, "__name__", None))
def test_every_changed_input_has_its_fate(kind: type[Provider[Any, Any]], key: str, value: Any, fate: str) -> None:
    """It is updated in place, replaces, or is refused at preview with its name; one of its birth is no change."""
    provider, news = kind(), _other(kind, key, value)
    assert provider.check(_inputs(kind), news).failures == []
    if fate == REFUSE:
        with pytest.raises(ProviderError, match=f"^(parent, )?{key}: the .* is protected"):
            provider.diff("id", RECORDED[kind], news)
        return
    diff = provider.diff("id", RECORDED[kind], news)
    assert diff.changes is (fate != NOTHING)
    assert diff.replaces == ([key] if fate == REPLACE else [])


REPLACING = [
    (key, value) for key, (value, fate) in FATES[BranchProvider].items() if fate == REFUSE and key != "insteadOf"
]


@pytest.mark.parametrize(("key", "value"), REPLACING)
def test_a_named_branch_may_be_replaced(key: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """INFRA_ALLOW_DELETE must name that very branch; the old one goes first, because names are unique."""
    news = _other(BranchProvider, key, value)
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "production,stagin")
    with pytest.raises(ProviderError, match="INFRA_ALLOW_DELETE=staging"):
        BranchProvider().diff("id", RECORDED[BranchProvider], news)
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "production, staging")
    diff = BranchProvider().diff("id", RECORDED[BranchProvider], news)
    assert key in (diff.replaces or [])
    assert diff.delete_before_replace is True


def test_a_preview_is_replaced_without_ado() -> None:
    """The branch of a pull request is made to be thrown away."""
    recorded = {**RECORDED[BranchProvider], "name": "pr-7", "currentName": "pr-7", "parent": "staging"}
    news = {**_inputs(BranchProvider), "name": "pr-7", "parent": "main"}
    assert BranchProvider().diff("id", {**recorded, "parentName": "staging"}, news).replaces == ["parent"]


@pytest.mark.parametrize(
    ("key", "spelling"), [("project", PROJECT_ID), ("project", "warehouse-manager"), ("parent", PARENT_ID)]
)
def test_another_spelling_of_the_same_thing_is_no_change(key: str, spelling: str) -> None:
    """Project and parent may be given by name or by id, and later the other way."""
    diff = BranchProvider().diff("id", RECORDED[BranchProvider], _inputs(BranchProvider, **{key: spelling}))
    assert (diff.changes, diff.replaces) == (False, [])


def _root(image: str = "postgres:18.1", size: str = "xata.micro", replicas: float = 0.0) -> dict[str, Any]:
    return {"image": image, "instanceType": size, "replicas": replicas}


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        (_root("postgres:18.2"), False),
        (_root(size="xata.large"), False),
        (_root(replicas=2.0), False),
        (_root("postgres:18"), False),
        (_root("postgres:17.7"), True),
        (_root("postgis:18.1"), True),
    ],
)
def test_of_the_root_configuration_only_another_major_version_is_another_branch(
    after: dict[str, Any],
    changes: bool,  # noqa: FBT001 - a parameter of the table
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rest is how it began; BranchSettings changes what it runs on."""
    monkeypatch.setenv("INFRA_ALLOW_DELETE", "main")
    recorded = {**RECORDED[BranchProvider], "name": "main", "currentName": "main", "root": _root(), "parent": None}
    news = {**_inputs(BranchProvider), "name": "main", "root": after, "parent": None}
    assert BranchProvider().diff("id", recorded, news).replaces == (["root"] if changes else [])


REFUSED: list[tuple[type[Provider[Any, Any]], str, Any]] = [
    (ProjectProvider, "organization", ""),
    (ProjectProvider, "name", ""),
    (ProjectProvider, "name", "a/b"),
    (ProjectProvider, "name", "x" * 300),
    (ProjectProvider, "scaleToZeroBaseEnabled", "yes"),
    (ProjectProvider, "scaleToZeroBaseMinutes", 0.0),
    (ProjectProvider, "scaleToZeroChildEnabled", 1.0),
    (ProjectProvider, "scaleToZeroChildMinutes", 1441.0),
    (BranchProvider, "organization", ""),
    (BranchProvider, "project", ""),
    (BranchProvider, "name", ""),
    (BranchProvider, "name", "x" * 300),
    (BranchProvider, "name", "a\nb"),
    (BranchProvider, "name", "a\x00b"),
    (BranchProvider, "name", "feature/x"),
    (BranchProvider, "stack", "a_stack"),
    (BranchProvider, "parent", ""),
    (BranchProvider, "parent", "staging"),
    (BranchProvider, "region", ""),
    (BranchProvider, "root", _root()),
    (BranchSettingsProvider, "branchId", ""),
    (BranchSettingsProvider, "description", "no_underscores"),
    (BranchSettingsProvider, "description", "x" * 51),
    (BranchSettingsProvider, "scaleToZeroEnabled", "yes"),
    (BranchSettingsProvider, "scaleToZeroMinutes", 0.0),
    (BranchSettingsProvider, "backupRetentionDays", 1.0),
    (BranchSettingsProvider, "backupRetentionDays", 36.0),
    (BranchSettingsProvider, "backupRetentionDays", 7.5),
    (BranchSettingsProvider, "backupRetentionDays", "7"),
    (BranchSettingsProvider, "backupTime", "daily"),
    (BranchSettingsProvider, "instanceType", "two words"),
    (BranchSettingsProvider, "replicas", 5.0),
    (BranchSettingsProvider, "storage", 100.0),
    (BranchSettingsProvider, "image", "latest"),
    (BranchSettingsProvider, "image", "postgres:17.7"),
    (BranchSettingsProvider, "image", "postgres:18.0"),
    (BranchConnectionProvider, "branchId", ""),
    (BranchConnectionProvider, "rotation", 4.0),
    (BranchConnectionProvider, "readyTimeoutSeconds", 0.0),
    (BranchConnectionProvider, "readyTimeoutSeconds", 0.5),
]


@pytest.mark.parametrize(("kind", "key", "value"), REFUSED)
def test_wrong_values_are_refused_by_name(kind: type[Provider[Any, Any]], key: str, value: Any) -> None:
    """A preview names the property and says what is allowed."""
    failures = kind().check(_inputs(kind), _inputs(kind, **{key: value})).failures
    assert [failure.property for failure in failures] == [key]
    assert failures[0].reason


@pytest.mark.parametrize("root", [_root("latest"), _root(size=""), _root(replicas=5.0), _root(replicas=0.5)])
def test_a_wrong_root_configuration_is_refused(root: dict[str, Any]) -> None:
    """Image, size and replicas of a branch without parent are judged before anything is asked of the API."""
    news = {**_inputs(BranchProvider), "root": root, "parent": None}
    assert [failure.property for failure in BranchProvider().check({}, news).failures] == ["root"]


def test_production_is_no_parent_of_a_preview_by_accident() -> None:
    """Neither of a preview nor of dev, unless it is named on purpose."""
    for name in ("pr-7", "dev"):
        news = {**_inputs(BranchProvider), "name": name, "parent": "production"}
        (failure,) = BranchProvider().check({}, news).failures
        assert failure.property == "parent"
        assert "allowParent" in failure.reason
        assert BranchProvider().check({}, {**news, "allowParent": "production"}).failures == []


def test_a_renamed_branch_is_drift_and_no_replacement() -> None:
    """The name it has on the server is an output; the declared one stays what it was."""
    recorded = {**RECORDED[BranchProvider], "currentName": "staging-old"}
    diff = BranchProvider().diff("id", recorded, _inputs(BranchProvider))
    assert (diff.changes, diff.replaces) == (True, [])


def test_settings_that_are_not_given_are_nobodys_business() -> None:
    """An absent setting that never was declared neither differs from anything nor is judged."""
    provider = BranchSettingsProvider()
    recorded = {**RECORDED[BranchSettingsProvider], "declared": []}
    for absent in ({}, {"backupTime": None, "instanceType": None}):
        news = {**PLACE, **absent}
        assert provider.check(PLACE, news).failures == []
        assert provider.diff("id", recorded, news).changes is False


def test_an_unknown_project_of_the_same_branch_is_no_change() -> None:
    """While an update of the branch is planned its outputs are unknown; its id is not, and that is enough."""
    for kind in (BranchSettingsProvider, BranchConnectionProvider):
        diff = kind().diff("id", RECORDED[kind], _inputs(kind, projectId=UNKNOWN))
        assert (diff.changes, diff.replaces) == (False, [])


@pytest.mark.parametrize("kind", FATES)
def test_unknown_inputs_are_neither_refused_nor_replacements(kind: type[Provider[Any, Any]]) -> None:
    """In a preview what does not exist yet comes as a marker."""
    news = dict.fromkeys(kind.inputs.names(), UNKNOWN)
    assert kind().check({}, news).failures == []
    assert kind().diff("id", RECORDED[kind], news).replaces == []


@pytest.mark.parametrize("key", [camel(name) for name in ENDPOINTS])
def test_an_incomplete_connection_asks_for_an_update(key: str) -> None:
    """What a refresh could not read, or found changed, the next run brings in order."""
    recorded, inputs = RECORDED[BranchConnectionProvider], _inputs(BranchConnectionProvider)
    assert BranchConnectionProvider().diff("id", {**recorded, key: ""}, inputs).changes is True
    assert BranchConnectionProvider().diff("id", {**recorded, "current": False}, inputs).changes is True


@pytest.mark.parametrize(
    ("recorded", "current", "same"),
    [
        ("https://api.xata.tech", "https://api.xata.tech/", True),
        ("https://api.xata.tech", "https://API.xata.tech", True),
        ("https://api.xata.tech", "https://api.staging.xata.tech", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:9090", True),
        ("http://localhost:8080", "http://127.0.0.1:9090", True),
        ("https://api.xata.tech", "http://127.0.0.1:9090", False),
        ("http://127.0.0.1:9090", "https://api.xata.tech", False),
    ],
)
def test_a_server_is_known_by_its_address(recorded: str, current: str, same: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """On the loopback the port may differ: a stand-in does not come back on the same one."""
    assert same_server(recorded, current) is same
