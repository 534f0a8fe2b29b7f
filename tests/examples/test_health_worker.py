"""The example Worker on real workerd and a real Postgres: its contract, and what our check makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.connection import Connection
from components.connectivity.probe import probe
from components.connectivity.worker_probe import WorkerTransport, probe_worker
from components.connectivity.worker_verdicts import Expectation

if TYPE_CHECKING:
    from components.connectivity.report import WorkerReport
    from tests.examples.health_worker import Branch, Runtime, Worker

pytestmark = [pytest.mark.wrangler, pytest.mark.thorough]

HEALTHY = {
    "status": "ok",
    "database": "ok",
    "environment": "staging",
    "xataBranch": "staging",
    "databaseBranch": "staging",
}


def _unhealthy(cause: str) -> dict[str, str | None]:
    return {**HEALTHY, "status": "error", "database": cause, "databaseBranch": None}


def test_healthy_worker_says_where_it_is(runtime: Runtime, branch: Branch) -> None:
    """Over TLS to its branch, it answers 200 with environment, branch and the database's own stamp."""
    answer = runtime.start(DATABASE_URL=branch.url()).get()
    assert (answer.status_code, answer.json()) == (200, HEALTHY)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("application/json")


def test_every_request_has_a_connection_that_is_closed(runtime: Runtime, branch: Branch) -> None:
    """Many requests one after the other leave no session behind, whether they succeed or fail."""
    worker = runtime.start(DATABASE_URL=branch.url())
    failing = runtime.start("failing", DATABASE_URL=branch.url(password="wrong"))
    assert {worker.get().status_code for _ in range(20)} == {200}
    assert {failing.get().status_code for _ in range(5)} == {503}
    with branch.entrance.connect(branch.id) as session:
        for _ in range(200):
            row = session.execute("select count(*) from pg_stat_activity where usename = session_user").fetchone()
            if row == (1,):
                break
            session.execute("select pg_sleep(0.05)")
        assert row == (1,)


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        (None, None),
        ("somebody else's", None),
        ("infra.branch=", None),
        ("infra.branch=staging\ninfra.branch=pr-7", "pr-7"),
        ("a\r\n\t infra.branch= production \r\nb", "production"),
    ],
)
def test_stamp_is_read_as_our_own_probe_reads_it(
    runtime: Runtime, branch: Branch, comment: str | None, found: str | None
) -> None:
    """The last stamp line of the database's comment counts, wherever it stands."""
    branch.comment(comment)
    assert runtime.start(DATABASE_URL=branch.url()).get().json()["databaseBranch"] == found


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("", "no DATABASE_URL"),
        ("nonsense with hunter2", "database unreachable"),
        ("postgresql://xata:hunter2@127.0.0.1:1/xata?sslmode=disable", "database unreachable"),
        ("postgresql://xata:hunter2@127.0.0.1:1/xata?sslmode=require", "database unreachable"),
    ],
)
def test_worker_without_a_database_says_so_shortly(runtime: Runtime, url: str, cause: str) -> None:
    """503 with a cause of a few words; neither answer nor log quotes the connection string."""
    answer = runtime.start(DATABASE_URL=url).get()
    assert (answer.status_code, answer.json()) == (503, _unhealthy(cause))
    assert "hunter2" not in answer.text + runtime.log()


def test_refused_log_in_is_told_apart(runtime: Runtime, branch: Branch) -> None:
    """An earlier password is a refused log-in, and the answer holds no word of Postgres'."""
    answer = runtime.start(DATABASE_URL=branch.url(password="wrong-hunter2")).get()
    assert (answer.status_code, answer.json()) == (503, _unhealthy("log-in refused"))
    assert "hunter2" not in runtime.log()


def test_branch_that_is_gone_answers_503(runtime: Runtime, branch: Branch) -> None:
    """A branch that the gateway no longer knows, and again 200 when it is back, with the same Worker."""
    worker = runtime.start(DATABASE_URL=branch.url())
    branch.entrance.routes.states[branch.id] = "gone"
    assert worker.get().status_code == 503
    branch.entrance.routes.states[branch.id] = "ready"
    assert worker.get().json() == HEALTHY


def test_certificate_of_a_stranger_is_refused(runtime: Runtime, branch: Branch) -> None:
    """The runtime verifies the server, also with sslmode=require."""
    runtime.switch_on("")
    assert runtime.start(DATABASE_URL=branch.url()).get().json() == _unhealthy("database unreachable")


def test_rotation_reaches_the_worker_with_its_secret(runtime: Runtime, branch: Branch) -> None:
    """With a new password the Worker is refused until it has it, and then answers 200."""
    worker = runtime.start(DATABASE_URL=branch.url())
    earlier = branch.entrance.branches.passwords[branch.id]
    branch.rotate()
    assert worker.get().json() == _unhealthy("log-in refused")
    assert branch.url() != branch.url(password=earlier)
    assert runtime.start(DATABASE_URL=branch.url()).get().json() == HEALTHY


@pytest.mark.parametrize(("path", "method", "status"), [("/", "GET", 404), ("/api/health", "POST", 405)])
def test_nothing_else_is_answered(runtime: Runtime, path: str, method: str, status: int) -> None:
    """One path, one method."""
    assert runtime.start().get(path, method).status_code == status


def _checked(worker: Worker, branch: Branch, expected: str = "staging") -> WorkerReport:
    """Our own check, with time for a few attempts."""
    return probe_worker(
        worker.url,
        Expectation(environment=expected, branch=expected),
        database=lambda: probe(Connection.parse(branch.url()), expected_branch=expected, budget_seconds=5),
        budget_seconds=5,
        transport=WorkerTransport(fetch=worker.fetch),
    )


def test_our_check_passes_the_right_worker(runtime: Runtime, branch: Branch) -> None:
    """Layers 7 and 8 are green at the first attempt."""
    report = _checked(runtime.start(DATABASE_URL=branch.url()), branch)
    assert (report.ok, report.attempts, report.database_branch) == (True, 1, "staging")


def test_our_check_catches_a_worker_on_another_database(runtime: Runtime, branch: Branch) -> None:
    """A Worker that calls itself staging while its database is production's fails the identity layer."""
    branch.comment("infra.branch=production")
    report = _checked(runtime.start(DATABASE_URL=branch.url()), branch)
    assert "layer 8, worker identity" in str(report)
    assert "the Worker's database is branch production, not staging" in str(report)


def test_our_check_names_what_the_database_says_beside_a_503(runtime: Runtime, branch: Branch) -> None:
    """A database that is gone is named by the probe from here, without waiting for the budget."""
    worker = runtime.start(DATABASE_URL=branch.url())
    branch.entrance.routes.states[branch.id] = "gone"
    report = _checked(worker, branch)
    assert report.status == 503
    assert "the Worker answers 503, database: database" in str(report)
    assert "from here the database fails at layer" in str(report)
