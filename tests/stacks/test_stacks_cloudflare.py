"""What only Cloudflare's own provider makes: where it is refused, what it is told, how it fares with the real CLI."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from aiohttp import web

from cloud_sandbox.cloudflare.service import BASE_PATH
from components import plugins
from components.connection import Connection
from components.errors import ConfigurationError
from components.worker.api.models import Named
from operations import stack_names
from operations.engines.choice import installed
from stacks import worker, worker_plan
from stacks.config import read
from stacks.settings import CloudSettings
from tests.components.worker.workers_world import ACCOUNT as THERE
from tests.components.worker.workers_world import SCRIPT
from tests.stacks.declared import ACCOUNT, APP_URL, STORE, URL, declare
from tests.stacks.worker_stack import APP, worker_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stacks.worker_stack import WorkerStack

pytestmark = pytest.mark.filterwarnings("ignore:cloudflare.index:DeprecationWarning")  # at the import of its package

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""How the protocol marks a secret."""
INSTALL = f"pulumi plugin install resource cloudflare v{plugins.wanted('cloudflare')}"
PLUGIN = "pulumi-resource-cloudflare"
BOTH = {"hyperdrive": "true", "secretsStore": "default"}


def _secret(value: Any) -> dict[str, Any]:
    return {**SECRET, "value": value}


def _settings(stack: str, **configured: str) -> CloudSettings:
    settings = read(stack, {f"infra:{key}": value for key, value in configured.items()}, shared={})
    assert isinstance(settings, CloudSettings)
    return settings


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with the plugin in it, which is our stand-in for it."""
    made = tmp_path / "commands"
    made.mkdir()
    (made / PLUGIN).write_text(
        f"#!/bin/sh\nexec '{sys.executable}' '{Path(__file__).with_name('cloudflare_plugin.py')}'\n"
    )
    (made / PLUGIN).chmod(0o755)
    return made


@pytest.fixture
def app(tmp_path: Path, commands: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The app's folder, in an environment where all can be made."""
    monkeypatch.setenv("PATH", str(commands), prepend=os.pathsep)
    monkeypatch.setenv("XATA_ORGANIZATION_ID", "sand01")
    monkeypatch.setenv(worker_plan.ACCOUNT_VARIABLE, ACCOUNT)
    monkeypatch.setenv(worker_plan.TOKEN_VARIABLE, "a-token")
    for name in ("CLOUDFLARE_API_BASE_URL", "CLOUDFLARE_BASE_URL", "INFRA_WORKER_ADDRESSES"):
        monkeypatch.delenv(name, raising=False)
    stores = [Named(id=STORE, name="default")]
    monkeypatch.setattr(worker, "connect", lambda: SimpleNamespace(stores=lambda _: stores))
    (tmp_path / "wrangler.jsonc").write_text('{"name": "app", "env": {"staging": {}}}')
    return tmp_path


def test_hyperdrive_is_told_the_parts_and_caches_nothing(app: Path) -> None:
    """The origin is the checked database itself, its password a secret, and the cache is off in so many words."""
    declared = declare("staging", {"appPath": str(app), "hyperdrive": "true"})
    inputs = declared.inputs("hyperdrive")
    assert inputs["caching"] == {"disabled": True}
    assert inputs["name"] == "app-staging"
    assert inputs["accountId"] == ACCOUNT
    assert inputs["origin"] == {
        "scheme": "postgres",
        "host": "b1.us-east-1.xata.tech",
        "port": 5432,
        "database": "xata",
        "user": "xata",
        "password": _secret("P4ss!word"),
    }
    assert "database-check" in declared.before("hyperdrive")
    assert "token" not in str(declared.inputs("cloudflare")).lower()


@pytest.mark.parametrize("store", ["default", STORE])
def test_a_store_is_looked_up_and_never_made(store: str, app: Path) -> None:
    """By name or id; the secret's name says whose it is, since all environments share the store."""
    declared = declare("staging", {"appPath": str(app), "secretsStore": store})
    inputs = declared.inputs("store-secret")
    assert (inputs["storeId"], inputs["name"]) == (STORE, "APP_STAGING_DATABASE_URL")
    assert inputs["value"] == _secret(URL)
    assert inputs["scopes"] == ["workers"]
    assert inputs["comment"]
    assert not [one for one in declared.requests.values() if one["type"].endswith(":SecretsStore")]
    assert "hyperdrive" not in declared.requests


def test_both_follow_the_login_of_the_app(app: Path) -> None:
    """They are told it before the other login is shut off."""
    declared = declare("staging", {"appPath": str(app), "appRole": "readwrite", **BOTH})
    origin, apps = declared.inputs("hyperdrive")["origin"], Connection.parse(APP_URL)
    assert (origin["user"], origin["password"]) == (apps.user, _secret(apps.password))
    assert declared.inputs("store-secret")["value"] == _secret(APP_URL)
    assert "app-rights" in declared.before("hyperdrive")
    assert {"hyperdrive", "store-secret"} <= declared.before("app-spare")


def test_two_preview_environments_share_no_name(app: Path) -> None:
    """Names carry the branch."""
    names: set[str] = set()
    for stack in ("pr-7", "pr-8"):
        declared = declare(stack, {"appPath": str(app), **BOTH})
        told = [declared.inputs(name)["name"] for name in ("hyperdrive", "store-secret")]
        assert all(text in name for text, name in zip((stack, stack.upper().replace("-", "_")), told, strict=True))
        names |= set(told)
    assert len(names) == 4


def test_the_provider_talks_to_the_same_server(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address of the API that is given for everything else holds for Cloudflare's own provider, too."""
    monkeypatch.setenv("CLOUDFLARE_API_BASE_URL", "http://127.0.0.1:1/client/v4")
    declared = declare("staging", {"appPath": str(app), "hyperdrive": "true"})
    assert declared.inputs("cloudflare") == {"baseUrl": "http://127.0.0.1:1/client/v4"}


@pytest.mark.parametrize(
    ("hyperdrive", "engine", "loaded"), [("true", "", "True"), ("false", "", "False"), ("true", "embedded", "False")]
)
def test_cloudflares_package_is_loaded_only_where_it_is_used(
    hyperdrive: str, engine: str, loaded: str, app: Path
) -> None:
    """It is large, and most stacks do without; where the engine cannot use it, that is said before it is loaded."""
    command = [sys.executable, "-m", "tests.stacks.declared", "staging", f"appPath={app}", f"hyperdrive={hyperdrive}"]
    environment = {**os.environ, "INFRA_ENGINE": engine}
    done = subprocess.run(
        command, cwd=stack_names.PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [loaded]
    assert ("the embedded engine runs no provider plugins" in done.stderr) is (engine == "embedded")
    assert (done.returncode != 0) is (engine == "embedded")


@pytest.mark.parametrize(
    ("environment", "says", "next_step"),
    [
        ({"INFRA_WORKER_ADDRESSES": "http://127.0.0.1:1/"}, "the sandbox has neither", "--config hyperdrive=false"),
        ({"INFRA_ENGINE": "embedded"}, "the embedded engine runs no provider plugins", "./infra setup --pulumi"),
        ({"PULUMI_HOME": "/nowhere", "PATH": ""}, "is not in /nowhere/plugins", INSTALL),
    ],
)
def test_what_cannot_be_made_here_is_refused(environment: dict[str, str], says: str, next_step: str) -> None:
    """The settings that ask for it are named, why it cannot be made, and what to do."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        worker_plan.require_provider(_settings("staging", **BOTH), environment, may_download=False)
    assert caught.value.message.startswith("infra:hyperdrive and infra:secretsStore: ")
    assert next_step in caught.value.next_step
    worker_plan.require_provider(_settings("staging"), environment, may_download=False)


def test_a_store_that_is_not_there_is_told_before_anything_is_made(app: Path) -> None:
    """With those that are there, and nothing is registered but the stack."""
    with pytest.raises(pulumi.RunError, match="has no Secrets Store 'mine'; there is: default\n  next: set it"):
        declare("staging", {"appPath": str(app), "secretsStore": "mine"})
    with pytest.raises(ConfigurationError, match="there is: none at all"):
        worker_plan.store_id([], "mine")


def test_the_permissions_are_those_that_the_settings_need() -> None:
    """Each is named with what is asked for, and no other."""
    assert worker_plan.permissions(_settings("staging")) == ("Workers Scripts",)
    said = worker_plan.how_to_get_token(_settings("staging", **BOTH))
    assert "the permissions Workers Scripts Write, Hyperdrive Write, Secrets Store Write" in said


@dataclass(kw_only=True)
class Account:
    """What the account has of both kinds, as a server that answers an empty text where none was given."""

    held: dict[str, dict[str, Any]] = field(default_factory=dict)

    def routes(self) -> list[web.AbstractRouteDef]:
        """Every call that we and the plugin make."""
        account = f"{BASE_PATH}/accounts/{THERE}"
        found: list[web.AbstractRouteDef] = [web.get(f"{account}/secrets_store/stores", self.stores)]
        for path in (f"{account}/hyperdrive/configs", f"{account}/secrets_store/stores/{STORE}/secrets"):
            found += [web.get(path, self.all), web.post(path, self.make), web.get(f"{path}/{{id}}", self.one)]
        return found

    async def stores(self, _: web.Request) -> web.Response:
        """There is one."""
        return _told([{"id": STORE, "name": "default"}])

    async def all(self, request: web.Request) -> web.Response:
        """Those of this kind."""
        return _told(
            [{"id": id_, "name": one["name"]} for id_, one in self.held.items() if one["path"] == request.path]
        )

    async def one(self, request: web.Request) -> web.Response:
        """This one."""
        return _told({"id": request.match_info["id"], "held": self.held[request.match_info["id"]]["inputs"]})

    async def make(self, request: web.Request) -> web.Response:
        """A name can be had once."""
        inputs, id_ = await request.json(), f"{len(self.held):032x}"
        if any((one["path"], one["name"]) == (request.path, inputs["name"]) for one in self.held.values()):
            return web.json_response({"success": False, "errors": [{"code": 2015, "message": "taken"}]}, status=409)
        empty = {"comment": ""} if "secrets_store" in request.path else {}
        self.held[id_] = {"path": request.path, "name": inputs["name"], "inputs": {**empty, **inputs}}
        return _told({"id": id_, "held": self.held[id_]["inputs"]})


def _told(result: Any) -> web.Response:
    return web.json_response({"success": True, "errors": [], "messages": [], "result": result})


@dataclass(frozen=True, kw_only=True)
class Real:
    """The stack of `programs/worker` on the real CLI."""

    account: Account
    stack: WorkerStack
    environment: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `pulumi`."""
        cli, _ = installed()
        assert cli is not None
        return subprocess.run(
            [cli.path, *arguments, "--non-interactive", "--color=never"],
            cwd=self.stack.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def up(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Run `pulumi up`."""
        return self.run("up", "--yes", "--stack=staging", *more)


@pytest.fixture
def real(tmp_path: Path, commands: Path) -> Iterator[Real]:
    """A stack with both, not deployed yet."""
    account = Account()
    with worker_stack(tmp_path, *account.routes()) as stack:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "INFRA_"))}
        environment = {
            **kept,
            **stack.environment(),
            "PATH": os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_BACKEND_URL": f"file://{tmp_path}",
            "PULUMI_CONFIG_PASSPHRASE": "correct horse",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "TEST_PLUGIN_VERSION": plugins.wanted("cloudflare"),
        }
        del environment["INFRA_WORKER_ADDRESSES"]
        made = Real(account=account, stack=stack, environment=environment)
        done = made.run("stack", "init", "staging")
        assert done.returncode == 0, done.stderr
        config = {"app": APP, **BOTH, "workerCheckMode": "off", "wranglerMode": "off"}
        with (stack.project / "Pulumi.staging.yaml").open("a") as file:
            file.write("config:\n" + "".join(f"  infra:{key}: '{value}'\n" for key, value in config.items()))
        yield made


@pytest.mark.cli
@pytest.mark.timeout(900)
def test_on_the_real_cli_a_name_that_is_taken_is_said_at_once(real: Real) -> None:
    """In the preview, in one sentence, with nothing made; and what was made is found as it was made."""
    path = f"{BASE_PATH}/accounts/{THERE}/hyperdrive/configs"
    real.account.held["0"] = {"path": path, "name": SCRIPT, "inputs": {}}
    taken = real.up()
    assert taken.returncode != 0
    said = f"the account has a Hyperdrive configuration named {SCRIPT} already"
    assert f'error: Preview failed: before hook "Hyperdrive configuration is new" failed: {said}' in taken.stdout
    assert "next: delete it in the dashboard" in taken.stdout
    assert list(real.account.held) == ["0"]
    assert not real.stack.client.scripts(THERE)
    real.account.held.clear()
    made = real.up()
    assert made.returncode == 0, made.stdout
    assert {one["name"] for one in real.account.held.values()} == {
        SCRIPT,
        "WAREHOUSE_MANAGER_STAGING_DATABASE_URL",
    }
    again = real.up("--refresh", "--expect-no-changes")
    assert again.returncode == 0, again.stdout
