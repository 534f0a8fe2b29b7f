"""The life of a pull request's environment, as a user of ./infra sees it, in the sandbox."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from cloud_sandbox import node
from components.xata.branches.ownership import last_day
from tests.acceptance.conftest import cloned
from tests.sandboxed import NOTHING, Sandboxed, changes, connect, password_of, sandbox_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping


@pytest.fixture(scope="module")
def staged(founded: Sandboxed) -> Sandboxed:
    """The shared sandbox with a staging that holds a row; what previews are copies of."""
    founded.end_faults()
    if "staging" not in founded.branches():
        founded.begin_anew("staging")
    founded.up("staging")
    _ask(founded, founded.outputs("staging"), "create table if not exists orders as select 1 as number")
    return founded


def _ask(sandboxed: Sandboxed, outputs: Mapping[str, Any], statement: str) -> list[Any]:
    with connect(outputs["databaseUrl"], authority=sandboxed.record["authority"]) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def _until(sandboxed: Sandboxed, name: str) -> date | None:
    return last_day(str(sandboxed.branches()[name]["description"]))


@pytest.mark.thorough
def test_a_pull_request_has_a_copy_of_staging_that_stays_until_it_is_reset(staged: Sandboxed) -> None:
    """[A10] Open, push, a day passes, reset, close: data are kept but by reset, and nothing is left."""
    made = staged.up("pr-7")["outputs"]
    assert (made["environment"], made["branchName"], made["backupRetentionDays"]) == ("preview", "pr-7", 2)
    today = datetime.now(tz=UTC).date()
    assert _until(staged, "pr-7") == today + timedelta(days=7)
    first, parent = staged.outputs("pr-7"), staged.outputs("staging")
    assert password_of(first["databaseUrl"]) != password_of(parent["databaseUrl"])
    assert _ask(staged, first, "select number from orders") == [(1,)]
    _ask(staged, first, "insert into orders values (2)")
    assert changes(staged.up("pr-7", "--config", "parent=main")) == NOTHING  # an environment is never made anew
    longer = staged.up("pr-7", "--config", "lifeDays=8")
    assert changes(longer) == {**NOTHING, "update": 1}
    assert _until(staged, "pr-7") == today + timedelta(days=8)
    assert _ask(staged, first, "select count(*) from orders") == [(2,)]
    staged.must("reset", "pr-7", "--yes")
    second = staged.outputs("pr-7")
    assert second["branchId"] != first["branchId"]
    assert _ask(staged, second, "select number from orders") == [(1,)]
    with pytest.raises(psycopg.OperationalError):
        _ask(staged, first, "select 1")
    assert changes(staged.up("pr-7")) == NOTHING
    assert {name for name in staged.branches() if name.startswith("pr-7")} == {"pr-7"}
    staged.must("destroy", "pr-7", "--yes")
    assert not {name for name in staged.branches() if name.startswith("pr-7")}


def test_what_a_preview_is_refused(staged: Sandboxed) -> None:
    """The cap, a parent that is not there, production: in words, with the next step, and no branch is made."""
    before = set(staged.branches())
    branch = next(iter(staged.branches().values()))
    project = f"/organizations/{staged.record['organization']}/projects/{branch['project']}/branches"
    staged.control.post(
        project, json={"name": "pr-1", "mode": "inherit", "parentID": staged.branches()["staging"]["id"]}
    ).raise_for_status()
    try:
        full = staged.run("up", "pr-9", "--yes", "--config", "mostPreviews=1")
        assert full.returncode == 4
        assert "holds 1 previews" in full.stderr
        assert "./infra sweep" in full.stderr
        missing = staged.run("up", "pr-9", "--yes", "--config", "parent=stagign")
        assert missing.returncode == 4
        assert "there is no branch of the name or id 'stagign'" in missing.stderr
        assert set(staged.branches()) == {*before, "pr-1"}
    finally:
        staged.control.delete(f"{project}/{staged.branches()['pr-1']['id']}").raise_for_status()
        staged.begin_anew("pr-9")  # what a failed run has recorded, which a sweep of this sandbox would find


def _many(staged: Sandboxed, count: int) -> None:
    """So many previews at the same moment, each a run of its own; then all of them go."""
    stacks = [f"pr-{number}" for number in range(100, 100 + count)]
    with ThreadPoolExecutor(count) as pool:
        made = list(pool.map(lambda stack: staged.up(stack)["outputs"], stacks))
        assert [one["branchName"] for one in made] == stacks
        assert all(one["checks"]["database"]["ok"] for one in made)
        passwords = {password_of(staged.outputs(stack)["databaseUrl"]) for stack in (*stacks, "staging")}
        assert len(passwords) == count + 1
        for done in pool.map(lambda stack: staged.run("destroy", stack, "--yes"), stacks):
            assert done.returncode == 0, done.stderr
    assert not set(stacks) & set(staged.branches())


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", [3, 50])
def test_previews_at_once_are_as_many_environments(staged: Sandboxed, count: int) -> None:
    """[E1] Each run ends well, each branch has a password of its own, and none is left."""
    # A plan of the service has 50 new branches in an hour, and other tests of this sandbox have made some.
    account = f"/sandbox/organizations/{staged.record['organization']}"
    staged.control.post(account, json={"limits": {"maxBranchesPerHour": 1000}}).raise_for_status()
    _many(staged, count)


@pytest.fixture(scope="module")
def with_workers() -> Iterator[Sandboxed]:
    """A sandbox that runs Workers, with staging in it."""
    try:
        node.installed()
    except node.ToolsError as error:
        pytest.skip(f"{error.message}: {node.FETCH} fetches them")
    with cloned() as clone, sandbox_of(clone, workers=True) as made:
        made.up("staging")
        yield made


@pytest.mark.wrangler
@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_an_app_is_deployed_to_the_worker_of_a_pull_request_and_goes_with_it(with_workers: Sandboxed) -> None:
    """[A10] up, deploy, verify, push, reset, destroy: one address all along, and at the end nothing is left."""
    made = with_workers
    assert made.up("pr-7")["outputs"]["checks"]["worker"]["state"] == "waiting for the app"
    deployed = _deploy(made)
    first = made.outputs("pr-7")
    assert first["workerName"] == "health-worker-pr-7"
    assert password_of(first["databaseUrl"]) not in deployed.stdout + deployed.stderr
    layers = json.loads(made.must("verify", "pr-7", "--json").stdout)["layers"]
    assert [layer["layer"] for layer in layers if layer["ok"] is not True] == []
    pushed = made.up("pr-7")
    assert changes(pushed) == NOTHING
    assert pushed["outputs"]["checks"]["worker"]["state"] == "passed"
    made.must("reset", "pr-7", "--yes")
    second = made.outputs("pr-7")
    assert (second["healthUrl"], second["workerName"]) == (first["healthUrl"], first["workerName"])
    said = httpx.get(second["healthUrl"], trust_env=False, timeout=60).json()
    assert (said["status"], said["environment"], said["xataBranch"], said["databaseBranch"]) == (
        "ok",
        "preview",
        "pr-7",
        "pr-7",
    )
    made.must("destroy", "pr-7", "--yes")
    _require_nothing_left(made)


ANSWERS = """export default { fetch: (request, env) => Response.json({ status: "ok", database: "ok", release: "%s",
  environment: env.ENVIRONMENT, xataBranch: env.XATA_BRANCH, databaseBranch: env.XATA_BRANCH }) };
"""
VARS = {"vars": {"ENVIRONMENT": "preview"}}
BLOCK = {**VARS, "secrets": {"required": ["DATABASE_URL"]}}
SOURCE = {"name": "shop", "main": "source.js", "compatibility_date": "2026-03-01", "env": {"preview": BLOCK}}
BUILT = {
    **SOURCE,
    **BLOCK,
    "name": "shop-preview",
    "main": "built.js",
    "targetEnvironment": "preview",
    "no_bundle": True,
}


def _built_app(made: Sandboxed) -> None:
    """An app as Vite's plugin leaves it after CLOUDFLARE_ENV=preview: the source, the build, and the redirect to it."""
    app = made.clone.folder / "built-app"
    redirect, build = app / ".wrangler" / "deploy" / "config.json", app / "dist"
    for folder in (redirect.parent, build):
        folder.mkdir(parents=True, exist_ok=True)
    redirect.write_text('{"configPath": "../../dist/wrangler.json"}')
    (app / "wrangler.jsonc").write_text(json.dumps(SOURCE))
    (app / "source.js").write_text(ANSWERS % "source")
    (build / "wrangler.json").write_text(json.dumps({name: said for name, said in BUILT.items() if name != "env"}))
    (build / "built.js").write_text(ANSWERS % "built")


@pytest.mark.wrangler
@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_what_a_build_tool_made_is_what_is_deployed(with_workers: Sandboxed) -> None:
    """A pull request's app is the build and no source, with its branch; for staging it is refused."""
    made, chosen = with_workers, ("--config", "appPath=built-app")
    _built_app(made)
    made.up("pr-7", *chosen)
    _deploy(made, *chosen)
    said = httpx.get(made.up("pr-7", *chosen)["outputs"]["healthUrl"], trust_env=False, timeout=60).json()
    assert (said["release"], said["environment"], said["xataBranch"]) == ("built", "preview", "pr-7")
    refused = made.clone.infra("wrangler", "deploy", "staging", "--sandbox", *chosen, XDG_CACHE_HOME=made.cache)
    assert refused.returncode == 2, refused.stderr
    assert "is of the environment preview" in refused.stderr
    assert "CLOUDFLARE_ENV=staging npm run build" in refused.stderr
    made.must("destroy", "pr-7", "--yes", *chosen)
    _require_nothing_left(made)


def _deploy(made: Sandboxed, *more: str) -> subprocess.CompletedProcess[str]:
    """Deploy the app as a user does."""
    deployed = made.clone.infra(
        "wrangler", "deploy", "pr-7", "--sandbox", *more, timeout=180, XDG_CACHE_HOME=made.cache
    )
    assert deployed.returncode == 0, deployed.stderr
    return deployed


def _require_nothing_left(made: Sandboxed) -> None:
    """Nothing of the pull request at either stand-in."""
    workers = httpx.get(_addresses(made), trust_env=False, timeout=60).json()
    assert not [name for name in workers if "pr-7" in name]
    assert not [name for name in made.branches() if "pr-7" in name]


def _addresses(made: Sandboxed) -> str:
    """The sandbox's page of Workers."""
    return f"http://127.0.0.1:{httpx.URL(made.record['cloudflareApi']).port}/sandbox/workers"
