"""The Worker's part of a stack on the embedded engine, in processes of its own, against the stand-in over a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.components.worker.workers_world import ACCOUNT, SCRIPT, TOKEN
from tests.stacks.worker_stack import DATABASE, WorkerStack, worker_stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = {"workerCheckBudgetSeconds": "5"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[WorkerStack]:
    """A stack that was never deployed."""
    with worker_stack(tmp_path) as made:
        yield made


def test_secrets_first_then_the_app_then_the_check(stack: WorkerStack) -> None:
    """A first up waits for the app and says how to deploy it; once it is there, it is checked; then nothing is left."""
    first = stack.up(**QUICK)
    values = {name: output.value for name, output in first.outputs.items()}
    assert not [name for name, output in first.outputs.items() if output.secret]
    assert (values["workerName"], values["secretNames"], values["hyperdriveId"]) == (SCRIPT, ["DATABASE_URL"], "")
    assert values["healthUrl"] == f"{stack.runtime.url(SCRIPT)}/api/health"
    assert values["check"]["state"] == "waiting for the app"
    stack.deploy_app()
    assert stack.runtime.scripts[SCRIPT][1]["DATABASE_URL"]["text"] == DATABASE
    passed = stack.up(**QUICK).outputs["check"].value
    assert passed == {
        "mode": "enforce",
        "ok": True,
        "state": "passed",
        "environment": "staging",
        "branch": "staging",
        "databaseBranch": "staging",
    }
    stack.up(**QUICK)
    assert stack.steps() == set()


@pytest.mark.thorough  # tests/acceptance/test_acceptance_secret_by_hand.py is in every run
def test_a_secret_put_by_hand_is_set_again_and_checked(stack: WorkerStack) -> None:
    """The app that it broke is drift; the plan shows both resources, `up` heals them, and then nothing is left."""
    stack.up(**QUICK)
    stack.deploy_app()
    stack.up(**QUICK)
    stack.client.put_secret(ACCOUNT, SCRIPT, "DATABASE_URL", "postgresql://xata:wrong@nowhere.invalid/xata")
    assert stack.run("refresh", QUICK).succeeded
    healing = {"update worker-secrets", "update worker-check"}
    assert stack.run("preview", QUICK).succeeded
    assert healing <= stack.steps()
    assert stack.up(**QUICK).outputs["check"].value["ok"] is True
    assert healing <= stack.steps()
    assert stack.runtime.scripts[SCRIPT][1]["DATABASE_URL"]["text"] == DATABASE
    stack.up(**QUICK)
    assert stack.steps() == set()


def test_an_app_tells_its_health_where_the_configuration_says(stack: WorkerStack) -> None:
    """The path is checked and told in the outputs; one that the app does not have is final long before the budget."""
    stack.up(healthPath="/healthz")
    stack.deploy_app()
    passed = stack.up(healthPath="/healthz").outputs
    assert passed["check"].value["state"] == "passed"
    assert passed["healthUrl"].value == f"{stack.runtime.url(SCRIPT)}/healthz"
    wrong = stack.run("up", {"healthPath": "/nowhere", "workerCheckBudgetSeconds": "600"})
    assert not wrong.succeeded
    assert "there is no /nowhere at 127.0.0.1 (404); the app there says so itself" in " ".join(wrong.errors)
    assert wrong.duration_seconds < 120
    stack.up(healthPath="/healthz")
    assert stack.steps() == set()


def test_a_protected_stack_moves_to_the_apps_own_worker(stack: WorkerStack) -> None:
    """Another name needs no protection lifted: the example keeps its secret until the app is deployed."""
    own = {**QUICK, "workerName": "own-app"}
    stack.up(**QUICK)
    stack.deploy_app()
    stack.up(**QUICK)
    values = stack.up(**own).outputs
    assert (values["workerName"].value, values["check"].value["state"]) == ("own-app", "waiting for the app")
    assert stack.runtime.scripts[SCRIPT][1]["DATABASE_URL"]["text"] == DATABASE
    stack.up(**own)
    assert stack.steps() == set()
    stack.deploy_app("own-app")
    assert stack.up(**own).outputs["check"].value["ok"] is True
    assert [secret.name for secret in stack.client.secrets(ACCOUNT, SCRIPT)] == []
    assert [secret.name for secret in stack.client.secrets(ACCOUNT, "own-app")] == ["DATABASE_URL"]
    stack.up(**own)
    assert stack.steps() == set()


def test_a_lost_account_does_not_take_the_secret(stack: WorkerStack) -> None:
    """The run fails on the protected secrets, with a word on what is missing; lifted on purpose, they go."""
    stack.up(workerCheckMode="off")
    lost = stack.run("up", environment={"CLOUDFLARE_ACCOUNT_ID": ""})
    assert not lost.succeeded
    assert "'worker-secrets' is protected" in " ".join(lost.errors)
    assert any("infra:cloudflareAccount or CLOUDFLARE_ACCOUNT_ID" in text for text in stack.seen.texts())
    assert [secret.name for secret in stack.client.secrets(ACCOUNT, SCRIPT)] == ["DATABASE_URL"]
    stack.up(protect="false", workerCheckMode="off")
    stack.up(worker="off")
    assert not stack.client.scripts(ACCOUNT)


def test_a_missing_token_changes_nothing(stack: WorkerStack) -> None:
    """A preview does without it; an update stops in words before anything is made."""
    without = {"CLOUDFLARE_API_TOKEN": ""}
    assert stack.run("preview", environment=without).succeeded
    refused = stack.run("up", environment=without)
    assert "CLOUDFLARE_API_TOKEN is not set; nothing was made" in " ".join(refused.errors)
    assert not stack.client.scripts(ACCOUNT)
    assert not [step for step in stack.steps() if "worker" in step or "database" in step]


def test_neither_secret_nor_token_lies_in_the_state(stack: WorkerStack) -> None:
    """Nor in the history, nor in anything else that is written beside it."""
    stack.up(workerCheckMode="off")
    files = [file for file in stack.folder.rglob("*") if file.is_file()]
    assert files
    for text in map(type(stack.folder).read_bytes, files):
        assert b"P4ss" not in text
        assert TOKEN.encode() not in text


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({}, "the sandbox has neither Hyperdrive nor Secrets Store"),
        ({"INFRA_WORKER_ADDRESSES": ""}, "the embedded engine runs no provider plugins"),
    ],
)
def test_what_only_cloudflares_provider_makes_is_refused_first(
    stack: WorkerStack, environment: dict[str, str], why: str
) -> None:
    """In the preview already, with the way to do without; an update makes nothing."""
    for kind in ("preview", "up"):
        refused = stack.run(kind, {"hyperdrive": "true", "secretsStore": "default"}, environment=environment)
        assert why in " ".join(refused.errors)
        assert "--config hyperdrive=false --config secretsStore=" in " ".join(refused.errors)
    assert not stack.client.scripts(ACCOUNT)
    assert not [step for step in stack.steps() if "worker" in step or "database" in step]
