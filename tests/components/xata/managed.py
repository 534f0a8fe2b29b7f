"""A dynamic resource as the engine keeps it: inputs and outputs over the wire, refreshed, planned and brought up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.xata import reading
from components.xata.provider import BranchConnectionProvider, BranchProvider, BranchSettingsProvider
from tests.components.xata.branches_world import IMAGE, ORGANIZATION, REGION, TYPE

if TYPE_CHECKING:
    from pulumi.dynamic import ResourceProvider

ROOT = {"image": IMAGE, "instanceType": TYPE, "replicas": 0}

Properties = dict[str, Any]


def wire(value: Any) -> Any:
    """What the wire makes of values: whole numbers become floats, and None is left out."""
    if isinstance(value, dict):
        return {key: wire(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [wire(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Managed:
    """One resource of a stack.

    Attributes:
        id: Empty while there is none.
        inputs: As they are recorded.
        outputs: As they are recorded.
    """

    def __init__(self, kind: type[ResourceProvider]) -> None:
        self.provider = kind()
        self.id = ""
        self.inputs: Properties = {}
        self.outputs: Properties = {}

    def plan(self, **inputs: Any) -> str:
        """What an `up` would do: create, same, update or replace."""
        news = wire(inputs)
        failures = self.provider.check(self.inputs, news).failures
        assert failures == [], [(failure.property, failure.reason) for failure in failures]
        if not self.id:
            return "create"
        diff = self.provider.diff(self.id, self.outputs, news)
        return "replace" if diff.replaces else "update" if diff.changes else "same"

    def up(self, **inputs: Any) -> str:
        """Do what the plan says, and say what it was. What is replaced goes first."""
        plan, news = self.plan(**inputs), wire(inputs)
        if plan == "replace":
            self.down()
        if plan in {"create", "replace"}:
            created = self.provider.create(dict(news))
            assert created.id
            self.id, self.outputs = created.id, wire(created.outs)
        elif plan == "update":
            self.outputs = wire(self.provider.update(self.id, self.outputs, dict(news)).outs)
        self.inputs = news
        return plan

    def refresh(self) -> bool:
        """Read reality, as a process of its own does; False when the resource is gone."""
        reading.forget()
        found = self.provider.read(self.id, dict(self.outputs))
        if not found.id:
            self.id, self.inputs, self.outputs = "", {}, {}
            return False
        self.outputs = wire(found.outs)
        self.inputs = wire(found.inputs)
        return True

    def down(self) -> None:
        """Delete it."""
        self.provider.delete(self.id, self.outputs)
        self.id, self.inputs, self.outputs = "", {}, {}


def branch_inputs(**changes: Any) -> dict[str, Any]:
    """The inputs of the branch staging."""
    return {
        "organization": ORGANIZATION,
        "project": "warehouse-manager",
        "name": "staging",
        "stack": "staging",
        "parent": "main",
        "region": REGION,
        "adopt": "",
        "allowParent": "",
        **changes,
    }


def made_branch(**changes: Any) -> Managed:
    """A created branch."""
    branch = Managed(BranchProvider)
    assert branch.up(**branch_inputs(**changes)) == "create"
    return branch


def place_of(branch: Managed) -> dict[str, Any]:
    """The inputs that say which branch is meant."""
    return {"organization": ORGANIZATION, "projectId": branch.outputs["projectId"], "branchId": branch.id}


SETTINGS = {
    "description": "infra stack staging",
    "scaleToZeroEnabled": True,
    "scaleToZeroMinutes": 30,
    "backupRetentionDays": 7,
    "backupTime": "*:02:30",
}


def made_settings(branch: Managed, **changes: Any) -> tuple[Managed, dict[str, Any]]:
    """Settings that are in force, and their inputs."""
    settings, inputs = Managed(BranchSettingsProvider), {**place_of(branch), **SETTINGS, **changes}
    assert settings.up(**inputs) == "create"
    return settings, inputs


def made_connection(branch: Managed, **changes: Any) -> tuple[Managed, dict[str, Any]]:
    """A connection, and its inputs."""
    connection = Managed(BranchConnectionProvider)
    inputs = {**place_of(branch), "rotation": "", "readyTimeoutSeconds": 60, **changes}
    assert connection.up(**inputs) == "create"
    return connection, inputs
