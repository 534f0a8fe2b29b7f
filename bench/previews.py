"""Previews in the sandbox: one from nothing against its critical path, and fifty at once against one after another."""

from __future__ import annotations

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from bench.xata import (
    AT_ONCE,
    CALL_SECONDS,
    IN_TURN,
    RATIO,
    READY_SECONDS,
    REQUESTS_PER_HOUR,
    RUNS,
    TIMES,
    Measured,
)
from cloud_sandbox.faults import Fault
from components.xata.api.client import Client
from components.xata.branches.create import ensure_branch
from components.xata.branches.credentials import connect_when_ready, renew
from components.xata.branches.ownership import mark
from components.xata.branches.place import Place
from components.xata.branches.settings import apply
from components.xata.inputs import BranchIdentity, Settings
from tests.contract.served import served
from tests.contract.standin import KEY, ORGANIZATION, StandIn
from tests.contract.tour import REGION, ROOT
from tests.sandboxed import Sandboxed, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clone import Clone

STACK = "pr-1"
ROTATION_SECONDS = 0.5
CHAIN = 7
"""Calls of `up` from nothing that have to wait for each other: find the project, find the branches, create, see that it
is ready, read the credentials, rotate them, read them again."""
PACE: dict[str, Any] = {
    "pace": "time",
    "hibernated": 1.0,
    "transient": READY_SECONDS - 1.0,
    "secret": 0.5,
    "rotation": ROTATION_SECONDS,
}


def measure(clone: Clone, folder: Path) -> list[Measured]:
    """Everything, in sandboxes of this clone."""
    with sandbox_of(clone) as plain:
        plain.up("staging")
        base = statistics.median(from_nothing(plain) for _ in range(RUNS))
    settings = folder / "sandbox.json"
    settings.write_text(json.dumps(PACE), encoding="utf-8")
    with sandbox_of(clone, "--settings", str(settings)) as slow:
        slow.up("staging")
        slow.fault(delay=CALL_SECONDS, times=0)
        took = statistics.median(from_nothing(slow) for _ in range(RUNS))
    return [duration(took, base), *many()]


def duration(took: float, base: float) -> Measured:
    """`up` from nothing against what it takes by itself, the calls in a row, and the two waits."""
    path = base + CHAIN * CALL_SECONDS + READY_SECONDS + ROTATION_SECONDS
    return Measured(
        claim="up of a preview with 100 ms per call, 3 s to ready and 0.5 s to rotate",
        found=f"{took:.2f} s, {took / path:.2f} times the critical path",
        best=f"{path:.2f} s",
        limit=f"{RATIO:.2f}",
        holds=took / path <= RATIO,
    )


def from_nothing(sandboxed: Sandboxed) -> float:
    """Seconds of `up` of a preview where there is neither branch nor state."""
    sandboxed.must("destroy", STACK, "--yes")
    return _timed(lambda: sandboxed.must("up", STACK, "--yes"))


def many() -> list[Measured]:
    """Fifty at once against one after another, of which five are measured and counted tenfold; no databases are made.

    The service makes the branches of a project one at a time: that is the floor for all.
    """
    standin = StandIn(sleep=time.sleep, **PACE)
    http = standin.http()
    project = http.post(f"/organizations/{ORGANIZATION}/projects", json={"name": "one"}).json()["id"]
    root = {"name": "staging", "mode": "custom", "configuration": ROOT}
    http.post(f"/organizations/{ORGANIZATION}/projects/{project}/branches", json=root).raise_for_status()
    standin.service.world.advance(3700)
    standin.service.faults.add(Fault(delay=CALL_SECONDS, times=0))
    place = Place(organization=ORGANIZATION, project=project)
    with served(standin.service) as url:
        client = Client(key=KEY, base_url=url)
        one_by_one = _timed(lambda: _all(client, place, range(1, IN_TURN + 1), threads=1)) / IN_TURN * AT_ONCE
        standin.service.log.clear()
        at_once = _timed(lambda: _all(client, place, range(101, AT_ONCE + 101), threads=AT_ONCE))
        client.close()
    calls = standin.service.log.listed()
    refused = [call for call in calls if call["status"] == 429]  # noqa: PLR2004 - Too Many Requests
    best = READY_SECONDS + ROTATION_SECONDS + (CHAIN - 1) * CALL_SECONDS
    return [
        Measured(
            claim=f"{AT_ONCE} previews at once against one after another",
            found=f"{at_once:.1f} s, {one_by_one / at_once:.0f} times faster",
            best=f"{best:.1f} s",
            limit=f"{TIMES:.0f} times",
            holds=one_by_one / at_once >= TIMES,
        ),
        Measured(
            claim=f"calls of {AT_ONCE} previews at once",
            found=f"{len(calls)}, {len(refused)} refused",
            best=str(AT_ONCE * (CHAIN + 2)),
            limit=f"{REQUESTS_PER_HOUR} per hour, none refused",
            holds=len(calls) <= REQUESTS_PER_HOUR and not refused,
        ),
    ]


def _all(client: Client, place: Place, numbers: range, *, threads: int) -> None:
    """So many previews, so many at a time; the first error ends it."""
    with ThreadPoolExecutor(threads) as pool:
        for made in [pool.submit(_whole, client, place, f"pr-{number}") for number in numbers]:
            made.result()


def _whole(client: Client, place: Place, name: str) -> None:
    """A preview from nothing to a connection string of its own, its settings brought to what is declared meanwhile."""
    spec = BranchIdentity(name=name, stack=name, region=REGION, parent="staging", most_previews=1000)
    branch_id = ensure_branch(client, place, spec).branch.id
    wanted = Settings(description=mark(name, "until 2026-12-05"), scale_to_zero_enabled=True)
    with ThreadPoolExecutor(1) as beside:
        applied = beside.submit(apply, client, place, branch_id, wanted)
        renew(client, place, connect_when_ready(client, place, branch_id))
        applied.result()


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
