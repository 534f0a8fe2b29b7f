"""What a SIGKILL at any moment leaves, and what the next `up` makes of it.

Guaranteed: the state's file is whole at every moment; what is recorded exists, but for a thing whose deletion was
under way; what exists is recorded, but for a thing whose creation was under way, which is recorded as pending; the next
`up` says so by name, and comes to what the program wants.

Not guaranteed: that such a thing is made once. Nobody but its provider can find it; a provider that does not look for
it by its name makes a second one, and the note about the first one stays until a refresh.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.parity.harness import Cli, Embedded, Stack, make_stack
from tests.parity.killing import FIRST, KILLED, SECOND, Killed, teach

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parity.harness import Engine

CREATIONS, CHANGES = 11, 17
EVERY = [("first", n, late) for n in range(1, CREATIONS + 1) for late in (False, True)]
EVERY += [("second", n, late) for n in range(1, CHANGES + 1) for late in (False, True)]
SAMPLE = [("first", 4, True), ("second", 2, True), ("second", 7, False), ("second", 16, True)]
PROGRAMS = {"first": FIRST, "second": SECOND}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders to copy: an empty stack, and one that is up."""
    found = {}
    for name, program in (("first", {}), ("second", FIRST)):
        stack = make_stack(tmp_path_factory.mktemp(name) / "stack")
        teach(stack)
        done = stack.do({"resources": program}, Embedded())
        assert done["succeeded"], stack.said
        found[name] = stack.folder
    return found


def _killed(prepared: dict[str, Path], folder: Path, stage: str, number: int, *, late: bool) -> Stack:
    """A stack whose engine was killed at that call; the state is whole, and speaks the truth."""
    shutil.copytree(prepared[stage], folder, dirs_exist_ok=True)
    stack = Stack(folder=folder)
    victim = Killed(number=number, late=late)
    stack.do({"resources": PROGRAMS[stage]}, victim)
    assert victim.status == KILLED, stack.said
    assert not victim.torn
    _check_truth(stack)
    return stack


def _check_truth(stack: Stack) -> None:
    latest = stack.latest()
    pending = {(one["type"], one["resource"]["urn"]) for one in latest.get("pending_operations", [])}
    recorded = {one["id"]: one for one in latest.get("resources", []) if "-" in one.get("id", "") and "provider" in one}
    for id_ in _existing(stack).keys() - recorded.keys():
        assert any(kind == "creating" and urn.endswith(f"::{id_.partition('-')[0]}") for kind, urn in pending), id_
    for id_ in recorded.keys() - _existing(stack).keys():
        assert recorded[id_].get("pendingReplacement") or ("deleting", recorded[id_]["urn"]) in pending, id_


def _existing(stack: Stack) -> dict[str, dict[str, Any]]:
    files = [file for file in stack.world.iterdir() if "-" in file.name and not file.suffix]
    return {file.name: json.loads(file.read_text()) for file in files}


def _check_converged(stack: Stack, by: Engine, wanted: dict[str, Any]) -> None:
    """One `up` comes to what is wanted: each thing once, with its properties, recorded, and nothing besides."""
    done = stack.do({}, by)
    assert done["succeeded"], stack.said
    existing = _existing(stack)
    things = {key: wish for key, wish in wanted.items() if wish.get("kind") != "room"}
    assert sorted(id_.partition("-")[0] for id_ in existing) == sorted(things)
    recorded = [one for one in stack.latest()["resources"] if one["type"].startswith("pulumi-python:dynamic")]
    assert sorted(one["id"] for one in recorded) == sorted(existing)
    tokens = {made["label"]: made["token"] for made in existing.values()}
    for made in existing.values():
        for key, value in things[made["label"]].items():
            if key not in ("kind", "options"):
                expected = tokens[value["ref"].partition(".")[0]] if isinstance(value, dict) else value
                assert made[key] == expected
    assert not list(stack.world.glob("*.lost"))


@pytest.mark.parametrize(("stage", "number", "late"), SAMPLE)
def test_after_a_kill_up_converges(
    prepared: dict[str, Path], tmp_path: Path, stage: str, number: int, *, late: bool
) -> None:
    """Killed before or after a call took effect, the state is whole and true, and the next up makes what is missing."""
    stack = _killed(prepared, tmp_path, stage, number, late=late)
    lost = [mark.stem.partition("-")[0] for mark in stack.world.glob("*.lost")]
    _check_converged(stack, Embedded(), PROGRAMS[stage])
    assert all(f"cut off while it created {name}:" in stack.said for name in lost)


@pytest.mark.thorough
@pytest.mark.parametrize(("stage", "number", "late"), EVERY)
def test_after_a_kill_at_any_call_up_converges(
    prepared: dict[str, Path], tmp_path: Path, stage: str, number: int, *, late: bool
) -> None:
    """The same at every call, and a second up finds nothing to do."""
    stack = _killed(prepared, tmp_path, stage, number, late=late)
    _check_converged(stack, Embedded(), PROGRAMS[stage])
    again = stack.do({}, Embedded())
    assert again["succeeded"], stack.said
    assert {step.partition(" ")[0] for step in again["steps"]} == {"same"}


@pytest.mark.thorough
def test_the_sweep_has_no_call_left_out(prepared: dict[str, Path], tmp_path: Path) -> None:
    """The programs come to as many calls as are swept."""
    for stage, calls in (("first", CREATIONS), ("second", CHANGES)):
        folder = tmp_path / stage
        shutil.copytree(prepared[stage], folder)
        stack = Stack(folder=folder)
        victim = Killed(number=calls + 1, late=False)
        stack.do({"resources": PROGRAMS[stage]}, victim)
        assert victim.status == 0, stack.said
        assert len(list(stack.world.glob("calls-*.made"))) == calls


@pytest.mark.cli
@pytest.mark.skipif(shutil.which("pulumi") is None, reason="no pulumi on the PATH: ./infra setup --pulumi installs it")
@pytest.mark.parametrize(("stage", "number", "late"), SAMPLE)
def test_after_a_kill_the_cli_converges(
    prepared: dict[str, Path], tmp_path: Path, stage: str, number: int, *, late: bool
) -> None:
    """The CLI reads what a killed engine leaves, and brings it up as well."""
    stack = _killed(prepared, tmp_path, stage, number, late=late)
    shutil.rmtree(stack.folder / "backend" / ".pulumi" / "locks", ignore_errors=True)  # as `pulumi cancel` does
    _check_converged(stack, Cli(), PROGRAMS[stage])
