"""What the stacks of Xata branches declare, previewed on the embedded engine: no key, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pulumi_embedded as engine
from operations import stack_names
from pulumi_embedded.values import UNKNOWN
from stacks.outputs import OUTPUTS, SECRET_OUTPUTS
from tests.engine.stack import Recorder

if TYPE_CHECKING:
    from pathlib import Path

BRANCH = {
    "database",
    "database-branch",
    "database-settings",
    "database-connection",
    "database-baseline",
    "deletion-guard",
}
PULL_REQUEST = "pr-999999999"
"""Nobody has its file: it is read as one that is empty."""
WITH_WORKER = ("staging", "production", PULL_REQUEST)
DECLARED = {
    "foundation": {*BRANCH, "database-check", "project"},
    "staging": {*BRANCH, "database-check"},
    "production": {*BRANCH, "database-check"},
    "dev": {*BRANCH, "database-check", "dev-vars"},
    PULL_REQUEST: {*BRANCH, "database-check"},
}


ACCOUNT = "0123456789abcdef0123456789abcdef"
WORKER = {"wrangler-config", "worker-secrets", "worker-address", "worker-check"}


def _preview(
    stack: str, folder: Path, *, organization: str = "sand01", account: str = "", **config: str
) -> tuple[engine.Result, Recorder]:
    seen = Recorder()
    backend = f"file://{folder}"
    request = engine.Request(
        kind="preview",
        project_folder=stack_names.PROJECT,
        stack=stack,
        backend_url=backend,
        passphrase="correct horse",
        config={
            **({"infra:database": "xata"} if stack == "dev" else {}),
            **{f"infra:{key}": value for key, value in config.items()},
        },
        environment={
            "PULUMI_BACKEND_URL": backend,
            "XATA_ORGANIZATION_ID": organization,
            "XATA_ORGANIZATIONID": "",
            "XATA_PROJECT_ID": "",
            "XATA_PROJECTID": "",
            "XATA_API_KEY": "",
            "XATA_API_BASE_URL": "http://127.0.0.1:1",
            "CLOUDFLARE_ACCOUNT_ID": account,
            "CLOUDFLARE_API_TOKEN": "",
            "CLOUDFLARE_API_BASE_URL": "http://127.0.0.1:1/client/v4",
        },
    )
    return engine.run(request, seen), seen


@pytest.mark.parametrize(
    "stack",
    # the others, with a Worker: below
    [pytest.param(name, marks=pytest.mark.thorough if name in WITH_WORKER else ()) for name in DECLARED],
)
def test_a_first_preview_needs_neither_key_nor_network(stack: str, tmp_path: Path) -> None:
    """It shows every resource, and each output of the contract, the secret ones marked."""
    result, seen = _preview(stack, tmp_path)
    assert result.succeeded, result.errors
    created = {step.removeprefix("create ") for step in seen.steps()}
    assert created == {*DECLARED[stack], f"infra-{stack}"}
    assert result.outputs.keys() == set(OUTPUTS)
    assert {name for name, output in result.outputs.items() if output.secret} == SECRET_OUTPUTS
    assert result.outputs["databaseUrl"].value == UNKNOWN
    assert result.outputs["branchName"].value == ("main" if stack == "foundation" else stack)


def test_a_missing_organization_is_told_by_the_preview(tmp_path: Path) -> None:
    """In words, with the key and the variable to set."""
    result, _ = _preview("staging", tmp_path, organization="")
    assert not result.succeeded
    assert "infra:organization, or XATA_ORGANIZATION_ID" in " ".join(result.errors)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("parent", "staging", "parent: 'staging' cannot be the parent of 'staging'"),
        ("project", "_", "project"),
    ],
)
def test_what_only_the_resources_know_is_refused_by_the_preview(
    key: str, value: str, words: str, tmp_path: Path
) -> None:
    """A value of the right form that makes no sense is refused by the resource, by name."""
    result, _ = _preview("staging" if key == "parent" else "foundation", tmp_path, **{key: value})
    assert not result.succeeded
    assert words in " ".join(result.errors)


@pytest.mark.parametrize("stack", [pytest.param("dev", marks=pytest.mark.thorough), PULL_REQUEST])
def test_nothing_is_made_from_production_by_accident(stack: str, tmp_path: Path) -> None:
    """A copy of production's data is asked for by name."""
    result, _ = _preview(stack, tmp_path, parent="production")
    assert not result.succeeded
    assert "infra:allowParent to production" in " ".join(result.errors)
    allowed, _ = _preview(stack, tmp_path, parent="production", allowParent="production")
    assert allowed.succeeded, allowed.errors


@pytest.mark.parametrize("stack", WITH_WORKER)
def test_a_first_preview_of_a_worker_needs_neither_token_nor_network(stack: str, tmp_path: Path) -> None:
    """With an account known the Worker is in."""
    result, seen = _preview(stack, tmp_path, account=ACCOUNT, appPath="examples/health-worker")
    assert result.succeeded, result.errors
    created = {step.removeprefix("create ") for step in seen.steps()}
    assert created == {*DECLARED[stack], *WORKER, f"infra-{stack}"}
    assert result.outputs["workerName"].value == f"health-worker-{stack}"
    assert {name for name, output in result.outputs.items() if output.secret} == SECRET_OUTPUTS


def test_a_preview_without_an_account_says_how_to_have_the_worker(tmp_path: Path) -> None:
    """A line of it, and no Worker."""
    _, without = _preview("staging", tmp_path)
    assert any("infra:cloudflareAccount or CLOUDFLARE_ACCOUNT_ID" in text for text in without.texts())
    assert not any(name in step for step in without.steps() for name in WORKER)


def test_what_a_worker_lacks_is_told_before_anything_is_declared(tmp_path: Path) -> None:
    """Asked for without an account: an error in words, and not one resource."""
    result, seen = _preview("staging", tmp_path, worker="on")
    assert "infra:worker is on, and no Cloudflare account is known" in " ".join(result.errors)
    assert not {step for step in seen.steps() if "database" in step}
