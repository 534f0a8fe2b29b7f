"""What a stack declares of its app's logins, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from components.errors import ConfigurationError
from stacks.config import check
from stacks.worker_plan import ACCOUNT_VARIABLE, TOKEN_VARIABLE
from tests.stacks.declared import ACCOUNT, APP_URL, URL, declare

if TYPE_CHECKING:
    from pathlib import Path

OWN = {"app-login", "app-rights", "app-spare"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XATA_ORGANIZATION_ID", "sand01")
    monkeypatch.setenv(ACCOUNT_VARIABLE, ACCOUNT)
    monkeypatch.setenv(TOKEN_VARIABLE, "a-token")


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    """A stack with an app's role."""
    return {"appPath": str(tmp_path), "wranglerMode": "off", "appRole": "readwrite"}


def _value(found: Any) -> Any:
    return found["value"] if isinstance(found, dict) and "value" in found else found


@pytest.mark.parametrize("stack", ["staging", "production", "pr-7"])
def test_nothing_is_declared_of_it_unless_asked(config: dict[str, str], stack: str) -> None:
    """The app has its owner's login, and its connection is told to whom a new password goes."""
    declared = declare(stack, {**config, "appRole": ""})
    assert not OWN & declared.requests.keys()
    assert "appLogin" not in declared.inputs("database-connection")
    assert "told" in declared.inputs("database-connection")
    assert _value(declared.inputs("worker-secrets")["values"])["DATABASE_URL"] == URL


@pytest.mark.parametrize("stack", ["staging", "production", "pr-7"])
def test_the_app_gets_a_login_of_its_own_and_the_owners_stays_here(config: dict[str, str], stack: str) -> None:
    """The Worker and both checks have the app's URL; logins, rights and SQL files are the owner's work."""
    declared = declare(stack, config)
    assert declared.requests.keys() >= OWN
    for name in OWN | {"database-baseline"}:
        key = "url" if name == "database-baseline" else "ownerUrl"
        assert _value(declared.inputs(name)[key]) == URL
    assert _value(declared.inputs("database-check")["url"]) == APP_URL
    assert _value(declared.inputs("worker-secrets")["values"])["DATABASE_URL"] == APP_URL
    assert _value(declared.inputs("worker-check")["databaseUrl"]) == APP_URL
    connection = declared.inputs("database-connection")
    assert connection["appLogin"] is True
    assert "told" not in connection


def test_nobody_is_told_before_the_rights_and_nothing_is_shut_before_the_check(config: dict[str, str]) -> None:
    """Baseline, login, check, migrations, rights, Worker, and then the other login; the guard is last."""
    declared = declare("staging", config)
    assert "database-baseline" in declared.before("app-login")
    assert "app-login" in declared.before("database-check")
    assert "database-check" in declared.before("app-rights")
    assert "app-rights" in declared.before("worker-secrets")
    assert "worker-check" in declared.before("app-spare")
    assert "app-spare" in declared.before("deletion-guard")


def test_a_stack_without_a_worker_has_logins_too(config: dict[str, str]) -> None:
    """Nobody is asked how it logs in."""
    declared = declare("staging", {**config, "worker": "off"})
    assert "healthUrl" not in declared.inputs("app-spare")
    assert "app-rights" in declared.before("app-spare")


def test_the_rotation_is_that_of_the_apps_login(config: dict[str, str]) -> None:
    """It is said to both: the connection notes it, for the day on which the app has its owner's login again."""
    declared = declare("staging", {**config, "rotation": "2026-Q4"})
    assert declared.inputs("app-login")["rotation"] == "2026-Q4"
    assert declared.inputs("database-connection")["rotation"] == "2026-Q4"


def test_migrations_are_the_owners_and_the_rights_follow_them(config: dict[str, str], tmp_path: Path) -> None:
    """Another file of them has the rights set anew."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "1.sql").write_text("CREATE TABLE one (id int);\n")
    declared = declare("staging", {**config, "migrate": "true", "migrations": str(tmp_path / "migrations")})
    assert _value(declared.inputs("migrations")["url"]) == URL
    assert "migrations" in declared.before("app-rights")
    assert list(declared.inputs("app-rights")["made"]["migrations"]) == ["1.sql"]


def test_a_file_of_grants_is_read_and_may_lie_where_the_stack_has_business(tmp_path: Path) -> None:
    """One that is missing, that lies elsewhere, or that says something else is refused before anything is declared."""
    raw = {"infra:appPath": ".", "infra:appRole": "grants.sql"}
    with pytest.raises(ConfigurationError, match="it must be an SQL file of grants"):
        check("staging", raw, folder=tmp_path)
    outside = tmp_path.parent / f"{tmp_path.name}.sql"
    outside.write_text("GRANT SELECT ON one TO app_grants;\n")
    with pytest.raises(ConfigurationError, match=r"infra:appRole names .* outside of"):
        check("staging", {**raw, "infra:appRole": f"../{outside.name}"}, folder=tmp_path)
    file = tmp_path / "grants.sql"
    file.write_text("GRANT SELECT ON one TO app_grants;\n")
    config = {"appPath": str(tmp_path), "wranglerMode": "off", "appRole": str(file), "outsidePaths": f'["{tmp_path}"]'}
    inputs = declare("staging", config).inputs("app-rights")
    assert (inputs["mode"], inputs["file"]["name"]) == ("grants", str(file))
    file.write_text("DROP TABLE one;\n")
    with pytest.raises(pulumi.RunError, match="line 1 is DROP TABLE"):
        declare("staging", config)
