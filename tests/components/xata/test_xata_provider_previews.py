"""A preview's branch and its password as Pulumi calls them, against the stand-in in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.xata.provider import BranchConnectionProvider, BranchProvider
from tests.components.xata.managed import Managed, branch_inputs, made_branch, made_connection, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.components.xata.branches_world import World

PREVIEW = {"name": "pr-7", "stack": "pr-7", "mostPreviews": 50}
ROTATE = "POST branches/*/credentials/rotate"


class Killed(BaseException):
    """The process ends."""


def _born_with(world: World, branch_id: str) -> str:
    """The password that the service made the branch with."""
    return world.service.world.branches[branch_id].cluster.password


def test_a_preview_never_keeps_the_password_it_was_made_with(world: World) -> None:
    """It is rotated once, told, and left alone by every later run."""
    branch = made_branch(**PREVIEW)
    born = _born_with(world, branch.id)
    connection, inputs = made_connection(branch, ownPassword=True)
    assert connection.outputs["password"] != born
    assert world.calls.count(ROTATE) == 1
    for _ in range(2):
        assert connection.refresh()
        assert connection.up(**inputs) == "same"
    assert world.calls.count(ROTATE) == 1


def test_a_connection_that_becomes_a_previews_is_rotated(world: World) -> None:
    """One that was made without is given a password of its own by the next run, once."""
    connection, inputs = made_connection(made_branch(**PREVIEW))
    old = connection.outputs["password"]
    assert connection.up(**inputs, ownPassword=True) == "update"
    assert connection.outputs["password"] != old
    assert connection.plan(**inputs, ownPassword=True) == "same"
    assert world.calls.count(ROTATE) == 1


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("number", range(4))
def test_a_run_killed_anywhere_ends_with_a_password_of_its_own(
    world: World,
    number: int,
    done: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """[D13] The resource is made again, and what is recorded is in force and not what the branch was born with."""
    branch = made_branch(**PREVIEW)
    born, begun = _born_with(world, branch.id), len(world.calls)
    connection = Managed(BranchConnectionProvider)
    inputs = {**place_of(branch), "rotation": "", "readyTimeoutSeconds": 60, "ownPassword": True}

    def meddle(call: int) -> None:
        if call == begun + number:
            if done:
                world.carry_out_last()
            raise Killed

    world.meddle = meddle
    with pytest.raises(Killed):
        connection.up(**inputs)
    world.meddle = lambda _number: None
    assert connection.up(**inputs) == "create"
    assert connection.outputs["password"] == _born_with(world, branch.id) != born
    assert connection.refresh()
    assert connection.plan(**inputs) == "same"


@pytest.mark.usefixtures("world")
def test_a_fresh_copy_is_made_beside_the_old_branch() -> None:
    """Its own id replaces, and not by deleting first; any other id, and none, is no change."""
    branch = made_branch(**PREVIEW)
    inputs = branch_inputs(**PREVIEW)
    diff = branch.provider.diff(branch.id, branch.outputs, {**inputs, "insteadOf": branch.id})
    assert (diff.replaces, diff.delete_before_replace) == (["insteadOf"], False)
    for other in ("", "a" * 26):
        assert branch.plan(**inputs, insteadOf=other) == "same"
    both = branch.provider.diff(branch.id, branch.outputs, {**inputs, "parent": "dev", "insteadOf": branch.id})
    assert both.delete_before_replace is True


def test_a_branch_that_a_killed_reset_set_aside_gets_its_name_back(world: World) -> None:
    """The next up shows it, renames it, and removes the copy that nobody was told of."""
    branch = made_branch(**PREVIEW)
    inputs = branch_inputs(**PREVIEW)
    copy = BranchProvider().create({**inputs, "insteadOf": branch.id})
    assert copy.id != branch.id
    assert branch.refresh()
    assert branch.up(**inputs) == "update"
    assert world.there()["pr-7"] == branch.id
    assert copy.id not in world.there().values()


@pytest.mark.parametrize(
    ("key", "value", "kind", "make"),
    [
        ("mostPreviews", 0, BranchProvider, branch_inputs),
        ("ownPassword", "yes", BranchConnectionProvider, dict),
    ],
)
def test_wrong_values_are_refused_by_the_preview(
    key: str, value: object, kind: type[BranchProvider], make: Callable[..., dict[str, object]]
) -> None:
    """By the input's name."""
    assert [failure.property for failure in kind().check({}, make(**{key: value})).failures] == [key]
