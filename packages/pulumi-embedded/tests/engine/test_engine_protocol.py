"""Walks Pulumi's protocol: whatever a program can send is honoured, passed over for a reason, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from pulumi_embedded import documents, monitor, options
from pulumi_embedded.documents import SERVED
from pulumi_embedded.errors import UnsupportedError
from pulumi_embedded.goal import read_goal
from pulumi_embedded.options import FIELDS, REFUSED_CALLS
from pulumi_embedded.protocol import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc
from pulumi_embedded.reads import read_read

TYPE: Final = "pulumi-python:dynamic/things:Thing"
ABOUT: Final[dict[str, Any]] = {"stack": "dev", "project": "probe", "root": Path("/project")}
READERS: Final[dict[str, tuple[Any, dict[str, Any]]]] = {
    "RegisterResourceRequest": (read_goal, {"type": TYPE, "name": "a", "custom": True}),
    "ReadResourceRequest": (read_read, {"type": TYPE, "name": "a", "id": "x"}),
}


def _messages() -> dict[str, Any]:
    """Every message that a request of the tables holds, by name; what Protocol Buffers define themselves is data."""
    roots = ("RegisterResourceRequest", "ReadResourceRequest", "RegisterResourceOutputsRequest")
    todo = [getattr(resource_pb2, name).DESCRIPTOR for name in roots]
    found: dict[str, Any] = {}
    while todo:
        message = todo.pop()
        if message.GetOptions().map_entry:
            todo += [field.message_type for field in message.fields if field.message_type]
        elif message.name not in found and message.file.package != "google.protobuf":
            found[message.name] = message
            table = FIELDS[message.name]
            todo += [
                field.message_type for field in message.fields if field.message_type and field.name in table.honoured
            ]
    return found


MESSAGES: Final = _messages()


def test_the_tables_hold_the_messages_that_a_program_sends() -> None:
    """No nested message is without a table, and no table is about nothing."""
    assert MESSAGES.keys() == FIELDS.keys()


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_field_is_honoured_passed_over_or_refused(name: str) -> None:
    """No field of any SDK may be ignored by accident, or stand in two tables."""
    table = FIELDS[name]
    told = [*table.honoured, *table.without_effect, *table.refused]
    assert sorted(told) == sorted(field.name for field in MESSAGES[name].fields)
    assert documents.WORDS[name].keys() == {*table.honoured, *table.without_effect}


@pytest.mark.parametrize("module", [(resource_pb2, resource_pb2_grpc), (engine_pb2, engine_pb2_grpc)])
def test_every_call_is_served_or_refused(module: tuple[Any, Any]) -> None:
    """What a service does not implement itself is in the table of refusals."""
    for service in module[0].DESCRIPTOR.services_by_name.values():
        ours = {"ResourceMonitor": monitor.Monitor, "Engine": monitor.EngineServices}[service.name]
        methods = {method.name for method in service.methods}
        assert methods & vars(ours).keys() == methods & SERVED.keys()
        assert methods - SERVED.keys() == methods & REFUSED_CALLS.keys()


def _some(field: Any) -> Any:
    """A value for a field that is not its default."""
    if field.message_type is None:
        value: Any = True if field.type == field.TYPE_BOOL else "x"
    elif field.message_type.GetOptions().map_entry:
        kind = field.message_type.fields_by_name["value"].type
        return {"k": b"x" if kind == field.TYPE_BYTES else "x"}
    elif field.message_type.name == "ResourceHooksBinding":
        value = resource_pb2.RegisterResourceRequest.ResourceHooksBinding(before_create=["x"])
    else:
        value = {"number_value": 1} if field.message_type.name == "Value" else {}
    return [value] if field.is_repeated else value


@pytest.mark.parametrize(
    ("message", "name"), [(message, name) for message in READERS for name in sorted(FIELDS[message].refused)]
)
def test_every_refused_field_is_refused(message: str, name: str) -> None:
    """The error names the option as a user writes it, the resource, and the command that installs the CLI."""
    read, given = READERS[message]
    request = getattr(resource_pb2, message)(**given, **{name: _some(MESSAGES[message].fields_by_name[name])})
    with pytest.raises(UnsupportedError) as caught:
        read(request, **ABOUT)
    assert f"{TYPE} 'a' uses {FIELDS[message].refused[name].replace('`', '')}" in caught.value.message
    assert "./infra setup --pulumi" in caught.value.next_step


def test_a_field_that_no_table_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newer Pulumi adds, also to a nested message, is refused with its name."""
    known = FIELDS["Spec"].honoured
    rest = [name for name in known if name != "project"]
    monkeypatch.setattr(options, "FIELDS", {**FIELDS, "Spec": options.Fields(honoured=rest)})
    request = resource_pb2.RegisterResourceRequest(
        type=TYPE, name="a", custom=True, aliases=[{"spec": {"project": "p"}}]
    )
    with pytest.raises(UnsupportedError, match="the unknown field 'project'"):
        read_goal(request, **ABOUT)


@pytest.mark.parametrize("method", sorted(REFUSED_CALLS))
def test_every_refused_call_is_refused(method: str) -> None:
    """The error says what for and how to get the CLI, and names the plugin that a call needs."""
    messages = {"Invoke": "ResourceInvokeRequest", "Call": "ResourceCallRequest"}
    tokens = {"Invoke": "tok", "Call": "tok", "ExistsResource": "type"}
    fields = {"version": "4.5"} if method in (*tokens, "RegisterPackage") else {}
    fields |= {tokens[method]: "docker:index:thing"} if method in tokens else {}
    fields |= {"name": "docker"} if method == "RegisterPackage" else {}
    service = resource_pb2.DESCRIPTOR.services_by_name["ResourceMonitor"]
    kind = messages.get(method, service.methods_by_name[method].input_type.name)
    request = getattr(resource_pb2, kind, None) or _callback()
    error = options.call_refusal(method, request(**fields))
    assert REFUSED_CALLS[method] in error.message
    assert "./infra setup --pulumi" in error.next_step
    if fields:
        assert "the provider plugin 'docker', version 4.5" in error.message


def _callback() -> Any:
    return resource_pb2.RegisterResourceRequest.DESCRIPTOR.fields_by_name["transforms"].message_type._concrete_class


def test_the_document_is_written_from_the_tables() -> None:
    """`python -m pulumi_embedded.documents` would change nothing."""
    assert documents.DOCUMENT.read_text() == documents.document()
