"""Each layout's workflows with every recorded event, on a program that only records what it is asked."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from operations.init.layouts import APP, PROGRAM, Layout
from tests.workflows.hub import checked_out, file_of
from tests.workflows.running import Machine, deliver, event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workflows.running import Outcome

RECORDER = """#!/bin/sh
printf '%s\\n' "$PWD: $*" >> "$RECORD"
case "$*" in
  environments)
    printf '%s\\n' 'usual=["qa","staging"]' 'production=["production"]' >> "$GITHUB_OUTPUT"
    printf '%s\\n' 'all=["qa","staging","production"]' >> "$GITHUB_OUTPUT" ;;
  "$FAILS") exit 4 ;;
esac
"""
PLACES = ("plan", "plan-production", "preview", "drift", "qa", "staging", "production")
PLANNED = ["environments", "preview --json", "comment PLANS --event EVENT", "gate PLANS --event EVENT"]
PLANNED_OF_PRODUCTION = ["preview production --json", "gate OF_PRODUCTION --event EVENT"]
SYNCED = ["sync --event EVENT --yes"]
DRIFT = [f"drift {stack}" for stack in ("qa", "staging", "production")]


def _deployed(stack: str) -> list[str]:
    up = f"up {stack} --yes"
    return [f"{up} --config workerCheckMode=off", f"wrangler deploy {stack}", up, f"verify {stack}"]


@dataclass(frozen=True, kw_only=True)
class World:
    """A workspace with a program that records, in a layout."""

    machine: Machine
    layout: Layout
    record: Path

    def delivered(self, name: str, *workflows: str, fails: str = "none", **variables: str) -> list[Outcome]:
        """An event, for those workflows; of two repositories there is one for all."""
        kind = name.partition("-")[0] if name.startswith(("push", "schedule")) else "pull_request"
        environment = {**self.machine.environment, "FAILS": fails}
        told = Machine(**{**vars(self.machine), "environment": environment, "variables": variables})
        files = dict.fromkeys(file_of(workflow, self.layout) for workflow in workflows)
        machine = checked_out(told, self.layout)
        return [deliver(machine, kind, event(name), only=file)[file] for file in files]

    @property
    def asked(self) -> list[str]:
        """What the program was asked, each in the folder in which it lies."""
        lines = [line.partition(": ") for line in self.record.read_text().splitlines()] if self.record.exists() else []
        assert {place for place, _, _ in lines} <= {str(self.record.parent / "workspace" / PROGRAM)}
        temporary = self.machine.temporary
        names = {"plans": "PLANS", "production": "OF_PRODUCTION", "event": "EVENT"}
        told = [command for _, _, command in lines]
        for name, shown in names.items():
            told = [command.replace(str(temporary / f"{name}.json"), shown) for command in told]
        return told


@pytest.fixture(params=list(Layout))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """The program as the folder of a workspace, whose app lies beside it or around it."""
    program = tmp_path / "workspace" / PROGRAM
    program.mkdir(parents=True)
    (program.parent / APP).mkdir()
    (program / "infra").write_text(RECORDER)
    (program / "infra").chmod(0o755)
    (tmp_path / "temporary").mkdir()
    machine = Machine(
        folder=program,
        temporary=tmp_path / "temporary",
        environment={"PATH": os.environ["PATH"], "RECORD": str(tmp_path / "record")},
        secrets={place: {"XATA_API_KEY": f"xata of {place}", "NOT_OURS": f"other of {place}"} for place in PLACES},
        variables={},
        token="t0ken",
        repository="sandbox/app",
    )
    return World(machine=machine, layout=request.param, record=tmp_path / "record")


def test_an_open_pull_request_is_planned_once_and_has_its_environment(world: World) -> None:
    """One comment over all plans but production's, and one gate; the event's file is that of the app's repository."""
    outcomes = world.delivered("synchronize", "plan", "environment")
    assert all(outcome.succeeded for outcome in outcomes)
    assert sorted(world.asked) == sorted(PLANNED + SYNCED)
    told = json.loads((world.machine.temporary / "event.json").read_text())
    environments = [ran.environment for outcome in outcomes for ran in outcome.ran]
    assert {one["GITHUB_REPOSITORY"] for one in environments} == {told["repository"]["full_name"]} == {"sandbox/app"}
    assert {one["GITHUB_TOKEN"] for one in environments if "GITHUB_TOKEN" in one} == {"t0ken"}


def test_a_closed_pull_request_is_only_taken_down(world: World) -> None:
    """No plan is made of what will not come."""
    world.delivered("closed", "environment")
    assert world.asked == SYNCED


def test_production_is_planned_where_a_team_wants_it(world: World) -> None:
    """With keys of its own, which the other plans have not."""
    outcomes = world.delivered("opened", "plan", PLAN_PRODUCTION="true")
    asked = [command for command in world.asked if command not in SYNCED]
    assert asked == PLANNED + PLANNED_OF_PRODUCTION
    keys = {
        ran.step: ran.environment.get("XATA_API_KEY") for one in outcomes for ran in one.ran if ran.job[:4] == "plan"
    }
    assert keys["Plan of each environment but production"] == "xata of plan"
    assert keys["Plan of production"] == "xata of plan-production"


def test_a_fork_is_told_and_gets_no_key(world: World) -> None:
    """Neither a plan nor an environment, and no value of any GitHub environment."""
    outcomes = world.delivered("fork-opened", "plan", "environment")
    assert world.asked == SYNCED
    ran = [one for outcome in outcomes for one in outcome.ran]
    assert [one.job for one in ran] == ["fork"]
    assert not any(" of " in value for one in ran for value in one.environment.values())


def test_main_is_deployed_to_production_last_and_each_job_has_its_own_keys(world: World) -> None:
    """`qa` needs a file and a GitHub environment of its name; no job sees the keys of another one."""
    (outcome,) = world.delivered("push", "deploy")
    stacks = ("qa", "staging", "production")
    assert world.asked == ["environments", *(command for stack in stacks for command in _deployed(stack))]
    keys = [ran.environment["XATA_API_KEY"] for ran in outcome.ran if ran.step == "Database and secret"]
    assert keys == [f"xata of {stack}" for stack in stacks]
    assert not any("other of" in value for ran in outcome.ran for value in ran.environment.values())


def test_what_fails_elsewhere_keeps_production_as_it_is(world: World) -> None:
    """The others are deployed each for itself; production is not begun, and the run is red."""
    (outcome,) = world.delivered("push", "deploy", fails="verify qa")
    assert world.asked[-1] == "verify staging"
    assert outcome.carried_out == {"environments": "success", "deploy (qa)": "failure", "deploy (staging)": "success"}


def test_each_night_looks_at_every_environment(world: World) -> None:
    """Each environment by a job of its own: one that has drifted hides no other. Pull requests have a run of theirs."""
    (outcome,) = world.delivered("schedule", "nightly", fails="drift qa")
    assert sorted(world.asked) == sorted(["environments", *DRIFT])
    (swept,) = world.delivered("schedule-sweep", "sweep")
    assert (world.asked[-1], swept.carried_out) == ("sweep --yes", {"sweep": "success"})
    failed = [name for name, result in outcome.carried_out.items() if result == "failure"]
    assert failed == ["drift (qa)"]


def test_each_quarter_asks_for_new_passwords_or_makes_them(world: World) -> None:
    """A team that wants it has every environment rotated, each with its own keys; else a job says what is late."""
    (asked,) = world.delivered("schedule-rotation", "rotation")
    assert sorted(world.asked) == ["environments", "rotate --due"]
    assert asked.carried_out == {"environments": "success", "rotation": "success"}
    world.record.unlink()
    (done,) = world.delivered("schedule-rotation", "rotation", fails="rotate qa --yes", ROTATE="true")
    assert world.asked == ["environments", *(f"rotate {stack} --yes" for stack in ("qa", "staging", "production"))]
    assert [name for name, result in done.carried_out.items() if result == "failure"] == ["rotate (qa)"]
    keys = [ran.environment["XATA_API_KEY"] for ran in done.ran if ran.step == "A new password"]
    assert keys == [f"xata of {stack}" for stack in ("qa", "staging", "production")]
