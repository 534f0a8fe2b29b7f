"""WorkerCheck as Pulumi meets it: gate, warning, waiting for the first deployment, and no secret recorded."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from components.connectivity import provider
from components.connectivity.provider import WorkerCheckProvider
from components.resource import ProviderError
from components.worker.names import DRAFT_ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from components.connection import Connection

PROVIDER = WorkerCheckProvider()
DATABASE_URL = "postgresql://app:hunter2@127.0.0.1:1/app?sslmode=disable"
HEALTHY = {
    "status": "ok",
    "database": "ok",
    "environment": "staging",
    "xataBranch": "staging",
    "databaseBranch": "staging",
}
UNHEALTHY = {**HEALTHY, "status": "error", "database": "log-in refused", "databaseBranch": None}


class App:
    """A deployed app that says what a test wants."""

    def __init__(self) -> None:
        self.status, self.document, self.asked = 200, dict[str, Any](HEALTHY), 0
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                app.asked += 1
                body = DRAFT_ANSWER.encode() if app.status == 404 else json.dumps(app.document).encode()
                self.send_response(app.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def says(self, code: int, /, **changes: Any) -> None:
        """From now on."""
        self.status, self.document = code, {**HEALTHY, **changes}


@pytest.fixture
def app() -> Iterator[App]:
    """A healthy app."""
    made = App()
    thread = threading.Thread(target=lambda: made.server.serve_forever(poll_interval=0.01))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(10)


def _inputs(app: App | None = None, **changes: Any) -> dict[str, Any]:
    """Inputs as Pulumi sends them: whole numbers as floats."""
    return {
        "url": app.url if app else "https://app.example.com",
        "environment": "staging",
        "branch": "staging",
        "databaseUrl": DATABASE_URL,
        "mode": "enforce",
        "budgetSeconds": 30.0,
        "trigger": None,
        **changes,
    }


def _made(inputs: dict[str, Any]) -> dict[str, Any]:
    outs = PROVIDER.create(inputs).outs
    assert outs is not None
    return outs


def _updated(outs: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    updated = PROVIDER.update("id", outs, inputs).outs
    assert updated is not None
    return updated


def test_create_records_what_was_found_and_no_secret(app: App) -> None:
    """A passed check records who answered; the database's URL is not among the outputs, in no encoding."""
    created = PROVIDER.create(_inputs(app))
    assert created.id == "worker-check-staging"
    outs = created.outs
    assert outs is not None
    assert (outs["ok"], outs["state"], outs["status"], outs["checkedMode"]) == (True, "passed", 200, "enforce")
    found = (outs["foundEnvironment"], outs["foundBranch"], outs["foundDatabaseBranch"])
    assert found == ("staging", "staging", "staging")
    assert (outs["cause"], outs["nextStep"]) == ("", "")
    assert "databaseUrl" not in outs
    assert "hunter2" not in json.dumps(outs)


def test_a_second_up_shows_nothing(app: App) -> None:
    """Unchanged inputs are no change, and a check made again finds the same."""
    inputs = _inputs(app, trigger={"digest": "a"})
    outs = _made(inputs)
    assert PROVIDER.diff("id", outs, inputs).changes is False
    assert _updated(outs, inputs) == outs


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://other.example.com"},
        {"url": UNKNOWN},
        {"environment": "production"},
        {"branch": "other"},
        {"databaseUrl": "postgresql://app:hunter3@127.0.0.1:1/app"},
        {"databaseUrl": UNKNOWN},
        {"mode": "warn"},
        {"budgetSeconds": 3.0},
        {"trigger": "2"},
        {"trigger": UNKNOWN},
    ],
)
def test_every_input_checks_again_in_place(app: App, change: dict[str, Any]) -> None:
    """Each input updates in place; so does one that is not known yet in a preview."""
    inputs = _inputs(app, trigger="1")
    result = PROVIDER.diff("id", _made(inputs), {**inputs, **change})
    assert (result.changes, result.replaces) == (True, [])


def test_create_refuses_a_worker_of_another_branch(app: App) -> None:
    """A Worker whose database is another branch's stops the deployment when the budget is spent."""
    app.says(200, databaseBranch="production")
    with pytest.raises(ProviderError) as caught:
        PROVIDER.create(_inputs(app, budgetSeconds=1.0))
    text = str(caught.value)
    assert text.startswith("the Worker check of branch staging failed at layer 8, worker identity, after ")
    assert "the Worker's database is branch production, not staging\n  next: " in text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_503_names_what_the_database_says(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that does not answer fails the deployment at once; the message holds no password."""
    monkeypatch.setattr(provider, "DATABASE_BUDGET_SECONDS", 0.2)
    app.says(503, **UNHEALTHY)
    with pytest.raises(ProviderError) as caught:
        PROVIDER.create(_inputs(app, budgetSeconds=600.0))
    assert "the Worker answers 503, database: log-in refused; from here the database fails at layer 2" in str(
        caught.value
    )
    assert "hunter2" not in str(caught.value)
    assert app.asked == 3


def test_503_of_a_database_that_answers_is_told_apart(
    app: App, postgres: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real database of the right branch that answers from here leaves the Worker's secret to blame."""
    monkeypatch.setattr(provider, "DATABASE_BUDGET_SECONDS", 20.0)
    app.says(503, **UNHEALTHY)
    with pytest.raises(ProviderError, match="from here the database answers\n  next: its DATABASE_URL may be another"):
        PROVIDER.create(_inputs(app, branch="dev", databaseUrl=postgres.url, budgetSeconds=1.0))


@pytest.mark.parametrize("mode", ["enforce", "warn"])
def test_before_the_first_deployment_it_waits_for_the_app(
    app: App, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    """A Worker without an app fails in no mode: what to run next is said, and nothing is to do until it is there."""
    app.says(404)
    inputs = _inputs(app, mode=mode)
    outs = _made(inputs)
    assert (outs["ok"], outs["state"], outs["status"]) == (False, "waiting for the app", 404)
    assert "./infra wrangler deploy staging" in outs["nextStep"]
    said = capsys.readouterr().err
    assert said.startswith("note: the app of branch staging is not deployed yet, so it was not checked: there is no")
    assert "next: deploy the app: ./infra wrangler deploy staging" in said
    assert PROVIDER.diff("id", outs, inputs).changes is False
    still = _updated(outs, inputs)
    assert still["state"] == "waiting for the app"
    app.says(200)
    passed = _updated(still, inputs)
    assert (passed["ok"], passed["state"]) == (True, "passed")
    assert PROVIDER.diff("id", passed, inputs).changes is False


def test_an_app_that_was_there_is_missed(app: App) -> None:
    """After a check has passed once, absence is a failure, and the old outputs stay recorded."""
    outs = _made(_inputs(app))
    app.says(404)
    with pytest.raises(ProviderError, match=r"there is no /api/health at 127\.0\.0\.1"):
        PROVIDER.update("id", outs, _inputs(app, trigger="2", budgetSeconds=1.0))


@pytest.mark.parametrize("before", [{"url": "https://earlier.example.com"}, {"state": "not checked", "ok": False}])
def test_a_new_address_or_mode_may_wait_for_the_app_again(app: App, before: dict[str, Any]) -> None:
    """Another Worker has its own first deployment, and so has one that was never looked at."""
    outs = {**_made(_inputs(app)), **before}
    app.says(404)
    assert _updated(outs, _inputs(app))["state"] == "waiting for the app"


def test_warn_records_the_failure_says_it_and_tries_again(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """In mode warn the deployment goes on, the report is printed, and the next up checks again until it passes."""
    app.says(200, environment="production")
    failing = _inputs(app, mode="warn", budgetSeconds=1.0)
    outs = _made(failing)
    assert (outs["ok"], outs["state"], outs["foundEnvironment"]) == (False, "failed", "production")
    assert outs["cause"] == "the Worker answers with environment production instead of staging"
    assert "warning: the Worker check of branch staging failed at layer 8" in capsys.readouterr().err
    assert PROVIDER.diff("id", outs, failing).changes is True
    app.says(200)
    healed = _updated(outs, _inputs(app, mode="warn"))
    assert healed["ok"] is True
    assert PROVIDER.diff("id", healed, _inputs(app, mode="warn")).changes is False


def test_off_does_not_connect(app: App) -> None:
    """In mode off nothing is asked, and nothing is tried again; the outputs have the same names."""
    off = _inputs(app, mode="off")
    outs = _made(off)
    assert (outs["ok"], outs["state"], outs["checkedMode"], app.asked) == (False, "not checked", "off", 0)
    assert PROVIDER.diff("id", outs, off).changes is False
    assert outs.keys() == _made(_inputs(app)).keys()


def test_refresh_takes_note_of_the_app_that_was_waited_for(app: App) -> None:
    """Once the app answers rightly a refresh records it, and then there is nothing left to do."""
    app.says(404)
    inputs = _inputs(app)
    waiting = _made(inputs)
    assert PROVIDER.read("id", waiting).outs == waiting
    app.says(200, environment="production")
    wrong = PROVIDER.read("id", waiting).outs
    assert PROVIDER.diff("id", wrong, inputs).changes is True
    with pytest.raises(ProviderError, match="environment production instead of staging"):
        PROVIDER.update("id", wrong, _inputs(app, budgetSeconds=1.0))
    app.says(200)
    passed = PROVIDER.read("id", waiting).outs
    assert passed is not None
    assert (passed["ok"], passed["state"], passed["cause"]) == (True, "passed", "")
    assert PROVIDER.diff("id", passed, inputs).changes is False


def test_refresh_asks_a_worker_that_has_passed(app: App) -> None:
    """With one request while it is well; otherwise it is drift, and the next up checks until it passes."""
    inputs = _inputs(app)
    outs = _made(inputs)
    asked = app.asked
    read = PROVIDER.read("id", {**outs, "__provider": "pickle"})
    assert (read.id, read.outs, read.inputs, app.asked) == ("id", outs, None, asked + 1)
    app.says(503, **UNHEALTHY)
    broken = PROVIDER.read("id", outs).outs
    assert broken is not None
    assert (broken["ok"], broken["state"], broken["status"]) == (False, "failed", 503)
    assert broken["cause"] == "the Worker answers 503, database: log-in refused"  # of the database it knows nothing
    assert PROVIDER.diff("id", broken, inputs).changes is True
    app.says(200)
    assert _updated(broken, inputs) == outs


def test_refresh_of_a_check_that_is_off_asks_nobody(app: App) -> None:
    """What is not to be checked is not asked."""
    outs = _made(_inputs(app, mode="off"))
    assert PROVIDER.read("id", outs).outs == outs
    assert app.asked == 0


def test_an_app_that_is_there_by_now_has_not_failed(app: App) -> None:
    """One that was waited for and is unwell is not checked yet, whatever it answers: the next up does so."""
    app.says(404)
    waiting = _made(_inputs(app))
    app.says(503, **UNHEALTHY)
    found = PROVIDER.read("id", waiting).outs
    assert found is not None
    assert found["state"] == "not checked"
    assert PROVIDER.diff("id", found, _inputs(app)).changes is True
    assert PROVIDER.read("id", found).outs == found


def test_delete_does_nothing() -> None:
    """There is nothing to delete, whatever was recorded."""
    PROVIDER.delete("id", {"ok": False})


@pytest.mark.parametrize(
    ("change", "property_", "reason"),
    [
        ({"url": "app.example.com"}, "url", "the Worker's address is no address of the form https://WORKER"),
        ({"url": "http://app.example.com"}, "url", "does not begin with https://"),
        ({"url": "https://app:hunter2@example.com"}, "url", "holds a user name or a password"),
        ({"url": ""}, "url", "is no address"),
        ({"url": 7}, "url", "is no address"),
        ({"environment": ""}, "environment", "empty"),
        ({"branch": ""}, "branch", "empty"),
        (
            {"databaseUrl": "mysql://app:hunter2@h/d"},
            "",
            "databaseUrl: the database URL is not of the form postgresql://",
        ),
        ({"mode": "strict"}, "mode", "got 'strict'; allowed: enforce, warn or off"),
        ({"budgetSeconds": 0}, "budgetSeconds", "got 0; allowed: a number of seconds, at most 600"),
        ({"budgetSeconds": "90"}, "budgetSeconds", "'90'"),
    ],
)
def test_bad_inputs_fail_at_preview(change: dict[str, Any], property_: str, reason: str) -> None:
    """A bad input is refused by name before anything connects, and neither URL is repeated."""
    failures = PROVIDER.check({}, _inputs(**change)).failures
    assert failures is not None
    assert [failure.property for failure in failures] == [property_]
    assert reason in failures[0].reason
    assert "hunter2" not in failures[0].reason


def test_inputs_not_known_yet_pass_the_preview() -> None:
    """In the first preview neither address nor database exists."""
    assert PROVIDER.check({}, _inputs(url=UNKNOWN, databaseUrl=UNKNOWN, trigger=UNKNOWN)).failures == []
