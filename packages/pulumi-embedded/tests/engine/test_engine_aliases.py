from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pulumi_embedded.aliases import candidates, normalise
from pulumi_embedded.goal import Alias, Goal, make_urn, read_goal
from pulumi_embedded.protocol import resource_pb2
from pulumi_embedded.state import ResourceState

THING = "x:y:Thing"
ROOM = "x:y:Room"
STACK = "urn:pulumi:dev::probe::pulumi:pulumi:Stack::probe-dev"


def _urn(name: str, parent: str = "", type_: str = THING, **more: str) -> str:
    return make_urn(more.get("stack", "dev"), more.get("project", "probe"), parent, type_, name)


def _goal(name: str, *aliases: Alias, parent: str = STACK) -> Goal:
    return Goal(urn=_urn(name, parent), type=THING, parent=parent, earlier=aliases)


R, S = _urn("r", type_=ROOM), _urn("s", type_="x:y:Hall")


@pytest.mark.parametrize(
    ("alias", "parent", "expected"),
    [
        (Alias(urn="urn:old"), STACK, "urn:old"),
        (Alias(name="b"), STACK, _urn("b")),
        (Alias(type=ROOM), STACK, _urn("a", type_=ROOM)),
        (Alias(parent=R), STACK, _urn("a", R)),
        (Alias(no_parent=True), R, _urn("a")),
        (Alias(parent=STACK), R, _urn("a")),
        (Alias(name="b"), R, _urn("b", R)),
        (Alias(stack="old", project="other"), STACK, _urn("a", stack="old", project="other")),
    ],
)
def test_an_alias_says_what_differs(alias: Alias, parent: str, expected: str) -> None:
    """The rest of the earlier URN is as the present one; the stack as a parent leaves no trace in it."""
    assert candidates(_goal("a", alias, parent=parent), {}) == [_urn("a", parent), expected]


def test_a_child_inherits_what_its_parent_was_called() -> None:
    """The earlier parent is part of its earlier URN, and of its name where that begins with the parent's."""
    earlier = {S: R}
    assert candidates(_goal("a", parent=S), earlier) == [_urn("a", S), _urn("a", R)]
    assert candidates(_goal("s-a", parent=S), earlier) == [_urn("s-a", S), _urn("r-a", R)]
    both = candidates(_goal("a", Alias(name="b"), parent=S), earlier)
    assert both == [_urn("a", S), _urn("b", S), _urn("a", R), _urn("b", R)]
    assert candidates(_goal("a", Alias(parent=S), parent=STACK), earlier) == [_urn("a"), _urn("a", R)]


def test_aliases_are_read_in_both_spellings() -> None:
    """Specifications, as the SDK writes them today, and whole URNs, as older ones do."""
    message = resource_pb2.RegisterResourceRequest(type=ROOM, name="a", parent=STACK, aliasURNs=["urn:first"])
    message.aliases.add(urn="urn:second")
    message.aliases.add().spec.MergeFromString(
        type(message.aliases[0].spec)(name="b", type=THING, stack="s", project="p", parentUrn=R).SerializeToString()
    )
    message.aliases.add().spec.noParent = True
    read = read_goal(message, stack="dev", project="probe", root=Path("/project"))
    assert read.earlier == (
        Alias(urn="urn:first"),
        Alias(urn="urn:second"),
        Alias(name="b", type=THING, stack="s", project="p", parent=R),
        Alias(no_parent=True),
    )


def _state(urn: str, **more: Any) -> ResourceState:
    return ResourceState(urn=urn, type=urn.split("::")[2].rpartition("$")[2], **more)


def test_every_reference_names_the_new_urn() -> None:
    """Parents, dependencies, providers and deletion partners; children that were not registered yet move along."""
    old, new = _urn("a"), _urn("b")
    renamed = _state(new, aliases=[old])
    child = _state(_urn("c", old), parent=old, provider=f"{old}::7")
    grandchild = _state(_urn("d", child.urn), parent=child.urn)
    user = _state(_urn("e"), dependencies=[old, R], property_dependencies={"x": [old], "y": [R]})
    partner = _state(_urn("f"), deleted_with=old, replace_with=[R, old])
    waiting, other = _state(old, delete=True), _state(R)
    done = normalise([renamed, child, grandchild, user, partner, waiting, other])
    moved = _urn("c", new)
    assert [state.urn for state in done] == [new, moved, _urn("d", moved), user.urn, partner.urn, new, R]
    assert (done[0].aliases, done[1].parent, done[1].provider, done[2].parent) == ([], new, f"{new}::7", moved)
    assert (done[3].dependencies, done[3].property_dependencies) == ([new, R], {"x": [new], "y": [R]})
    assert (done[4].deleted_with, done[4].replace_with) == (new, [R, new])
    assert done[6] is other
    assert (renamed.aliases, child.parent) == ([old], old)


def test_without_aliases_nothing_is_copied() -> None:
    """The list is the same one, which is most of all runs."""
    states = [_state(_urn("a")), _state(_urn("b"), dependencies=[_urn("a")])]
    assert normalise(states) is states
