"""What the stacks of an app in the cloud declare of its Worker, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from components.postgres.migration_files import read_files
from operations import stack_names
from stacks.worker_plan import ACCOUNT_VARIABLE, TOKEN_VARIABLE
from tests.stacks.declared import ACCOUNT, URL, declare

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:cloudflare.index:DeprecationWarning")  # at the import of its package

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""How the protocol marks a secret."""
WORKER = {"wrangler-config", "worker-secrets", "worker-address", "worker-check"}
FILE = """{
  "name": "app",
  "env": {
    "staging": {
      "vars": { "ENVIRONMENT": "staging", "XATA_BRANCH": "staging" },
      "secrets": { "required": ["DATABASE_URL"] }
    }
  }
}
"""


def _secret(value: Any) -> dict[str, Any]:
    return {SIGNATURE: SECRET, "value": value}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XATA_ORGANIZATION_ID", "sand01")
    monkeypatch.setenv(ACCOUNT_VARIABLE, ACCOUNT)
    monkeypatch.setenv(TOKEN_VARIABLE, "a-token")
    monkeypatch.delenv("CLOUDFLARE_API_BASE_URL", raising=False)
    monkeypatch.delenv("CLOUDFLARE_BASE_URL", raising=False)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The app's folder."""
    (tmp_path / "wrangler.jsonc").write_text(FILE)
    return tmp_path


def test_the_app_gets_the_sslmode_that_is_set(app: Path) -> None:
    """`databaseSslmode: verify-full` stands in the URL that the Worker is told."""
    declared = declare("staging", {"appPath": str(app), "databaseSslmode": "verify-full"})
    told = URL.replace("sslmode=require", "sslmode=verify-full")
    assert declared.inputs("worker-secrets")["values"]["value"]["DATABASE_URL"] == told


def test_a_worker_hears_of_a_database_only_after_its_check(app: Path) -> None:
    """File, password, check, secrets, address, the Worker's check: each waits for the one before."""
    declared = declare("staging", {"appPath": str(app)})
    assert declared.requests.keys() > WORKER
    assert "wrangler-config" in declared.before("database-connection")
    assert {"database-check", "database-connection"} <= declared.before("worker-secrets")
    assert "worker-secrets" in declared.before("worker-address")
    assert {"worker-secrets", "worker-address"} <= declared.before("worker-check")


def test_migrations_stand_between_the_check_and_the_worker(app: Path) -> None:
    """They are those of this branch's database, with the URL that the app gets; a stack taken down has none."""
    migrations = stack_names.PROJECT / "tests" / "stacks" / "data"
    config = {"appPath": str(app), "migrate": "npx dbmate 'up now'", "migrations": str(migrations)}
    declared = declare("staging", config)
    assert "database-check" in declared.before("migrations")
    assert "migrations" in declared.before("worker-secrets")
    given = declared.inputs("migrations")
    assert (given["command"], given["appPath"]) == (["npx", "dbmate", "up now"], str(app))
    assert (given["url"]["value"], given["databaseId"]) == (URL, "database-branch-id")
    assert given["files"].keys() == read_files(migrations).keys()
    assert "migrations" not in declare("staging", {**config, "leaving": "true"}).requests


def test_the_worker_is_that_of_the_apps_file(app: Path) -> None:
    """Name, account, environment and branch are the stack's in every resource."""
    declared = declare("staging", {"appPath": str(app), "workerCheckMode": "warn", "workerCheckBudgetSeconds": "7"})
    file, secrets, check = map(declared.inputs, ("wrangler-config", "worker-secrets", "worker-check"))
    assert (secrets["account"], secrets["script"]) == (ACCOUNT, "app-staging")
    assert (file["expectedName"], file["accountId"], file["mode"]) == ("app-staging", ACCOUNT, "warn")
    assert (file["environment"], file["branch"], file["secrets"]) == ("staging", "staging", ["DATABASE_URL"])
    assert check["url"] == "https://app-staging.team.workers.dev"
    assert (check["environment"], check["branch"], check["mode"]) == ("staging", "staging", "warn")
    assert check["budgetSeconds"] == 7


def test_the_url_is_a_secret_wherever_it_goes(app: Path) -> None:
    """The Worker gets it as a secret; nothing else that is registered of the Worker holds it in the open."""
    declared = declare("staging", {"appPath": str(app)})
    assert declared.inputs("worker-secrets")["values"] == _secret({"DATABASE_URL": URL})
    assert declared.inputs("worker-check")["databaseUrl"] == _secret(URL)
    assert URL not in str([declared.inputs(name) for name in ("wrangler-config", "worker-address")])


def test_further_secrets_come_from_the_configuration(app: Path) -> None:
    """In the same call as the database's URL, and named to the check of the file."""
    named = {"workerSecrets": '["SESSION_KEY"]', "worker:SESSION_KEY": "hunter2"}
    declared = declare("staging", {"appPath": str(app), **named}, secrets=["worker:SESSION_KEY"])
    assert declared.inputs("worker-secrets")["values"] == _secret({"DATABASE_URL": URL, "SESSION_KEY": "hunter2"})
    assert declared.inputs("wrangler-config")["secrets"] == ["DATABASE_URL", "SESSION_KEY"]


def test_an_address_that_is_configured_is_not_looked_up(app: Path) -> None:
    """A custom domain is the Worker's address."""
    declared = declare("staging", {"appPath": str(app), "workerUrl": "https://staging.example.com"})
    assert "worker-address" not in declared.requests
    assert declared.inputs("worker-check")["url"] == "https://staging.example.com"


def test_the_worker_is_protected_as_the_branch_is(app: Path) -> None:
    """A run that has lost its account id does not take the secret from a running app."""
    assert declare("staging", {"appPath": str(app)}).requests["worker-secrets"]["protect"] is True
    lifted = declare("staging", {"appPath": str(app), "protect": "false"})
    assert not lifted.requests["worker-secrets"].get("protect")


@pytest.mark.parametrize("mode", ["off", "warn"])
def test_no_file_is_no_obstacle_unless_asked(mode: str, tmp_path: Path) -> None:
    """Only `enforce` needs the app's file beside the project; the Worker then has the app's usual name."""
    declared = declare("staging", {"appPath": str(tmp_path), "wranglerMode": mode})
    assert "wrangler-config" not in declared.requests
    assert declared.inputs("worker-secrets")["script"] == "acme-shop-staging"


def test_enforce_checks_a_file_that_is_missing(tmp_path: Path) -> None:
    """The resource is what refuses it, with the next step."""
    declared = declare("staging", {"appPath": str(tmp_path), "wranglerMode": "enforce"})
    assert declared.inputs("wrangler-config")["mode"] == "enforce"


def test_no_worker_when_off(app: Path) -> None:
    """The stack is as it was without Cloudflare."""
    declared = declare("staging", {"appPath": str(app), "worker": "off"})
    assert "database-check" in declared.requests
    assert not [name for name in declared.requests if name.startswith(("worker", "wrangler"))]


def test_a_missing_token_stops_before_anything_is_made(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview does without; an update says what is missing, and registers nothing but the stack."""
    monkeypatch.delenv(TOKEN_VARIABLE)
    assert declare("staging", {"appPath": str(app)}, preview=True).requests.keys() > WORKER
    with pytest.raises(pulumi.RunError, match="CLOUDFLARE_API_TOKEN is not set; nothing was made"):
        declare("staging", {"appPath": str(app)})
