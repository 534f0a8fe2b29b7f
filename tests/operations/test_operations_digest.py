"""The document of a preview, from events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from operations.display.digest import Digest
from pulumi_embedded import api
from pulumi_embedded.state import ResourceState
from pulumi_embedded.values import UNKNOWN, Secret
from tests.operations.doubles import result

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "urn:pulumi:dev::shop"
STACK = f"{PREFIX}::pulumi:pulumi:Stack::shop-dev"
PROVIDER = f"{PREFIX}::pulumi:providers:x::default::1"


def _state(name: str = "a", **more: Any) -> ResourceState:
    return ResourceState(urn=f"{PREFIX}::x:Thing::{name}", type="x:Thing", provider=PROVIDER, parent=STACK, **more)


def _step(op: Any, old: ResourceState | None, new: ResourceState | None, **more: Any) -> api.Step:
    state = new or old
    assert state is not None
    values: dict[str, Any] = {"urn": state.urn, "type": state.type, "name": "a", "parent": STACK, "provider": PROVIDER}
    return api.Step(op=op, old_state=old, new_state=new, **{**values, **more})


def _document(*events: api.Event, config: Any = None, **ended: Any) -> dict[str, Any]:
    digest = Digest(api.Silent())
    for event in events:
        digest.on_event(event)
    return digest.document(result("preview", **ended), config or {})


def test_a_step_has_states_reasons_and_a_detailed_difference(valid: Callable[[str, Any], None]) -> None:
    """Whatever the engine knows of a step stands where the CLI puts it; what is empty is left out."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    old = _state(id="1", inputs={"size": 1}, outputs={"size": 1}, created=moment, protect=True, import_id="7")
    new = _state(inputs={"size": UNKNOWN}, property_dependencies={"size": [STACK]}, extra={"stackTrace": [{}]})
    detailed = {"size": api.PropertyDiff(kind="update-replace", input_diff=True)}
    step = _step("create-replacement", old, new, replace_keys=("size",), diffs=("size",), detailed_diff=detailed)
    document = _document(api.StepStarted(step=step), api.StepFinished(step=step, seconds=0, op=step.op))
    valid("preview", document)
    urn = f"{PREFIX}::x:Thing::a"
    both = {"urn": urn, "custom": True, "type": "x:Thing", "parent": STACK, "provider": PROVIDER}
    assert document["steps"] == [
        {
            "op": "replace",
            "urn": urn,
            "provider": PROVIDER,
            "oldState": {
                **both, "id": "1", "inputs": {"size": 1}, "outputs": {"size": 1}, "protect": True, "importID": "7",
                "created": "2026-01-02T03:04:05Z",
            },
            "newState": {
                **both, "inputs": {"size": UNKNOWN}, "propertyDependencies": {"size": [STACK]}, "stackTrace": [{}],
            },
            "diffReasons": ["size"],
            "replaceReasons": ["size"],
            "detailedDiff": {"size": {"kind": "update-replace", "inputDiff": True}},
        }
    ]  # fmt: skip


def test_a_state_is_written_down_when_it_is_told() -> None:
    """What the engine does with a resource afterwards does not show."""
    new = _state(inputs={"a": 1})
    digest = Digest(api.Silent())
    digest.on_event(api.StepStarted(step=_step("create", None, new)))
    new.id, new.outputs = "7", {"a": 1}
    (step,) = digest.document(result("preview"), {})["steps"]
    assert "id" not in step["newState"]
    assert "outputs" not in step["newState"]
    assert "oldState" not in step
    assert step["detailedDiff"] is None


def test_secrets_are_masked_everywhere() -> None:
    """In configuration and states, also inside lists and objects, and where they are unknown."""
    inputs = {"a": Secret("s3cret"), "b": [{"c": Secret("s3cret")}], "d": Secret(UNKNOWN)}
    step = _step("create", None, _state(inputs=inputs, outputs={"a": Secret({"e": "s3cret"})}))
    document = _document(api.StepStarted(step=step), config={"shop:pw": Secret("s3cret"), "shop:a": "1"})
    assert document["config"] == {"shop:a": "1", "shop:pw": "[secret]"}
    assert document["steps"][0]["newState"]["inputs"] == {"a": "[secret]", "b": [{"c": "[secret]"}], "d": "[secret]"}
    assert "s3cret" not in json.dumps(document)


@pytest.mark.parametrize(
    ("step", "listed"),
    [
        (_step("same", _state(), _state()), []),
        (_step("same", _state(protect=True), _state()), ["same"]),
        (_step("same", None, _state(), type="pulumi:pulumi:Stack"), ["same"]),
        (_step("delete", _state(), None), ["delete"]),
        (_step("delete-replaced", _state(), None), []),
        (_step("create", None, _state(), internal=True), []),
        (_step("read", None, _state(external=True)), ["read"]),
        (_step("read-replacement", _state(), _state(external=True)), ["replace"]),
        (_step("discard", _state(external=True), None), ["discard"]),
        (_step("remove-pending-replace", _state(), None), []),
        (_step("refresh", _state(), _state()), ["refresh"]),
    ],
)
def test_steps_are_listed_as_the_cli_lists_them(step: api.Step, listed: list[str]) -> None:
    """Unchanged ones are left out but for the stack, and so are default providers and halves of a replacement."""
    assert [one["op"] for one in _document(api.StepStarted(step=step)).get("steps", ())] == listed


@pytest.mark.parametrize(
    ("found", "detailed", "op"),
    [
        ("same", {}, "refresh"),
        ("update", {}, "refresh"),
        ("update", {"a": api.PropertyDiff(kind="update")}, "update"),
        ("delete", {}, "delete"),
    ],
)
def test_a_refresh_is_what_it_found(found: Any, detailed: Any, op: str) -> None:
    """A resource that is gone is a deletion; one that differs in detail is an update."""
    begun = _step("refresh", _state(id="1"), _state(id="1"))
    ended = _step("refresh", _state(id="1"), _state(id="1"), detailed_diff=detailed)
    document = _document(api.StepStarted(step=begun), api.StepFinished(step=ended, seconds=1, op=found))
    (step,) = document["steps"]
    assert step["op"] == op
    assert ("newState" in step) == (op != "delete")


def test_a_failed_preview_says_why_once(valid: Callable[[str, Any], None]) -> None:
    """Messages and errors are diagnostics with their severity in front; an error told by an event is not repeated."""
    document = _document(
        api.Message(severity="info", text="hello\n"),
        api.Message(severity="debug", text="noise"),
        api.Message(severity="warning", text="slow", urn=STACK),
        api.StepFailed(step=_step("update", _state(), _state()), seconds=0, message="the port is taken"),
        succeeded=False,
        errors=("x:Thing 'a': the port is taken", "the disk is full"),
    )
    valid("preview", document)
    assert document["diagnostics"] == [
        {"message": "hello\n", "severity": "info"},
        {"urn": STACK, "message": "warning: slow\n", "severity": "warning"},
        {"urn": f"{PREFIX}::x:Thing::a", "message": "error: the port is taken\n", "severity": "error"},
        {"message": "error: the disk is full\n", "severity": "error"},
    ]
    assert (document["duration"], document["changeSummary"]) == (1_250_000_000, {"create": 1, "same": 2})
