"""Branch, secret, Worker: real `./infra`, real wrangler, real workerd, real Postgres 18 over TLS."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

from cloud_sandbox import node
from components.postgres.server import process as servers
from components.postgres.server.folder import Layout
from tests.acceptance.conftest import cloned
from tests.sandboxed import ENGINE, NOTHING, Sandboxed, changes, password_of, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.wrangler, pytest.mark.thorough]

STACKS = ("staging", "production")
APP = ("--config", "appPath=examples/health-worker")
LAYERS = ["branch", "name resolution", "TCP", "TLS", "authentication", "database", "query and identity"]
LAYERS += ["worker", "worker identity"]
WRANGLER_SECONDS = 120


def _wrangler(sandboxed: Sandboxed, *arguments: str, told: str = "") -> str:
    """Run `npx wrangler` in the app's folder, in a shell with the sandbox's environment."""
    script = f'eval "$(../../infra sandbox env)" && exec npx wrangler {shlex.join(arguments)}'
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=sandboxed.clone.folder / "examples" / "health-worker",
        env=sandboxed.clone.environment(),
        input=told,
        capture_output=True,
        text=True,
        timeout=WRANGLER_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _verified(sandboxed: Sandboxed, stack: str, *more: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """What `verify` ends with, and its layers by name."""
    answer = sandboxed.run("verify", stack, "--json", *more)
    return answer.returncode, {layer["layer"]: layer for layer in json.loads(answer.stdout)["layers"]}


def _health(sandboxed: Sandboxed, stack: str) -> httpx.Response:
    return httpx.get(sandboxed.outputs(stack)["healthUrl"], trust_env=False, timeout=60)


@pytest.fixture(scope="session")
def deployed() -> Iterator[Sandboxed]:
    """A sandbox with staging and production, each with its Worker as wrangler deployed it after `up`."""
    try:
        node.installed()
    except node.ToolsError as error:
        pytest.skip(f"{error.message}: {node.FETCH} fetches them")
    with cloned() as clone, sandbox_of(clone, workers=True) as made:
        for stack in STACKS:  # the first one brings the foundation up, and the first deployment fetches the driver
            outputs = made.up(stack, *APP)["outputs"]
            assert outputs["checks"]["worker"]["state"] == "waiting for the app"
            assert (outputs["workerName"], outputs["secretNames"]) == (f"health-worker-{stack}", ["DATABASE_URL"])
            code, layers = _verified(made, stack)
            assert (code, layers["worker"]["ok"]) == (5, None)
            assert layers["worker"]["next"].startswith(f"deploy the app: ./infra wrangler deploy {stack} --sandbox")
            assert "DATABASE_URL" not in _wrangler(made, "deploy", "--env", stack)
        yield made


def test_every_layer_is_green_and_a_second_up_changes_nothing(deployed: Sandboxed) -> None:
    """Both Workers answer at the same time, each with its own branch and database; nothing is left to change."""
    for stack in STACKS:
        code, layers = _verified(deployed, stack)
        assert (code, list(layers)) == (0, LAYERS)
        assert [name for name, layer in layers.items() if layer["ok"] is not True] == []
        again = deployed.up(stack, *APP)
        assert changes(again) == NOTHING
        assert again["outputs"]["checks"]["worker"]["ok"] is True
    said = {stack: _health(deployed, stack).json() for stack in STACKS}
    for stack in STACKS:
        assert (said[stack]["environment"], said[stack]["xataBranch"], said[stack]["databaseBranch"]) == (stack,) * 3


class Outage:
    """Asks a Worker again and again while something happens: for how long did it not answer 200?"""

    def __init__(self, url: str) -> None:
        self.seconds = 0.0
        self._url, self._over = url, threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        before, well = time.monotonic(), True
        while not self._over.wait(0.05):
            now = time.monotonic()
            if not well:
                self.seconds += now - before
            before = now
            try:
                well = httpx.get(self._url, trust_env=False, timeout=60).status_code == httpx.codes.OK
            except httpx.HTTPError:
                well = False


def test_rotating_reaches_the_worker_in_the_same_run(
    deployed: Sandboxed, record_property: Callable[[str, object], None]
) -> None:
    """After rotate the Worker answers 200 with the new password, and nothing is left to change; the gap is measured."""
    outputs = deployed.outputs("staging")
    before = outputs["databaseUrl"]
    with Outage(outputs["healthUrl"]) as outage:
        deployed.must("rotate", "staging", "--yes", *APP)
    record_property("said", f"the Worker was without its database for {outage.seconds:.1f} s of a rotation")
    assert deployed.outputs("staging")["databaseUrl"] != before
    assert _health(deployed, "staging").status_code == httpx.codes.OK
    assert _verified(deployed, "staging")[0] == 0
    assert changes(deployed.up("staging", *APP)) == NOTHING


def test_a_stopped_database_is_named_as_the_cause(deployed: Sandboxed) -> None:
    """The Worker answers 503; verify blames the database's layer, and the Worker's with that as its cause."""
    status = json.loads(deployed.clone.infra("sandbox", "status", "--json").stdout)
    server = servers.find(Layout(root=Path(status["data"])))
    assert server is not None
    server.process.kill()
    assert _health(deployed, "staging").status_code == httpx.codes.SERVICE_UNAVAILABLE
    code, layers = _verified(deployed, "staging", "--budget", "5")
    failed = [name for name, layer in layers.items() if layer["ok"] is False]
    assert (code, len(failed), failed[-1]) == (5, 2, "worker")
    assert failed[0] in LAYERS[1:7]
    assert f"{failed[0]}: {layers[failed[0]]['cause']}" in layers["worker"]["cause"]
    started = deployed.clone.infra("sandbox", "start", XDG_CACHE_HOME=deployed.cache)
    assert started.returncode == 0, started.stderr
    assert _verified(deployed, "staging")[0] == 0


def _migrate(sandboxed: Sandboxed, statement: str) -> tuple[str, ...]:
    """The options with which the app's command applies one file, of this content."""
    (sandboxed.clone.folder / "db").mkdir(exist_ok=True)
    (sandboxed.clone.folder / "db" / "1.sql").write_text(statement)
    command = f"{sys.executable} ../../tests/acceptance/migrate.py ../../db"
    return (*APP, "--config", f"migrate={command}", "--config", "migrations=db")


def test_a_migration_that_fails_halfway_is_repeated_before_the_worker_hears_of_anything(deployed: Sandboxed) -> None:
    """Its secret is what it was, until it went well; a new password, though, reaches it whatever fails."""
    url = deployed.outputs("staging")["databaseUrl"]
    wrong = url.replace(password_of(url), "wrong")
    _wrangler(deployed, "secret", "put", "DATABASE_URL", "--env", "staging", told=wrong)
    bad = _migrate(deployed, "create table halfway (id int); select nonsense")
    for _ in range(2):
        failed = deployed.run("up", "staging", "--yes", *bad)
        assert (failed.returncode, 'column "nonsense" does not exist' in failed.stderr) == (4, True)
        assert _health(deployed, "staging").status_code == httpx.codes.SERVICE_UNAVAILABLE
    deployed.up("staging", *_migrate(deployed, "create table halfway (id int)"))
    assert _health(deployed, "staging").status_code == httpx.codes.OK
    (deployed.clone.folder / "db" / "2.sql").write_text("select nonsense")
    assert deployed.run("rotate", "staging", "--yes", *bad).returncode != 0
    assert deployed.outputs("staging")["databaseUrl"] != url
    assert _health(deployed, "staging").status_code == httpx.codes.OK
    (deployed.clone.folder / "db" / "2.sql").unlink()
    deployed.up("staging", *bad)
    assert changes(deployed.up("staging", *bad)) == NOTHING
    deployed.up("staging", *APP)


def test_a_wrong_secret_that_wrangler_put_is_named_and_healed(deployed: Sandboxed) -> None:
    """The app answers 503, `drift` says that wrangler changed secrets, and `up` brings the app back."""
    url = deployed.outputs("staging")["databaseUrl"]
    wrong = url.replace(password_of(url), "wrong")
    _wrangler(deployed, "secret", "put", "DATABASE_URL", "--env", "staging", told=wrong)
    assert _health(deployed, "staging").status_code == httpx.codes.SERVICE_UNAVAILABLE
    drift = deployed.clone.infra("drift", "staging", "--sandbox", *ENGINE, timeout=WRANGLER_SECONDS)
    assert drift.returncode == 8
    assert 'found "changed by somebody else: wrangler, version ' in drift.stdout
    deployed.up("staging", *APP)
    assert _health(deployed, "staging").status_code == httpx.codes.OK
    assert changes(deployed.up("staging", *APP)) == NOTHING


def test_a_worker_on_anothers_database_is_caught(deployed: Sandboxed) -> None:
    """With production's URL the Worker of staging is healthy, and its identity is what fails."""
    urls = {stack: deployed.outputs(stack)["databaseUrl"] for stack in STACKS}
    try:
        _wrangler(deployed, "secret", "put", "DATABASE_URL", "--env", "staging", told=urls["production"])
        assert _health(deployed, "staging").status_code == httpx.codes.OK
        code, layers = _verified(deployed, "staging", "--budget", "20")
        failed = {name: layer["cause"] for name, layer in layers.items() if layer["ok"] is not True}
        assert (code, list(failed)) == (5, ["worker identity"]), failed
        assert "production" in failed["worker identity"]
    finally:
        _wrangler(deployed, "secret", "put", "DATABASE_URL", "--env", "staging", told=urls["staging"])
        deployed.up("staging", *APP)  # wrangler's change counts as drift until then
    assert _verified(deployed, "staging")[0] == 0
