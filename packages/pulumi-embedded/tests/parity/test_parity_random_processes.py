from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.parity import normal, random_programs
from tests.parity.harness import Cli, Embedded, cli_version, make_stack

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parity.harness import Edit, Engine, Seen, Stack
    from tests.parity.random_programs import Program, Wish

OPTIONS = {
    "protect": "protect",
    "retain": "retain_on_delete",
    "first": "delete_before_replace",
    "ignore": "ignore_changes",
    "deleted_with": "deleted_with",
}
DELETED_WITH_REPLACES = (3, 260)
"""The first CLI that replaces what is deleted with a replaced resource, as the embedded engine does."""
needs_cli = pytest.mark.skipif(
    shutil.which("pulumi") is None, reason="no pulumi on the PATH: ./infra setup --pulumi installs it"
)


class Walk:
    """A random program in files, and random edits of it; the same seed makes the same ones.

    Args:
        seed: Where it begins.
        without: An option that its programs do not have.
    """

    def __init__(self, seed: int, *, without: str = "") -> None:
        self._without = without
        self.random = random.Random(seed)  # noqa: S311 - not for secrets
        self.program: Program = []
        self.number = 0
        for _ in range(self.random.randrange(8, random_programs.MOST)):
            self._add()

    def _numbers(self, count: int) -> random_programs.Numbers:
        return tuple(self.random.randrange(60) for _ in range(count))

    def _add(self) -> None:
        self.number += 1
        random_programs.add(self.program, f"r{self.number}", self._numbers(7))

    def change(self, *, protect: bool = True) -> Edit:
        """Change a few things; returns the edit that brings it up."""
        for _ in range(self.random.randrange(1, 8)):
            self.number += 1
            random_programs.edit(self.program, self._numbers(3), f"r{self.number}")
        return self.edit(protect=protect)

    def edit(self, *, protect: bool = True) -> Edit:
        """The edit that brings the program up as it is."""
        return {"resources": {wish.key: self._wish(wish, protect=protect) for wish in self.program}}

    def fault(self) -> dict[str, str]:
        """Something that goes wrong."""
        call = self.random.choice(["create", "update", "delete", "diff", "check"])
        labels = {wish.key for wish in self.program if not wish.room}
        return {f"{call} {label}": "fail" for label in sorted(labels)[:: self.random.randrange(1, 4)]}

    def _wish(self, wish: Wish, *, protect: bool) -> dict[str, Any]:
        keys = {wish.key for wish in self.program}
        given = {OPTIONS[key]: value for key, value in wish.options.items() if value is not None}
        given.pop(self._without, None)
        options = {key: value for key, value in given.items() if key != "protect" or protect}
        options |= {"parent": wish.parent} if wish.parent else {}
        options["depends_on"] = wish.depends
        options["aliases"] = [{"name": name, "parent": up} for name, up in wish.earlier if up in {*keys, ""}]
        options["aliases"] += [urn.replace("::random::", "::parity::") for urn in wish.urns if wish.earlier]
        if wish.room:
            options.pop("ignore_changes", None)
            return {"kind": "room", "name": wish.name, "options": options}
        taken = {{"need": "size"}.get(key, key): {"ref": f"{other}.token"} for key, other in wish.takes.items()}
        return {"name": wish.name, "label": wish.key, **wish.props, **taken, "options": options}


def _settle(walk: Walk, stack: Stack, by: Engine) -> Seen:
    """Without protection and faults one up converges: what is recorded is what is wanted, once, and it exists."""
    done = stack.do({**walk.edit(protect=False), "unprotect": True}, by)
    assert done["succeeded"], stack.said
    resources = stack.latest()["resources"]
    assert set(Counter(one["urn"] for one in resources).values()) == {1}
    things = [one for one in resources if one["type"].startswith("pulumi-python:dynamic")]
    assert {one["id"] for one in things} <= set(done["exists"])
    assert {one["inputs"]["label"] for one in things} == {wish.key for wish in walk.program if not wish.room}
    assert not any(one.get("delete") or one.get("pendingReplacement") for one in resources)
    return done


def _check_same(stack: Stack, by: Engine) -> None:
    look = stack.look(by)
    assert look.succeeded, look.said
    assert {step.partition(" ")[0] for step in look.steps} == {"same"}, look.steps


def _check_true(stack: Stack) -> None:
    """Whatever is recorded is there; the state's file is read by everybody."""
    latest = json.loads(stack.checkpoint.read_text())["checkpoint"]["latest"]
    for one in latest["resources"]:
        if one["type"].startswith("pulumi-python:dynamic") and not one.get("pendingReplacement"):
            assert (stack.world / one["id"]).exists(), one["urn"]


def _go(seed: int, folder: Path, edits: int) -> None:
    walk, stack = Walk(seed), make_stack(folder)
    stack.do(walk.edit(), Embedded())
    for _ in range(edits):
        stack.do({**walk.change(), "faults": walk.fault()}, Embedded())
        _check_true(stack)
    _settle(walk, stack, Embedded())
    _check_same(stack, Embedded())


@pytest.mark.parametrize("seed", [1, 2])
def test_random_programs_in_processes_converge(seed: int, tmp_path: Path) -> None:
    """A real program with a real provider that fails comes to what is wanted when it fails no more."""
    _go(seed, tmp_path, 1)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_random_programs_in_processes_converge(seed: int, tmp_path: Path) -> None:
    """The same with more programs and more edits of each."""
    _go(seed, tmp_path, 4)


def _told(seen: Seen) -> Seen:
    """Without the steps of components that go before their time, which the CLI makes and tells nobody."""
    quiet = ("delete-replaced", "remove-pending-replace")
    steps = [step for step in seen["steps"] if not (step.startswith(quiet) and "Room::" in step)]
    return {**seen, "steps": steps}


def _compare(seed: int, folder: Path, edits: int) -> None:
    """Both engines do the same edits; where one fails is a race, and what both come to in the end is not."""
    walk = Walk(seed, without="deleted_with" if cli_version() < DELETED_WITH_REPLACES else "")
    ours, theirs = make_stack(folder / "embedded"), make_stack(folder / "cli")
    for number in range(edits):
        edit = walk.change() if number else walk.edit()
        expected, found = theirs.do(edit, Cli()), ours.do(edit, Embedded())
        assert expected["succeeded"] == found["succeeded"], f"{theirs.said}\n{ours.said}"
        if not expected["succeeded"]:
            break
        difference = normal.difference([_told(expected)], [_told(found)])
        assert not difference, difference
    _settle(walk, theirs, Cli())
    _settle(walk, ours, Embedded())
    _check_same(ours, Cli())
    _check_same(theirs, Embedded())


@pytest.mark.cli
@needs_cli
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_programs_meet_the_same_fate_on_the_cli(seed: int, tmp_path: Path) -> None:
    """Edit by edit both engines make the same steps and calls, and record the same."""
    _compare(seed, tmp_path, 3)


@pytest.mark.cli
@pytest.mark.thorough
@needs_cli
@pytest.mark.parametrize("seed", range(200, 240))
def test_many_random_programs_meet_the_same_fate_on_the_cli(seed: int, tmp_path: Path) -> None:
    """The same with more programs and more edits of each."""
    _compare(seed, tmp_path, 5)
