"""Staging in the sandbox: what it asks of the API, how long it takes, and fifty branches at once."""

from __future__ import annotations

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from cloud_sandbox.faults import Fault
from components.xata.api.client import Client
from components.xata.branches.create import ensure_branch
from components.xata.branches.credentials import connect_when_ready
from components.xata.branches.place import Place
from components.xata.inputs import BranchIdentity
from tests.contract.served import served
from tests.contract.standin import KEY, ORGANIZATION, StandIn
from tests.contract.tour import REGION, ROOT
from tests.sandboxed import Sandboxed, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clone import Clone

STACK = "staging"
CALL_SECONDS, READY_SECONDS = 0.1, 3.0
CHAIN = 5
"""Calls of `up` from nothing that have to wait for each other: find the project, find the branches, create, see that it
is ready, read the credentials."""
LEAST = {"preview": 0, "from nothing": 7, "again": 3}
"""A preview of what is not there asks for nothing. From nothing: the chain, the settings and the restore points.
Again: the branch, its credentials, its restore points."""
AT_ONCE, IN_TURN = 50, 5
REQUESTS_PER_HOUR = 5000
"""The vendor's limit, as its gateway's published configuration has it."""
RUNS = 3
RATIO, TIMES = 1.10, 10.0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One figure and what it must be.

    Attributes:
        claim: What was measured, in words.
        found: The figure.
        best: What it can be at best; 0 when there is no such figure.
        limit: What is promised.
        holds: Whether it is so.
    """

    claim: str
    found: str
    best: str
    limit: str
    holds: bool

    def to_json(self) -> dict[str, object]:
        """The figure as data."""
        return asdict(self)


def measure(clone: Clone, folder: Path) -> list[Measured]:
    """Everything, in sandboxes of this clone."""
    with sandbox_of(clone) as plain:
        plain.up("foundation")
        found = calls(plain)
        base = statistics.median(from_nothing(plain) for _ in range(RUNS))
    settings = folder / "sandbox.json"
    pace = {"pace": "time", "hibernated": 1.0, "transient": READY_SECONDS - 1.0, "secret": 0.5}
    settings.write_text(json.dumps(pace), encoding="utf-8")
    with sandbox_of(clone, "--settings", str(settings)) as slow:
        slow.up("foundation")
        slow.fault(delay=CALL_SECONDS, times=0)
        found.append(duration(slow, base))
    return [*found, *many()]


def calls(sandboxed: Sandboxed) -> list[Measured]:
    """What staging asks of the API: to preview it, from nothing, and again."""
    counted = {}
    for name, command in (("preview", "preview"), ("from nothing", "up"), ("again", "up")):
        sandboxed.forget_calls()
        sandboxed.must(command, STACK, *(("--yes",) if command == "up" else ()))
        made = sandboxed.calls()
        writes = [call for call in made if call["method"] != "GET"]
        counted[name] = (len(made), len(writes))
    allowed = {"preview": 0, "from nothing": 2, "again": 0}
    return [
        Measured(
            claim=f"calls of staging, {name}",
            found=f"{total}, {writes} of them writes",
            best=str(LEAST[name]),
            limit=f"{allowed[name]} writes",
            holds=writes <= allowed[name],
        )
        for name, (total, writes) in counted.items()
    ]


def duration(sandboxed: Sandboxed, base: float) -> Measured:
    """`up` from nothing against its critical path: what it takes by itself, the calls in a row, and the wait."""
    took = statistics.median(from_nothing(sandboxed) for _ in range(RUNS))
    path = base + CHAIN * CALL_SECONDS + READY_SECONDS
    return Measured(
        claim="up of staging with 100 ms per call and 3 s to ready",
        found=f"{took:.2f} s, {took / path:.2f} times the critical path",
        best=f"{path:.2f} s",
        limit=f"{RATIO:.2f}",
        holds=took / path <= RATIO,
    )


def many() -> list[Measured]:
    """Fifty previews at once against one after another, of which five are measured and counted tenfold.

    The stand-in makes no databases here, so that our own part is measured: the service makes the branches of a project
    one at a time, and what it needs for one is the floor for all.
    """
    standin = StandIn(pace="time", hibernated=1.0, transient=READY_SECONDS - 1.0, secret=0.5, sleep=time.sleep)
    http = standin.http()
    project = http.post(f"/organizations/{ORGANIZATION}/projects", json={"name": "one"}).json()["id"]
    root = {"name": "main", "mode": "custom", "configuration": ROOT}
    http.post(f"/organizations/{ORGANIZATION}/projects/{project}/branches", json=root).raise_for_status()
    standin.service.world.advance(3700)
    standin.service.faults.add(Fault(delay=CALL_SECONDS, times=0))
    place = Place(organization=ORGANIZATION, project=project)
    with served(standin.service) as url:
        client = Client(key=KEY, base_url=url)
        one_by_one = _timed(lambda: _all(client, place, "turn", IN_TURN, threads=1))
        standin.service.log.clear()
        at_once = _timed(lambda: _all(client, place, "pr", AT_ONCE, threads=AT_ONCE))
        client.close()
    return _many(one_by_one / IN_TURN * AT_ONCE, at_once, standin.service.log.listed())


def _many(one_by_one: float, at_once: float, made: list[dict[str, Any]]) -> list[Measured]:
    refused = [call for call in made if call["status"] == 429]  # noqa: PLR2004 - Too Many Requests
    times = one_by_one / at_once
    return [
        Measured(
            claim=f"{AT_ONCE} branches at once against one after another",
            found=f"{at_once:.1f} s, {times:.0f} times faster",
            best=f"{READY_SECONDS + (CHAIN - 1) * CALL_SECONDS:.1f} s",
            limit=f"{TIMES:.0f} times",
            holds=times >= TIMES,
        ),
        Measured(
            claim=f"calls of {AT_ONCE} branches at once",
            found=f"{len(made)}, {len(refused)} refused",
            best=str(AT_ONCE * (CHAIN - 1)),
            limit=f"{REQUESTS_PER_HOUR} per hour, none refused",
            holds=len(made) <= REQUESTS_PER_HOUR and not refused,
        ),
    ]


def _all(client: Client, place: Place, prefix: str, count: int, *, threads: int) -> None:
    """So many previews, so many at a time; the first error ends it."""
    with ThreadPoolExecutor(threads) as pool:
        for made in [pool.submit(_whole, client, place, f"{prefix}-{number}") for number in range(1, count + 1)]:
            made.result()


def _whole(client: Client, place: Place, name: str) -> None:
    """A preview from nothing to its connection string."""
    spec = BranchIdentity(name=name, stack="previews", region=REGION, parent="main")
    made = ensure_branch(client, place, spec)
    connect_when_ready(client, place, made.branch.id)


def from_nothing(sandboxed: Sandboxed) -> float:
    """Seconds of `up` of staging where there is neither branch nor state."""
    sandboxed.run("up", STACK, "--yes", "--config", "protect=false")
    sandboxed.must("destroy", STACK, "--yes", INFRA_ALLOW_DELETE=STACK)
    return _timed(lambda: sandboxed.must("up", STACK, "--yes"))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
