"""The patience of the Worker's probe, with a clock of its own and answers from a script."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from components.connectivity.report import Finding, Layer, Report, WorkerLayer, WorkerReport
from components.connectivity.worker_probe import (
    ATTEMPT_SECONDS,
    CONFIRMATIONS,
    SAY_SECONDS,
    WAKE_UP_SECONDS,
    WorkerTransport,
    probe_worker,
)
from components.connectivity.worker_verdicts import Expectation
from components.connectivity.worker_wire import HealthResponse, Loss

if TYPE_CHECKING:
    from collections.abc import Iterable

URL = "https://app.example.com"
BUDGET = 90.0
WORKING = Report(
    findings=tuple(Finding(layer=layer, ok=True) for layer in Layer), server_version="18.6", branch="staging"
)
BROKEN = Report(
    findings=(
        Finding(layer=Layer.NAME, ok=True),
        Finding(layer=Layer.TCP, ok=False, cause="nothing listens on db:5432", next_step="start it"),
        *(Finding(layer=layer, ok=None) for layer in list(Layer)[2:]),
    ),
    attempts=4,
)


def _says(code: int = 200, /, **changes: str | None) -> HealthResponse:
    document = {
        "status": "ok",
        "database": "ok",
        "environment": "staging",
        "xataBranch": "staging",
        "databaseBranch": "staging",
        **changes,
    }
    return HealthResponse(status=code, content_type="application/json", body=json.dumps(document).encode())


RIGHT = _says()
STALE = _says(environment="production")
UNHEALTHY = _says(503, status="error", database="log-in refused", databaseBranch=None)
NOTHING = HealthResponse(status=404)
NO_ROUTE = HealthResponse(status=404, content_type="text/plain", body=b"Not Found")
PAGE = HealthResponse(status=200, content_type="text/html", body=b"<!doctype html>")


@dataclass
class World:
    """A Worker with answers from a script, the last of which goes on, and a clock that only it moves."""

    script: list[HealthResponse | Loss]
    seconds_each: float = 0.1
    jitter: float = 1.0
    right_after: float = float("inf")
    now: float = 1000.0
    asked: list[tuple[str, float]] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    database_asked: int = 0

    def fetch(self, url: str, seconds: float) -> HealthResponse | Loss:
        """The next answer, which takes its time."""
        self.moments.append(self.now)
        self.asked.append((url, seconds))
        right = self.now - 1000 >= self.right_after
        self.now += min(seconds, self.seconds_each)
        if right:
            return RIGHT
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        assert seconds >= 0
        self.now += seconds

    def probe(self, database: Report = WORKING, **changes: Any) -> WorkerReport:
        """Probe it."""

        def ask() -> Report:
            self.database_asked += 1
            return database

        transport = WorkerTransport(
            fetch=self.fetch, clock=lambda: self.now, sleep=self.sleep, jitter=lambda: self.jitter
        )
        expected = Expectation(environment="staging", branch="staging")
        settings = {"database": ask, "budget_seconds": BUDGET, "transport": transport, **changes}
        return probe_worker(URL, expected, **settings)


def test_right_worker_passes_at_once() -> None:
    """One request, two green layers after the database's six, and what the Worker said of itself."""
    world = World([RIGHT])
    report = world.probe()
    assert (report.ok, report.attempts, report.status, report.failed, report.absent) == (True, 1, 200, None, False)
    assert (report.environment, report.branch, report.database_branch) == ("staging", "staging", "staging")
    assert [(finding.layer, finding.layer.number, finding.ok) for finding in report.findings] == [
        (WorkerLayer.WORKER, 7, True),
        (WorkerLayer.IDENTITY, 8, True),
    ]
    assert str(report) == "Worker reached: environment staging, branch staging"
    assert world.asked == [("https://app.example.com/api/health", WAKE_UP_SECONDS)]
    assert world.database_asked == 0
    assert report.findings[0].milliseconds == pytest.approx(100)


@pytest.mark.parametrize(
    "before",
    [
        [NOTHING] * 8,
        [STALE] * 8,
        [_says(databaseBranch="production")] * 8,
        [Loss.NAME, Loss.REFUSED, Loss.TLS, Loss.CERTIFICATE, Loss.CUT, Loss.SILENT, Loss.PROXY],
        [NOTHING, STALE, HealthResponse(status=530), HealthResponse(status=500), Loss.HUGE, Loss.ENDLESS],
        [UNHEALTHY] * (CONFIRMATIONS - 1),
        [UNHEALTHY, UNHEALTHY, NOTHING, UNHEALTHY, UNHEALTHY],
        [HealthResponse(status=302)] * (CONFIRMATIONS - 1),
    ],
)
def test_what_may_be_the_version_before_is_waited_out(before: list[HealthResponse | Loss]) -> None:
    """Within the budget a wrong identity, a 404, a lost connection or a passing 503 is not yet a verdict."""
    world = World([*before, RIGHT])
    report = world.probe(database=BROKEN)
    assert (report.ok, report.attempts) == (True, len(before) + 1)
    assert world.database_asked == 0


@pytest.mark.parametrize("last", [NOTHING, STALE, Loss.REFUSED, Loss.SILENT, Loss.NAME])
def test_not_yet_becomes_a_verdict_when_the_budget_is_spent(last: HealthResponse | Loss) -> None:
    """[D7] It goes on to the end of the budget, not far beyond it, and then says what it saw last."""
    world = World([last])
    report = world.probe()
    assert not report.ok
    assert report.attempts > 10
    assert BUDGET - 1 <= world.now - 1000 <= BUDGET + 1


def test_wrong_identity_leaves_the_worker_layer_green() -> None:
    """The Worker answers: it is its identity that is at fault."""
    report = World([_says(databaseBranch="production")]).probe()
    assert [finding.ok for finding in report.findings] == [True, False]
    assert report.status == 200
    assert str(report).startswith("layer 8, worker identity, after ")
    assert "the Worker's database is branch production, not staging\n  next: its DATABASE_URL leads" in str(report)


def test_worker_that_is_not_reached_leaves_its_identity_open() -> None:
    """Without an answer nothing is known of who it is."""
    report = World([Loss.REFUSED]).probe()
    assert [finding.ok for finding in report.findings] == [False, None]
    assert (report.status, report.environment) == (0, "")
    assert "layer 7, worker, after " in str(report)


def test_503_fails_at_once_when_the_database_does_not_answer_either() -> None:
    """After a short confirmation, in seconds, with the layer at fault and its next step beside it."""
    world = World([UNHEALTHY])
    report = world.probe(database=BROKEN)
    assert (report.attempts, report.status, world.database_asked) == (CONFIRMATIONS, 503, 1)
    assert world.now - 1000 < 5
    assert report.database is BROKEN
    failed = report.failed
    assert failed is not None
    assert failed.cause == (
        "the Worker answers 503, database: log-in refused; "
        "from here the database fails at layer 2, TCP: nothing listens on db:5432"
    )
    assert failed.next_step == "start it"


def test_503_of_a_database_that_answers_may_be_an_earlier_secret() -> None:
    """While the database answers from here, the edge may still have the secret from before a rotation."""
    world = World([*[UNHEALTHY] * 6, RIGHT])
    report = world.probe()
    assert (report.ok, report.attempts, world.database_asked) == (True, 7, 1)


def test_503_of_a_database_that_answers_is_a_verdict_in_the_end() -> None:
    """When the budget is spent, the secret is suspected; the database was asked once."""
    world = World([UNHEALTHY])
    report = world.probe()
    assert world.database_asked == 1
    assert world.now - 1000 >= BUDGET - 1
    assert "from here the database answers\n  next: its DATABASE_URL may be another one" in str(report)


def test_503_is_explained_however_short_the_budget() -> None:
    """With no time to confirm, the database is asked all the same."""
    world = World([UNHEALTHY])
    report = world.probe(database=BROKEN, budget_seconds=0.05)
    assert (report.attempts, world.database_asked) == (1, 1)
    assert "fails at layer 2, TCP" in str(report)


@pytest.mark.parametrize(
    "answer", [HealthResponse(status=302, location="https://login.example.com"), HealthResponse(status=403)]
)
def test_what_no_deployment_changes_is_final_once_confirmed(answer: HealthResponse) -> None:
    """A redirect or a log-in is not waited out."""
    world = World([answer])
    report = world.probe()
    assert (report.ok, report.attempts, report.absent) == (False, CONFIRMATIONS, False)
    assert world.now - 1000 < 5


@pytest.mark.parametrize("nothing", [NOTHING, Loss.NAME])
def test_before_the_first_deployment_absence_is_final_once_confirmed(nothing: HealthResponse | Loss) -> None:
    """Nobody is waited for who was never there; one who was there is."""
    world = World([nothing])
    report = world.probe(first=True)
    assert (report.attempts, report.absent) == (CONFIRMATIONS, True)
    assert "./infra wrangler deploy staging" in str(report)
    assert World([nothing]).probe(first=False).attempts > CONFIRMATIONS


def test_first_deployment_is_waited_out_like_any_other() -> None:
    """An app that was deployed a moment ago may still answer wrongly, or 404 in between."""
    assert World([NOTHING, STALE, NOTHING, NOTHING, RIGHT]).probe(first=True).ok


def test_attempts_are_limited_and_spread() -> None:
    """The first may wake a sleeping branch, later ones are shorter, the last fits the budget, and pauses grow."""
    world = World([Loss.SILENT], seconds_each=1000)
    world.probe()
    seconds = [limit for _, limit in world.asked]
    assert seconds[:2] == [WAKE_UP_SECONDS, ATTEMPT_SECONDS]
    assert all(limit <= ATTEMPT_SECONDS for limit in seconds[1:])
    assert world.now - 1000 <= BUDGET + 1
    quick = World([NOTHING])
    quick.probe()
    gaps = [after - before for before, after in zip(quick.moments[:-1], quick.moments[1:], strict=True)]
    assert gaps[0] < 1
    assert 4 < max(gaps) < 6


@pytest.mark.parametrize("seconds", [1.0, 5.0, 20.0, 60.0])
def test_a_good_answer_is_seen_soon_after_it_can_be_had(seconds: float) -> None:
    """However long the edge takes, waiting for the next attempt adds a tenth of it, or the first pause."""
    world = World([STALE], seconds_each=0.01, right_after=seconds)
    assert world.probe().ok
    assert world.now - 1000 <= seconds * 1.1 + 0.5


def _numbers(findings: Iterable[Finding]) -> list[tuple[int, bool | None]]:
    return [(finding.layer.number, finding.ok) for finding in findings]


@pytest.mark.parametrize(
    "last", [PAGE, NO_ROUTE, HealthResponse(status=200, content_type="application/json", body=b"[]")]
)
def test_what_waiting_cannot_heal_is_final_at_once(last: HealthResponse) -> None:
    """A page, another type or the app's own 404 stays as it is: no budget is spent on it."""
    world = World([last])
    report = world.probe()
    assert (report.ok, report.absent, report.attempts) == (False, False, CONFIRMATIONS)
    assert world.now - 1000 < 5


def test_it_says_what_it_waits_for_and_for_how_long() -> None:
    """About every ten seconds, and nothing where nobody had to wait."""
    said: list[str] = []
    World([NOTHING]).probe(say=said.append)
    assert 5 <= len(said) <= BUDGET / SAY_SECONDS
    assert re.fullmatch(r"waiting for the Worker, 1\d of up to 90 s: there is no /api/health at .*", said[0])
    said.clear()
    World([NOTHING, RIGHT]).probe(say=said.append)
    assert said == []
