"""`./infra status` against a stand-in for Xata: what it asks for, how much at once, and what it says of silence."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from cloud_sandbox.faults import fault_of
from cloud_sandbox.server import application
from cloud_sandbox.xata.control import seed
from components.xata.api import client as xata
from components.xata.branches.ownership import mark
from operations.changes import Target
from operations.status.asking import look
from operations.status.facts import Health
from operations.status.rows import rows, spared
from tests.contract.served import serving
from tests.contract.standin import KEY, ORGANIZATION, StandIn
from tests.contract.tour import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from operations.status.facts import Stored

MANY = 200
MOST_SECONDS = 60.0
NAMES = [f"pr-{number}" for number in range(1, MANY + 1)]


@dataclass(kw_only=True)
class Together:
    """Answers about single branches only when so many have been asked for: what asks one by one never gets any.

    Attributes:
        wanted: How many; 0 for no such thing.
        seen: How many have come.
        silent: The id of a branch that nothing is told about before the end; empty for none.
    """

    wanted: int = 0
    seen: int = 0
    silent: str = ""
    _end: list[Callable[[], object]] = field(default_factory=list)

    def end(self) -> None:
        """Found what was kept waiting."""
        for one in self._end:
            one()

    def middleware(self) -> Callable[..., Any]:
        """The middleware of a server."""
        enough = asyncio.Event()

        @web.middleware
        async def wait(request: web.Request, handler: Any) -> Any:
            if self.wanted and request.path.rpartition("/")[0].endswith("/branches"):
                self.seen += 1
                if self.seen >= self.wanted:
                    enough.set()
                await enough.wait()
            if self.silent and request.path.endswith(self.silent):
                over, loop = asyncio.Event(), asyncio.get_running_loop()
                self._end.append(lambda: loop.call_soon_threadsafe(over.set))
                await over.wait()
            return await handler(request)

        return wait


@dataclass(frozen=True, kw_only=True)
class World:
    """A project folder, a stand-in for Xata, and where it is served.

    Attributes:
        project: The id of the Xata project.
    """

    folder: Path
    standin: StandIn
    project: str
    together: Together

    def state(self, name: str, branch_id: str, **more: str) -> None:
        """Let the folder have a state of an environment, without a Worker unless `more` names one."""
        outputs = {"branchName": name, "branchId": branch_id, "organizationId": ORGANIZATION}
        outputs |= {"projectId": self.project, "environment": name, **more}
        file = self.folder / f"state/.pulumi/stacks/infra/{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        (self.folder / "state/.pulumi/meta.yaml").write_text("version: 1\n")
        found = [{"urn": "a", "type": "pulumi:pulumi:Stack", "outputs": {**outputs, "backupRetentionDays": 7}}]
        file.write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"resources": found}}}))

    def calls(self) -> list[str]:
        """Every path so far."""
        return [one["path"] for one in self.standin.service.log.listed()]


@pytest.fixture
def world(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A project with a root branch and a staging, nothing of it deployed from here."""
    with _served() as (standin, id_of_project, together, url):
        told = {"XATA_API_KEY": KEY, "XATA_API_BASE_URL": url, "XATA_ORGANIZATION_ID": ORGANIZATION}
        told |= {"XATA_PROJECT_ID": "one", "PULUMI_BACKEND_URL": f"file://{project}/state?create_dir=1"}
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        yield World(folder=project, standin=standin, project=id_of_project, together=together)
        together.end()
        xata.disconnect()


@contextmanager
def _served() -> Iterator[tuple[StandIn, str, Together, str]]:
    standin, together = StandIn(), Together()
    http = standin.http()
    project = str(http.post(f"/organizations/{ORGANIZATION}/projects", json={"name": "one"}).json()["id"])
    root = {"name": "main", "mode": "custom", "configuration": ROOT}
    http.post(f"/organizations/{ORGANIZATION}/projects/{project}/branches", json=root).raise_for_status()
    app = application(standin.service)
    app.middlewares.append(together.middleware())
    with serving(app) as url:
        yield standin, project, together, url


def _seeded(world: World, *names: str) -> dict[str, str]:
    branches = [{"name": name, "description": mark(name)} for name in names]
    return seed(world.standin.service.world, {"parent": "main", "branches": branches})


def _verdicts(world: World, **more: Any) -> dict[str, str]:
    seen = look(Target(stack="", folder=world.folder), seconds=more.pop("seconds", MOST_SECONDS), **more)
    return {row.name: f"{row.verdict}: {row.says}" for row in rows(seen)}


def test_two_hundred_environments_are_asked_about_at_once(world: World) -> None:
    """One list, and of each environment its branch and its backup, all of them under way at the same time."""
    for name, branch_id in _seeded(world, *NAMES).items():
        world.state(name, branch_id)
    world.standin.service.log.clear()
    world.together.wanted = MANY
    found = _verdicts(world)
    assert [name for name in NAMES if not found[name].startswith("healthy")] == []
    calls = world.calls()
    assert sum(path.endswith(("/branches", "/projects")) for path in calls) == 1
    assert len(calls) <= 1 + 2 * MANY


def test_environments_are_found_without_any_state(world: World) -> None:
    """Those of pull requests are the branches that are called so; two lists tell of the project and of them."""
    _seeded(world, "staging", "pr-3", "pr-3-copy", "elsewhere")
    world.standin.service.log.clear()
    found = _verdicts(world)
    assert set(found) == {"dev", "staging", "production", "pr-3"}
    assert found["pr-3"] == found["staging"] == "healthy: its branch; no state of it is here"
    assert found["production"] == "absent: it was never deployed from here"
    lists = [path.rpartition("/")[2] for path in world.calls() if path.endswith(("/branches", "/projects"))]
    assert lists == ["projects", "branches"]


def test_an_environment_that_does_not_answer_holds_up_no_other(world: World) -> None:
    """It is said how long was waited; the others are told as they are."""
    ids = _seeded(world, "staging", "pr-3")
    for name, branch_id in ids.items():
        world.state(name, branch_id)
    world.together.silent = f"/branches/{ids['pr-3']}"
    found = _verdicts(world, seconds=3)
    assert found["pr-3"] == "unknown: its branch: no answer in 3 s"
    assert found["staging"] == "healthy: its branch; it has no Worker"


def test_a_branch_that_is_gone_is_said_to_be(world: World) -> None:
    """What the state tells of and Xata does not know fails."""
    world.state("staging", "br_gone")
    assert _verdicts(world)["staging"] == "failing: the branch staging is gone"


def test_a_state_of_another_server_is_not_asked_for_here(world: World) -> None:
    """Its ids would mean something else or nothing."""
    world.state("staging", "br_one")
    file = world.folder / "state/.pulumi/stacks/infra/staging.json"
    document = json.loads(file.read_text())
    made = {"urn": "b", "type": "pulumi-python:dynamic/xata:Branch", "outputs": {"api": "https://api.xata.tech"}}
    document["checkpoint"]["latest"]["resources"].append(made)
    file.write_text(json.dumps(document))
    assert "this state was made at https://api.xata.tech" in _verdicts(world)["staging"]


def test_without_a_key_what_was_deployed_is_not_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked, and nothing is guessed."""
    world.state("staging", "br_one")
    monkeypatch.delenv("XATA_API_KEY")
    world.standin.service.log.clear()
    found = _verdicts(world)
    assert found["staging"] == "unknown: its branch: not asked: XATA_API_KEY is not set"
    assert found["production"] == "absent: it was never deployed from here"
    assert world.calls() == []


def test_a_list_that_is_refused_is_told(
    world: World, infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environments may have been passed over, so it is no success."""
    monkeypatch.setattr("operations.changes.PROJECT", world.folder)
    world.standin.service.faults.add(fault_of({"path": "/branches$", "status": 403, "times": 0}))
    answer = infra("status")
    assert answer.code == 5
    assert "which branches the project has is not known: could not list the branches" in answer.out


def test_an_app_that_was_healthy_is_left_alone_while_its_branch_may_sleep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look asks Xata again and not the app, whose answer would keep the branch awake for ever."""
    asked: list[str] = []
    (branch_id,) = _seeded(world, "staging").values()
    world.state("staging", branch_id, healthUrl="https://app.example/api/health", workerName="app")
    sleeps = {"scaleToZero": {"enabled": True, "inactivityPeriodMinutes": 30}}
    path = f"/organizations/{ORGANIZATION}/projects/{world.project}/branches/{branch_id}"
    world.standin.http().patch(path, json=sleeps).raise_for_status()

    def healthy(stored: Stored, **_: float) -> Health:
        asked.append(stored.text("branchName"))
        return Health(state="ok", says="the app is healthy")

    monkeypatch.setattr("operations.status.asking.worker_health", healthy)
    target = Target(stack="", folder=world.folder)
    first = look(target, seconds=MOST_SECONDS)
    assert asked == ["staging"]
    again = look(target, seconds=MOST_SECONDS, spared=spared(first))
    assert asked == ["staging"]
    assert [row.verdict for row in rows(again) if row.name == "staging"] == ["healthy"]
    branch = world.standin.service.world.branches[branch_id]
    world.standin.service.world.put_to_sleep(branch, by="inactive")
    asleep = look(target, seconds=MOST_SECONDS)
    assert asked == ["staging"]
    assert [row.verdict for row in rows(asleep) if row.name == "staging"] == ["asleep"]
    assert spared(asleep) == {}
