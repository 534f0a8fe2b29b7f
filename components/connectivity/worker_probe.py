"""The probe of a deployed Worker: it is healthy, and on the right branch, or which layer is at fault.

Identity counts as much as health: right after a deployment the edge may answer from the version before, so a wrong
answer is "not yet" as long as there is time. A Worker that says 503 is asked again a few times; then the database is
asked from here. When that does not answer either, waiting would not help.
"""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.connectivity.report import Finding, WorkerLayer, WorkerReport
from components.connectivity.worker_address import health_url, host
from components.connectivity.worker_verdicts import Expectation, Patience, WorkerVerdict, fields, quoted, verdict_on
from components.connectivity.worker_wire import HealthResponse, Loss, fetch
from components.http.answers import FIRST_PAUSE_SECONDS, pause

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.connectivity.report import Report

BUDGET_SECONDS = 90.0
"""How long the edge may answer as before: a little more than has been seen."""
WAKE_UP_SECONDS, ATTEMPT_SECONDS = 25.0, 10.0
"""How long the first attempt may take, and the others: a branch that sleeps wakes up for the Worker, too."""
SHORTEST_ATTEMPT_SECONDS = 0.1
LONGEST_SHARE = 0.1
"""How much longer than needed the wait for a good answer may get: no pause is a greater part of what went before."""
SAY_SECONDS = 10.0
"""So often it is said what is waited for."""
CONFIRMATIONS = 3
"""So many answers in a row make a verdict final that waiting cannot heal."""


@dataclass(frozen=True, kw_only=True)
class WorkerTransport:
    """How the probe touches the world; tests put their own functions here.

    Attributes:
        fetch: Asks once: address and seconds to an answer.
        clock: Seconds that only ever grow.
        sleep: Waits for so many seconds.
        jitter: A number from 0 to 1.
    """

    fetch: Callable[[str, float], HealthResponse | Loss] = fetch
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


def probe_worker(
    url: str,
    expected: Expectation,
    *,
    database: Callable[[], Report] | None,
    budget_seconds: float = BUDGET_SECONDS,
    first: bool = False,
    hasty: bool = False,
    transport: WorkerTransport | None = None,
    say: Callable[[str], object] = lambda _text: None,
) -> WorkerReport:
    """Ask until the right Worker answers healthily, a verdict is final, or the budget is spent.

    Args:
        url: The Worker's address, with or without the path of its health.
        expected: Who must answer.
        database: Asks the database from here; called at most once, for the cause of a 503. None: nobody can.
        budget_seconds: How long to try.
        first: Whether the app may never have been deployed: then its absence is final once confirmed.
        hasty: Whether every verdict is final once confirmed: nobody waits for what a deployment changes.
        transport: How the world is touched.
        say: Is told from time to time what is waited for.
    """
    probe = _Probe(health_url(url, expected.path), expected, database, transport or WorkerTransport())
    clock, begun = probe.transport.clock, probe.transport.clock()
    deadline, told = begun + budget_seconds, 0.0
    for number in itertools.count(1):
        patience = WAKE_UP_SECONDS if number == 1 else ATTEMPT_SECONDS
        probe.attempt(min(patience, max(SHORTEST_ATTEMPT_SECONDS, deadline - clock())))
        remaining = deadline - clock()
        if probe.is_final(first=first, hasty=hasty) or remaining < SHORTEST_ATTEMPT_SECONDS:
            break
        if clock() - begun >= told + SAY_SECONDS:
            told = clock() - begun
            say(f"waiting for the Worker, {told:.0f} of up to {budget_seconds:.0f} s: {probe.cause}")
        limit = pause(number - 1, after=None, chance=probe.transport.jitter())
        share = max(FIRST_PAUSE_SECONDS, (clock() - begun) * LONGEST_SHARE)
        probe.transport.sleep(min(limit, share, remaining / 2))
    return probe.report(number)


class _Probe:
    """What is known so far: the last answer and its verdict, how often in a row, and what the database said."""

    def __init__(
        self, url: str, expected: Expectation, ask_database: Callable[[], Report] | None, transport: WorkerTransport
    ) -> None:
        self.transport = transport
        self._url = url
        self._expected = expected
        self._ask_database = ask_database
        self._outcome: HealthResponse | Loss = Loss.SILENT
        self._verdict: WorkerVerdict | None = None
        self._in_a_row = 0
        self._milliseconds = 0.0
        self._asked: Report | None = None

    def attempt(self, seconds: float) -> None:
        begun, before = self.transport.clock(), self._verdict
        outcome = self.transport.fetch(self._url, seconds)
        if outcome is Loss.SILENT and before is not None and seconds < ATTEMPT_SECONDS:
            return  # the budget cut it short, which says less than the answer before
        self._outcome = outcome
        self._milliseconds = (self.transport.clock() - begun) * 1000
        self._verdict = verdict_on(self._outcome, self._expected, host=host(self._url))
        same = before is not None and self._verdict is not None and before.patience is self._verdict.patience
        self._in_a_row = self._in_a_row + 1 if same else 1

    @property
    def cause(self) -> str:
        """What was wrong with the last answer."""
        return self._verdict.cause if self._verdict else ""

    def is_final(self, *, first: bool, hasty: bool) -> bool:
        if self._verdict is None:
            return True
        if self._in_a_row < CONFIRMATIONS or hasty:
            return self._in_a_row >= CONFIRMATIONS
        if self._verdict.patience is Patience.UNHEALTHY:
            # While the database answers from here, the Worker may still have its earlier secret.
            return bool((asked := self._database()) and not asked.ok)
        return self._verdict.patience is Patience.FIRM or (first and self._verdict.patience is Patience.ABSENT)

    def report(self, attempts: int) -> WorkerReport:
        found = fields(self._outcome)
        return WorkerReport(
            findings=self._findings(),
            attempts=attempts,
            status=self._outcome.status if isinstance(self._outcome, HealthResponse) else 0,
            environment=quoted(found.get("environment")),
            branch=quoted(found.get("xataBranch")),
            database_branch=quoted(found.get("databaseBranch")),
            absent=self._verdict is not None and self._verdict.patience is Patience.ABSENT,
            database=self._asked,
        )

    def _database(self) -> Report | None:
        if self._asked is None and self._ask_database is not None:
            self._asked = self._ask_database()
        return self._asked

    def _findings(self) -> tuple[Finding, Finding]:
        verdict = self._verdict
        if verdict is None:
            said = f"environment {self._expected.environment}, branch {self._expected.branch}, as is its database"
            return self._reached(), Finding(layer=WorkerLayer.IDENTITY, ok=True, cause=said)
        if verdict.layer is WorkerLayer.IDENTITY:
            failed = Finding(layer=verdict.layer, ok=False, cause=verdict.cause, next_step=verdict.next_step)
            return self._reached(), failed
        cause, next_step = self._explained(verdict)
        return (
            Finding(layer=verdict.layer, ok=False, cause=cause, next_step=next_step, milliseconds=self._milliseconds),
            Finding(layer=WorkerLayer.IDENTITY, ok=None),
        )

    def _reached(self) -> Finding:
        return Finding(layer=WorkerLayer.WORKER, ok=True, milliseconds=self._milliseconds)

    def _explained(self, verdict: WorkerVerdict) -> tuple[str, str]:
        """Cause and next step, for a 503 with what the database says beside it."""
        asked = self._database() if verdict.patience is Patience.UNHEALTHY else None
        if asked is None:
            return verdict.cause, verdict.next_step
        failed = asked.failed
        if failed is not None:
            beside = (
                f"from here the database fails at layer {failed.layer.number}, {failed.layer.value}: {failed.cause}"
            )
            return f"{verdict.cause}; {beside}", failed.next_step
        stack = self._expected.branch
        next_step = (
            f"its DATABASE_URL may be another one: ./infra up {stack} sets it again when a change of it is known, "
            f"./infra rotate {stack} in any case; {verdict.next_step}"
        )
        return f"{verdict.cause}; from here the database answers", next_step
