from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.parity import normal
from tests.parity.harness import (
    Cli,
    Embedded,
    make_stack,
    program_names,
    read_program,
    read_recorded,
    too_old,
    write_recorded,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parity.harness import Edit, Engine, Seen, Stack

RECORD = "INFRA_TEST_RECORD" in os.environ

pytestmark = [
    pytest.mark.cli,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        shutil.which("pulumi") is None, reason="no pulumi on the PATH: ./infra setup --pulumi installs it"
    ),
]


@pytest.fixture(autouse=True)
def _new_enough(request: pytest.FixtureRequest) -> None:
    why = too_old(request.getfixturevalue("program"))
    if why:
        pytest.skip(why)


def _hands_over(stack: Stack, edit: Edit, seen: Seen, *, to: Engine, by: Engine) -> None:
    """After a successful up the other engine's preview shows no change; after anything else, what its own shows."""
    other = stack.look(to)
    if edit.get("run", "up") == "up" and seen["succeeded"] and not edit.get("unsettled"):
        assert other.succeeded, other.said
        assert {step.partition(" ")[0] for step in other.steps} <= {"same", "read"}, other.said
        return
    own = stack.look(by)
    assert (other.succeeded, sorted(other.steps)) == (own.succeeded, sorted(own.steps)), f"{other.said}\n{own.said}"


@pytest.mark.parametrize("program", program_names())
def test_the_cli_does_what_is_recorded_and_hands_over(program: str, tmp_path: Path) -> None:
    """The CLI's edits come to what is recorded, and after each the embedded engine sees what the CLI would see."""
    stack = make_stack(tmp_path)
    found = []
    for edit in read_program(program):
        found.append(stack.do(edit, Cli()))
        if not RECORD:
            _hands_over(stack, edit, found[-1], to=Embedded(), by=Cli())
    if RECORD:
        write_recorded(program, found)
    difference = normal.difference(read_recorded(program), found)
    assert not difference, difference


@pytest.mark.skipif(RECORD, reason="recording needs the CLI's edits alone")
@pytest.mark.parametrize("program", program_names())
def test_the_embedded_engine_hands_over(program: str, tmp_path: Path) -> None:
    """After each of the embedded engine's edits the CLI sees what the embedded engine would see."""
    stack = make_stack(tmp_path)
    for edit in read_program(program):
        seen = stack.do(edit, Embedded())
        _hands_over(stack, edit, seen, to=Cli(), by=Embedded())
