"""A secret that somebody puts by hand breaks the app: `drift` names it, and `up` heals it."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cloud_sandbox import node
from tests.acceptance.conftest import cloned
from tests.sandboxed import ENGINE, NOTHING, Sandboxed, changes, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clone import Clone

SCRIPT, STACK = "health-worker-staging", "staging"
WRONG = "postgresql://xata:wrong@nowhere.invalid:5432/xata?sslmode=require"
APP = b"""\
export default {
  fetch(_request, env) {
    const well = Boolean(env.DATABASE_URL) && !env.DATABASE_URL.includes("wrong");
    const who = { environment: env.ENVIRONMENT, xataBranch: env.XATA_BRANCH, databaseBranch: env.XATA_BRANCH };
    const said = well ? { status: "ok", database: "ok" } : { status: "error", database: "log-in refused" };
    return Response.json({ ...said, ...who }, { status: well ? 200 : 503 });
  },
};
"""
DRIFTED, NOT_VERIFIED, BAD_CONFIGURATION = 8, 5, 2


class Hand:
    """Somebody with a token of the same account."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api

    def deploy_app(self) -> None:
        """Deploy as wrangler does: secrets are kept, and the Worker is reached below workers.dev."""
        names = {"ENVIRONMENT": STACK, "XATA_BRANCH": STACK}
        bindings = [{"type": "plain_text", "name": name, "text": text} for name, text in names.items()]
        about = {"main_module": "app.mjs", "bindings": bindings, "keep_bindings": ["secret_text"]}
        form: dict[str, Any] = {
            "metadata": ("metadata.json", json.dumps(about), "application/json"),
            "app.mjs": ("app.mjs", APP, "application/javascript+module"),
        }
        self._api.put("", files=form).raise_for_status()
        self._api.post("/subdomain", json={"enabled": True, "previews_enabled": False}).raise_for_status()

    def put(self, value: str) -> None:
        """`wrangler secret put DATABASE_URL`."""
        secret = {"name": "DATABASE_URL", "type": "secret_text", "text": value}
        self._api.put("/secrets", json=secret).raise_for_status()


@pytest.fixture(scope="module")
def working() -> Iterator[Sandboxed]:
    """A sandbox that runs Workers, with nothing in it yet."""
    try:
        node.installed()
    except node.ToolsError as error:
        pytest.skip(f"{error.message}: {node.FETCH} fetches them")
    with cloned() as clone, sandbox_of(clone, workers=True) as made:
        yield made


@pytest.fixture(scope="module")
def hand(working: Sandboxed) -> Iterator[Hand]:
    """Somebody else, at the script in the sandbox."""
    record = working.record
    with httpx.Client(
        base_url=f"{record['cloudflareApi']}/accounts/{record['cloudflareAccount']}/workers/scripts/{SCRIPT}",
        headers={"Authorization": f"Bearer {record['cloudflareToken']}"},
        trust_env=False,
        timeout=60,
    ) as api:
        yield Hand(api)


def _status(url: str) -> int:
    return httpx.get(url, trust_env=False, timeout=60).status_code


def _drift(sandboxed: Sandboxed) -> tuple[int, dict[str, dict[str, Any]]]:
    """What `drift` ends with, and what it found: resource to property to value."""
    answer = sandboxed.clone.infra("drift", STACK, "--sandbox", *ENGINE, "--json", timeout=300)
    (look,) = json.loads(answer.stdout)["stacks"]
    found = {one["name"]: {each["path"]: each["found"] for each in one["properties"]} for one in look["resources"]}
    return answer.returncode, found


@pytest.mark.timeout(900)
def test_an_app_that_a_hand_broke_is_named_and_healed(working: Sandboxed, hand: Hand) -> None:
    """From an app that is not deployed yet to one with a wrong secret: what `up` and `verify` say is so."""
    first = working.must("up", STACK, "--yes")
    assert (
        "the app was not checked: it is not deployed yet; ./infra wrangler deploy staging --sandbox\n" in first.stderr
    )
    answer = working.run("verify", STACK)
    assert answer.returncode == NOT_VERIFIED
    assert "not verified: the app is not deployed yet: " in answer.stderr
    hand.deploy_app()
    deployed = working.up(STACK)
    url = deployed["outputs"]["healthUrl"]
    assert (changes(deployed), deployed["outputs"]["checks"]["worker"]["ok"], _status(url)) == (NOTHING, True, 200)

    hand.put(WRONG)
    assert _status(url) == httpx.codes.SERVICE_UNAVAILABLE
    code, found = _drift(working)
    assert (code, set(found)) == (DRIFTED, {"worker-secrets", "worker-check"})
    assert found["worker-secrets"]["state"].startswith("changed by somebody else: ")
    assert (found["worker-check"]["ok"], found["worker-check"]["status"]) == (False, 503)
    healed = working.must("up", STACK, "--yes")
    assert _status(url) == httpx.codes.OK
    assert "not checked" not in healed.stderr
    assert changes(working.up(STACK)) == NOTHING


@pytest.mark.cli
@pytest.mark.timeout(900)
def test_plain_pulumi_heals_it_too(working: Sandboxed, hand: Hand) -> None:
    """`pulumi up` refreshes, as Pulumi.yaml says: the secret is set again, the app asked, then nothing changes."""
    working.must("up", "foundation", "--yes")
    environment = working.clone.environment(PULUMI_CONFIG_PASSPHRASE_FILE=".infra/passphrase", PATH=os.environ["PATH"])

    def pulumi_up() -> str:
        script = (
            'eval "$(./infra sandbox env)" && exec pulumi up --stack staging --yes --skip-preview --non-interactive'
        )
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=working.clone.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    working.must("up", STACK, "--yes")
    hand.deploy_app()
    url = working.up(STACK)["outputs"]["healthUrl"]
    hand.put(WRONG)
    assert _status(url) == httpx.codes.SERVICE_UNAVAILABLE
    assert "worker:Secrets" in pulumi_up()
    assert _status(url) == httpx.codes.OK
    assert "updated" not in pulumi_up().partition("Resources:")[2]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "lifeDays=3",
            "--config lifeDays: infra:lifeDays is '3', and staging has no such setting: it is one of preview",
        ),
        ("workerCheckMode=never", "--config workerCheckMode: infra:workerCheckMode is 'never'; allowed: enforce, warn"),
        ("replicas=many", "--config infra:replicas: infra:replicas must be of type integer, got 'many'"),
    ],
)
def test_a_value_of_this_run_that_is_unfit_is_told_as_one(untouched: Clone, given: str, said: str) -> None:
    """The option is named, not the stack's file, and nothing is made."""
    answer = untouched.infra("preview", STACK, *ENGINE, "--config", given, XATA_API_KEY="none")
    assert answer.returncode == BAD_CONFIGURATION
    assert said in answer.stderr
    assert "Pulumi.staging.yaml" not in answer.stderr


def test_a_setting_of_another_stack_in_a_stack_file_is_told(untouched: Clone) -> None:
    """What was accepted in silence is refused with the file, the value and the stacks that have it."""
    file = untouched.folder / "Pulumi.staging.yaml"
    before = file.read_text()
    file.write_text(f"{before}  infra:lifeDays: 7\n")
    try:
        answer = untouched.infra("preview", STACK, *ENGINE, XATA_API_KEY="none")
    finally:
        file.write_text(before)
    assert answer.returncode == BAD_CONFIGURATION
    said = "Pulumi.staging.yaml: infra:lifeDays is '7', and staging has no such setting: it is one of preview"
    assert f"{said}\n  next: remove it from Pulumi.staging.yaml" in answer.stderr
