"""A sweep of a thousand branches: how long it takes against deleting one after another, and what it asks for."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import patch

import httpx

from bench.xata import Measured
from cloud_sandbox.faults import Fault
from cloud_sandbox.github.service import Service
from cloud_sandbox.github.settings import Settings, Token
from cloud_sandbox.transport import handler
from cloud_sandbox.xata.control import seed
from components.github import client as github
from components.xata.api import client as xata
from components.xata.branches.place import Place
from components.xata.branches.remove import delete_branch
from operations.changes import Target
from operations.commands.sweep import Scene, carry_out
from operations.commands.sweep import read_previews as look
from tests.clone import PROJECT
from tests.contract.served import served
from tests.contract.standin import KEY, ORGANIZATION, StandIn
from tests.contract.tour import ROOT
from tests.many_previews import KEEP, many_previews

if TYPE_CHECKING:
    from pathlib import Path

CALL_SECONDS = 0.1
COUNT, IN_TURN = 1000, 5
TOKEN = "t" * 40
RATIO = 0.25


def measure(folder: Path) -> list[Measured]:
    """Everything, on stand-ins that take 100 ms for each call to Xata."""
    standin, project = _standin()
    there = many_previews(COUNT)
    seed(standin.service.world, {"parent": "main", "branches": there.branches})
    pulls = Service(Settings(tokens=(Token(token=TOKEN),), calls=0))
    for pull in there.pulls:
        pulls.world.seed(pull)
    standin.service.faults.add(Fault(delay=CALL_SECONDS, times=0))
    client = github.Client(key=TOKEN, transport=httpx.MockTransport(handler(pulls)))
    with served(standin.service) as url, patch.object(github, "connect", lambda _environment: client):
        environ = {
            "XATA_API_KEY": KEY,
            "XATA_API_BASE_URL": url,
            "GITHUB_REPOSITORY": "sandbox/app",
            "PULUMI_BACKEND_URL": f"file://{folder}?create_dir=1",
        }
        here = Scene(
            folder=PROJECT, environ=environ, place=Place(organization=ORGANIZATION, project=project), account=""
        )
        one_by_one = _one_by_one(here) / IN_TURN * len(there.goes)
        standin.service.log.clear()
        started = time.perf_counter()
        _sweep(here, set(there.goes))
        took = time.perf_counter() - started
        xata.disconnect()
    made = standin.service.log.listed()
    lists = sum(call["path"].endswith("/branches") for call in made)
    return _figures(took, one_by_one, len(there.goes), len(made), lists)


def _figures(took: float, one_by_one: float, count: int, calls: int, lists: int) -> list[Measured]:
    return [
        Measured(
            claim=f"sweep of {COUNT} branches against deleting its {count} one after another, 100 ms per call",
            found=f"{took:.1f} s, {took / one_by_one:.2f} of it",
            best=f"{one_by_one:.1f} s one after another",
            limit=f"{RATIO:.2f}",
            holds=took / one_by_one <= RATIO,
        ),
        Measured(
            claim=f"calls to Xata of a sweep of {COUNT} branches",
            found=f"{calls}, {lists} of them lists",
            best=f"{3 * count + 1} and one for each other preview",
            limit="1 list",
            holds=lists == 1,
        ),
    ]


def _standin() -> tuple[StandIn, str]:
    standin = StandIn(sleep=time.sleep)
    http = standin.http()
    project: str = http.post(f"/organizations/{ORGANIZATION}/projects", json={"name": "one"}).json()["id"]
    root = {"name": "main", "mode": "custom", "configuration": ROOT}
    http.post(f"/organizations/{ORGANIZATION}/projects/{project}/branches", json=root).raise_for_status()
    return standin, project


def _one_by_one(here: Scene) -> float:
    """Seconds of some deletions as `destroy` makes them, of branches that are made for it."""
    client = xata.connect(here.environ)
    there = {one.name: one for one in client.branches(here.place.organization, here.place.project)}
    names = [name for name in there if name.startswith("pr-")][-IN_TURN:]
    started = time.perf_counter()
    for name in names:
        delete_branch(client, here.place, there[name].id, name=name, environment={"INFRA_ALLOW_DELETE": name})
    return time.perf_counter() - started


def _sweep(here: Scene, wanted: set[str]) -> None:
    target = Target(stack="", folder=here.folder)
    seen = look(here, keep_label=KEEP, without_github=False)
    done = carry_out(here, seen.verdicts, target_of=lambda stack: replace(target, stack=stack), say=lambda _: None)
    if {one.verdict.name for one in done if not one.error} != wanted:
        raise RuntimeError("the sweep has not removed what it was to remove")
