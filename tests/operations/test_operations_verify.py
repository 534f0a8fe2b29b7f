"""./infra verify."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from components.connectivity import probe, worker_probe
from components.connectivity.report import AppLayer, Finding, Layer, Report
from components.connectivity.worker_probe import WorkerTransport
from components.connectivity.worker_wire import HealthResponse, Loss
from components.errors import LocalError
from components.worker.names import DRAFT_ANSWER
from components.xata.api.models import BranchPatch, ScaleToZero
from operations import changes
from operations.errors import ExitCode
from pulumi_embedded import api
from tests.operations.xata_double import Xata

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.connection import Connection
    from tests.operations.doubles import FakeEngine

GOOD = Report(
    findings=tuple(Finding(layer=layer, ok=True, milliseconds=1.25) for layer in Layer),
    server_version="18.6",
    branch="dev",
)
BAD = Report(
    findings=(
        Finding(layer=Layer.NAME, ok=True, milliseconds=0.5),
        Finding(layer=Layer.TCP, ok=False, cause="refused", next_step="./infra up dev", milliseconds=2.0),
        *(Finding(layer=layer, ok=None) for layer in list(Layer)[2:]),
    )
)


URL = "http://127.0.0.1:1/api/health"
WORKER = {
    "environment": api.Output(value="staging", secret=False),
    "healthUrl": api.Output(value=URL, secret=False),
    "checks": api.Output(value={"worker": {"state": "passed"}}, secret=False),
}
HEALTH = {"status": "ok", "database": "ok", "environment": "staging", "xataBranch": "dev", "databaseBranch": "dev"}


def _answer(status: int = 200, **fields: Any) -> HealthResponse:
    body = json.dumps({**HEALTH, **fields}).encode()
    return HealthResponse(status=status, content_type="application/json", body=body)


def _asked(monkeypatch: pytest.MonkeyPatch, outcome: HealthResponse | Loss) -> None:
    """Let every request for a Worker's health end like this, and no time pass but on a clock."""
    now = itertools.count()
    transport = WorkerTransport(
        fetch=lambda _url, _seconds: outcome, clock=lambda: next(now) / 10, sleep=lambda _: None, jitter=lambda: 0.5
    )
    real = worker_probe.probe_worker
    monkeypatch.setattr(
        "operations.commands.verify.probe_worker", lambda *given, **named: real(*given, **named, transport=transport)
    )


@pytest.mark.parametrize(
    ("outcome", "layer", "said"),
    [
        (_answer(), "", "Worker reached: environment staging, branch dev"),
        (_answer(databaseBranch="production"), "worker identity", "branch production, not dev"),
        (_answer(xataBranch="production"), "worker identity", "xataBranch production instead of dev"),
        (_answer(404), "worker", "./infra wrangler deploy"),
        (_answer(503, database="log-in refused"), "worker", "log-in refused; from here the database answers"),
        (Loss.NAME, "worker", "there is no host named 127.0.0.1"),
    ],
)
def test_the_workers_layers_come_after_the_databases(
    infra: Callable[..., Any],
    fake_engine: FakeEngine,
    probed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    valid: Callable[[str, Any], None],
    outcome: HealthResponse | Loss,
    layer: str,
    said: str,
) -> None:
    """Both layers are named, the one at fault is what the command ends with, and its cause is said."""
    fake_engine.values = {**fake_engine.values, **WORKER}
    _asked(monkeypatch, outcome)
    answer = infra("verify", "staging", "--json", "--budget", "1")
    valid("verify", answer.document)
    layers = {one["layer"]: one["ok"] for one in answer.document["layers"]}
    assert list(layers) == [*(one.value for one in Layer), "worker", "worker identity"]
    assert [name for name, ok in layers.items() if ok is False] == ([layer] if layer else [])
    assert answer.code == (ExitCode.VERIFICATION_FAILED if layer else ExitCode.SUCCESS)
    assert said in answer.err
    assert probed["budget_seconds"] == 1.0


def test_an_app_that_is_not_deployed_yet_is_not_verified(
    infra: Callable[..., Any], fake_engine: FakeEngine, probed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a first `up` there is nobody to ask: no layer fails, and none that could not be asked is a success."""
    del probed
    waiting = {"checks": api.Output(value={"worker": {"state": "waiting for the app"}}, secret=False)}
    fake_engine.values = {**fake_engine.values, **WORKER, **waiting}
    _asked(monkeypatch, HealthResponse(status=404, content_type="text/plain", body=DRAFT_ANSWER.encode()))
    answer = infra("verify", "staging", "--json")
    *_, worker, identity = answer.document["layers"]
    assert (answer.code, answer.document["ok"]) == (ExitCode.VERIFICATION_FAILED, False)
    assert (worker["ok"], identity["ok"]) == (None, None)
    assert worker["cause"].startswith("the app is not deployed yet: ")
    assert "not verified: the app is not deployed yet: " in answer.err
    assert "./infra wrangler deploy" in worker["next"]
    assert "./infra wrangler deploy" in answer.err


def test_of_two_faults_the_databases_is_told(
    infra: Callable[..., Any], fake_engine: FakeEngine, probed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Worker that cannot reach its database says 503; the database's own layer is the cause of both."""
    probed["report"] = BAD
    fake_engine.values = {**fake_engine.values, **WORKER}
    _asked(monkeypatch, _answer(503, database="database unreachable"))
    answer = infra("verify", "staging")
    assert answer.code == ExitCode.VERIFICATION_FAILED
    assert "staging: layer 2, TCP" in answer.err
    assert "from here the database fails at layer 2, TCP: refused" in answer.out


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let the probe answer what `report` says, and remember what it was asked; the app on this machine has its URL."""
    seen: dict[str, Any] = {"report": GOOD}

    def fake(connection: Connection, **asked: Any) -> Report:
        seen.update(asked, connection=connection)
        report: Report = seen["report"]
        return report

    monkeypatch.setattr(probe, "probe", fake)
    read = Finding(layer=AppLayer.VARIABLES, ok=True, cause="DATABASE_URL is in .dev.vars")
    monkeypatch.setattr("operations.commands.verify.read_app", lambda _target, _url: read)
    return seen


def test_the_probe_is_asked_for_what_the_outputs_name(
    infra: Callable[..., Any], fake_engine: FakeEngine, probed: dict[str, Any], valid: Callable[[str, Any], None]
) -> None:
    """The URL, the branch and Postgres 18 come from the stack; a passing report is one document and success."""
    del fake_engine
    answer = infra("verify", "dev", "--json", "--budget", "3")
    assert answer.code == ExitCode.SUCCESS
    valid("verify", answer.document)
    assert probed["connection"].password == "s3cret"
    assert (probed["expected_branch"], probed["expected_major"], probed["budget_seconds"]) == ("dev", 18, 3.0)
    assert "s3cret" not in answer.out + answer.err


def test_the_layer_at_fault_is_named(
    infra: Callable[..., Any], fake_engine: FakeEngine, probed: dict[str, Any], valid: Callable[[str, Any], None]
) -> None:
    """A failing layer has its own exit code; layers behind it are not reached."""
    del fake_engine
    probed["report"] = BAD
    answer = infra("verify", "dev", "--json")
    assert answer.code == ExitCode.VERIFICATION_FAILED
    valid("verify", answer.document)
    assert answer.document["ok"] is False
    assert [layer["ok"] for layer in answer.document["layers"]] == [True, False, None, None, None, None, True]


def test_an_up_that_would_be_refused_is_not_advised(
    infra: Callable[..., Any], fake_engine: FakeEngine, probed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the database lives in Docker and Docker does not answer, the way there is what up would say."""
    probed["report"] = BAD

    def opened(_target: object, *, kind: str = "", **_more: object) -> FakeEngine:
        if kind == "up":
            raise LocalError("Docker is wanted, but no Docker daemon answers", next_step="start Docker")
        return fake_engine

    monkeypatch.setattr(changes, "opened", opened)
    layers = infra("verify", "dev", "--json").document["layers"]
    assert layers[1]["next"] == "Docker is wanted, but no Docker daemon answers; start Docker"


def test_a_person_gets_a_table(infra: Callable[..., Any], fake_engine: FakeEngine, probed: dict[str, Any]) -> None:
    """One line per layer, and the next step under the one at fault."""
    del fake_engine
    probed["report"] = BAD
    assert infra("verify", "dev").out.splitlines() == [
        "name resolution     ok               0.5 ms",
        "TCP                 FAILED           2.0 ms  refused",
        "                    next: ./infra up dev",
        "TLS                 not reached",
        "authentication      not reached",
        "database            not reached",
        "query and identity  not reached",
        "wrangler dev        ok                       DATABASE_URL is in .dev.vars",
    ]


def test_a_stack_never_deployed_is_told_to_be(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """Without outputs there is nothing to verify: the next step is up."""
    fake_engine.values = {}
    answer = infra("verify", "dev")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "./infra up dev" in answer.err


def _layers(answer: Any) -> list[tuple[str, Any]]:
    return [(layer["layer"], layer["ok"]) for layer in answer.document["layers"]]


@pytest.fixture
def staging(fake_engine: FakeEngine, xata: Xata) -> Xata:
    """The stack staging, deployed at Xata."""
    fake_engine.values = xata.outputs()
    return xata


def test_the_branch_is_asked_for_first(
    infra: Callable[..., Any], staging: Xata, probed: dict[str, Any], valid: Callable[[str, Any], None]
) -> None:
    """For a Xata stack the layer `branch` comes first, and asking changes nothing."""
    answer = infra("verify", "staging", "--json")
    assert answer.code == ExitCode.SUCCESS
    valid("verify", answer.document)
    assert _layers(answer)[0] == ("branch", True)
    assert answer.document["layers"][0]["cause"] == "healthy"
    assert staging.methods == {"GET"}
    assert probed["expected_branch"] == "staging"


def test_a_branch_deleted_behind_our_back_is_told(
    infra: Callable[..., Any], staging: Xata, probed: dict[str, Any], valid: Callable[[str, Any], None]
) -> None:
    """Gone is gone: the layers below are not reached, nothing is connected to, and the next steps are told."""
    staging.delete_branch()
    answer = infra("verify", "staging", "--json")
    assert answer.code == ExitCode.VERIFICATION_FAILED
    valid("verify", answer.document)
    assert _layers(answer) == [("branch", False), *((layer.value, None) for layer in Layer)]
    assert answer.document["layers"][0]["next"].startswith("./infra refresh staging")
    assert "gone" in answer.err
    assert "connection" not in probed


def test_a_branch_put_to_sleep_by_hand_is_told(
    infra: Callable[..., Any], staging: Xata, probed: dict[str, Any]
) -> None:
    """No connection wakes it, so none is tried."""
    patch = BranchPatch(hibernate=True, scale_to_zero=ScaleToZero(enabled=False, minutes=30))
    staging.client().update_branch(staging.place.organization, staging.place.project, staging.branch_id, patch)
    answer = infra("verify", "staging", "--json")
    assert answer.code == ExitCode.VERIFICATION_FAILED
    assert "by hand" in answer.document["layers"][0]["cause"]
    assert "connection" not in probed


def test_a_sleeping_branch_is_no_fault(infra: Callable[..., Any], staging: Xata, probed: dict[str, Any]) -> None:
    """One that the first connection wakes is asked for its database all the same."""
    patch = BranchPatch(hibernate=True, scale_to_zero=ScaleToZero(enabled=True, minutes=30))
    staging.client().update_branch(staging.place.organization, staging.place.project, staging.branch_id, patch)
    answer = infra("verify", "staging", "--json")
    assert answer.code == ExitCode.SUCCESS
    assert "asleep" in answer.document["layers"][0]["cause"]
    assert "connection" in probed


def test_a_renamed_branch_is_told(infra: Callable[..., Any], staging: Xata, probed: dict[str, Any]) -> None:
    """Another name is no fault of the database, and is said."""
    del probed
    place = staging.place
    staging.client().update_branch(place.organization, place.project, staging.branch_id, BranchPatch(name="other"))
    answer = infra("verify", "staging", "--json")
    assert answer.code == ExitCode.SUCCESS
    assert "'other'" in answer.document["layers"][0]["cause"]


@pytest.mark.parametrize(
    ("key", "said"), [("", "XATA_API_KEY is not set"), ("xau_unknown", "the key is unknown, expired or revoked")]
)
def test_a_branch_that_cannot_be_asked_about_is_not_verified(
    infra: Callable[..., Any],
    staging: Xata,
    probed: dict[str, Any],
    valid: Callable[[str, Any], None],
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    said: str,
) -> None:
    """Without a good key the layer says why it was not reached: the others are well, and that is not all."""
    del staging
    monkeypatch.setenv("XATA_API_KEY", key)
    answer = infra("verify", "staging", "--json")
    assert answer.code == ExitCode.VERIFICATION_FAILED
    valid("verify", answer.document)
    assert _layers(answer)[0] == ("branch", None)
    assert said in answer.document["layers"][0]["cause"]
    assert "connection" in probed


def test_a_project_out_of_reach_is_not_taken_for_a_deleted_branch(
    infra: Callable[..., Any], staging: Xata, probed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the project is not there for this key, the branch is not called gone, and the database is asked."""
    elsewhere = Xata()
    monkeypatch.setattr("components.xata.api.client.connect", elsewhere.connect)
    answer = infra("verify", "staging", "--json")
    assert answer.code == ExitCode.VERIFICATION_FAILED
    assert "gone" not in answer.document["layers"][0]["cause"]
    assert "XATA_API_KEY" in answer.document["layers"][0]["next"]
    assert "connection" in probed
    assert staging.branch_id in answer.document["layers"][0]["cause"]
