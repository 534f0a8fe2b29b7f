from __future__ import annotations

import base64
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.rpc import UNKNOWN

from components.postgres import docker_provider, docker_role
from components.postgres.docker_provider import DockerRoleProvider, DockerRoleState
from components.postgres.docker_role import Before, Condition, RoleFacts, RoleSettings
from components.resource import ProviderError, state

INPUTS = {
    "stack": "dev",
    "container": "db",
    "containerId": "c1",
    "port": 15432.0,
    "database": "shop",
    "user": "clerk",
    "password": "the-real-password",
    "timeoutSeconds": 90.0,
}
RECORDED = {**INPUTS, "condition": "in place", "systemIdentifier": "7001", "version": "18.6"}
PROVIDER = DockerRoleProvider()


def found(condition: Condition, version: str = "") -> Any:
    """A look that finds the role in this condition."""

    def look(*_: Any) -> RoleFacts:
        return RoleFacts(condition=condition, version=version, system_identifier="7001")

    return look


@pytest.fixture
def converged(monkeypatch: pytest.MonkeyPatch) -> list[Before]:
    """No Docker: what was recorded when the role was let in."""
    calls: list[Before] = []

    def pretend(new: RoleSettings, before: Before, *, version: str) -> DockerRoleState:
        assert new.port == 15432
        calls.append(before)
        return state(DockerRoleState, new, condition="in place", system_identifier="7001", version=version or "18.6")

    monkeypatch.setattr(docker_provider, "_converged", pretend)
    return calls


def test_class_path_is_a_contract_with_recorded_state() -> None:
    """The pickle names the class by its path and holds nothing else."""
    recorded = "components.postgres.docker_provider"
    pickled = base64.b64decode(serialize_provider(PROVIDER))
    assert recorded.encode() in pickled
    assert b"DockerRoleProvider" in pickled
    assert vars(PROVIDER) == {}


def test_create_records_the_cluster(converged: list[Before]) -> None:
    """A new role has nothing before it; its outputs echo the inputs."""
    made = PROVIDER.create(dict(INPUTS))
    assert made.id == "dev/db"
    assert made.outs == {**RECORDED, "port": 15432, "timeoutSeconds": 90}
    assert converged == [Before()]


def test_update_compares_with_what_was_recorded(converged: list[Before]) -> None:
    """An update knows the old cluster, role and database."""
    PROVIDER.update("dev/db", dict(RECORDED), {**INPUTS, "user": "other"})
    assert converged == [Before(system_identifier="7001", user="clerk", database="shop")]


@pytest.mark.parametrize("key", sorted(INPUTS))
def test_every_input_is_followed_in_place(key: str) -> None:
    """A changed input is an update, never a replacement."""
    news = {**INPUTS, key: 15999.0 if key in {"port", "timeoutSeconds"} else "changed"}
    difference = PROVIDER.diff("dev/db", dict(RECORDED), news)
    assert difference.changes is True
    assert difference.replaces == []


def test_unchanged_role_in_place_is_no_difference() -> None:
    """A second up shows nothing."""
    assert PROVIDER.diff("dev/db", dict(RECORDED), dict(INPUTS)).changes is False


@pytest.mark.parametrize("condition", [c for c in Condition if c is not Condition.IN_PLACE])
def test_every_fault_that_a_refresh_saw_asks_for_an_update(
    condition: Condition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh records the fault and forgets nothing; the next up repairs it."""
    monkeypatch.setattr(docker_role, "read", found(condition))
    read = PROVIDER.read("dev/db", dict(RECORDED))
    assert read.id == "dev/db"
    assert read.outs is not None
    assert read.outs["condition"] == condition
    assert (read.outs["systemIdentifier"], read.outs["version"]) == ("7001", "18.6")
    assert PROVIDER.diff("dev/db", read.outs, dict(INPUTS)).changes is True


def test_refresh_of_a_role_in_place_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clean refresh gives back what was recorded."""
    monkeypatch.setattr(docker_role, "read", found(Condition.IN_PLACE, "18.6"))
    assert PROVIDER.read("dev/db", dict(RECORDED)).outs == {**RECORDED, "port": 15432, "timeoutSeconds": 90}


def test_delete_touches_nothing() -> None:
    """The role goes with the container; the data stay in the volume."""
    PROVIDER.delete("dev/db", dict(RECORDED))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("container", "a b"),
        ("port", 0.0),
        ("port", 70000.0),
        ("database", "template0"),
        ("user", "pg_me"),
        ("password", "pässword"),
        ("timeoutSeconds", 0.0),
    ],
)
def test_wrong_inputs_are_refused_at_preview(key: str, value: Any) -> None:
    """A wrong value is named before anything is touched, and a password is not quoted."""
    failures = PROVIDER.check({}, {**INPUTS, key: value}).failures
    named = "" if key == "password" else key  # the CLI would print the value of a property that is named
    assert [failure.property for failure in failures] == [named]
    assert failures[0].reason.startswith("password: ") == (key == "password")
    assert "pässword" not in failures[0].reason


def test_unknown_inputs_are_no_failure() -> None:
    """In the first preview there is no container and no password yet."""
    assert PROVIDER.check({}, {**INPUTS, "containerId": UNKNOWN, "password": UNKNOWN}).failures == []


def test_no_daemon_is_told_in_our_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a daemon the role says which addresses were tried, and not its password."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(ProviderError, match="there is no such socket") as caught:
        PROVIDER.create(dict(INPUTS))
    assert "the-real-password" not in str(caught.value)
