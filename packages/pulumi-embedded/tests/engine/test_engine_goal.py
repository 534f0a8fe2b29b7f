from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pulumi_embedded import goal
from pulumi_embedded.errors import ProjectError, UnsupportedError
from pulumi_embedded.goal import Goal, make_urn, read_goal
from pulumi_embedded.protocol import resource_pb2, to_struct

TYPE = "pulumi-python:dynamic/things:Thing"
STACK = "urn:pulumi:dev::probe::pulumi:pulumi:Stack::probe-dev"
REQUEST = resource_pb2.RegisterResourceRequest


def _read(**fields: Any) -> Goal:
    request = REQUEST(**{"type": TYPE, "name": "a", "custom": True, "parent": STACK, **fields})
    return read_goal(request, stack="dev", project="probe", root=Path("/project"))


def test_an_empty_binding_of_hooks_is_no_hook() -> None:
    """The SDK always sends one."""
    assert _read(hooks=REQUEST.ResourceHooksBinding()).type == TYPE


def test_a_plugin_is_refused_with_its_version() -> None:
    """The message names plugin and version and how to get the CLI."""
    with pytest.raises(UnsupportedError) as caught:
        _read(type="docker:index/container:Container", version="4.6.1")
    assert "provider plugin 'docker', version 4.6.1" in caught.value.message
    assert "./infra setup --pulumi" in caught.value.next_step


def test_a_registration_is_read() -> None:
    """Inputs, dependencies and options arrive; what is not said is left to the parent."""
    read = _read(
        object=to_struct({"size": 1, "color": "red"}),
        dependencies=["urn:b", "urn:a", "urn:b"],
        propertyDependencies={"color": REQUEST.PropertyDependencies(urns=["urn:a"])},
        retainOnDelete=False,
        deleteBeforeReplaceDefined=True,
        customTimeouts=REQUEST.CustomTimeouts(create="1h2m3.5s", delete="250ms"),
        sourcePosition={"uri": "file:///project/sub%20dir/x.py", "line": 7, "column": 3},
    )
    assert read.urn == f"urn:pulumi:dev::probe::{TYPE}::a"
    assert (read.inputs, read.dependencies) == ({"size": 1, "color": "red"}, ["urn:a", "urn:b"])
    assert read.property_dependencies == {"size": [], "color": ["urn:a"]}
    assert (read.unsaid, read.retain_on_delete, read.delete_before_replace) == (
        ("protect", "deleted_with"),
        False,
        False,
    )
    assert read.custom_timeouts == {"create": 3723.5, "delete": 0.25}
    assert read.source_position == "project:///sub dir/x.py#7,3"


def test_without_property_dependencies_every_property_depends_on_everything() -> None:
    """As the CLI treats an SDK that does not say it."""
    read = _read(object=to_struct({"size": 1}), dependencies=["urn:a"])
    assert read.property_dependencies == {"size": ["urn:a"]}


@pytest.mark.parametrize("text", ["5", "m", "5 m", "-5m"])
def test_a_broken_duration_is_refused(text: str) -> None:
    """The text is in the message."""
    with pytest.raises(ProjectError, match="not a duration"):
        _read(customTimeouts=REQUEST.CustomTimeouts(create=text))


@pytest.mark.parametrize(
    ("parent", "urn"),
    [
        ("", "urn:pulumi:dev::probe::a:b:C::n"),
        (STACK, "urn:pulumi:dev::probe::a:b:C::n"),
        ("urn:pulumi:dev::probe::x:y:Z$u:v:W::p", "urn:pulumi:dev::probe::x:y:Z$u:v:W$a:b:C::n"),
    ],
)
def test_urns_hold_the_types_of_parents(parent: str, urn: str) -> None:
    """All but the stack's."""
    assert make_urn("dev", "probe", parent, "a:b:C", "n") == urn


def test_names_may_hold_colons() -> None:
    """Everything after the type is the name."""
    assert goal.name_of("urn:pulumi:dev::probe::a:b:C::n::m") == "n::m"
