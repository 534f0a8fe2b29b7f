"""What is decided of a Worker before anything is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.errors import ConfigurationError
from stacks import worker_plan
from stacks.config import read
from stacks.settings import CloudSettings

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32


def _staging(**values: str) -> CloudSettings:
    settings = read("staging", {f"infra:{key}": value for key, value in values.items()})
    assert isinstance(settings, CloudSettings)
    return settings


def test_the_account_comes_from_configuration_then_environment() -> None:
    """What is configured wins; `off` does without whatever is known."""
    environment = {"CLOUDFLARE_ACCOUNT_ID": f" {OTHER} "}
    assert worker_plan.account(_staging(cloudflareAccount=ACCOUNT), environment) == ACCOUNT
    assert worker_plan.account(_staging(), environment) == OTHER
    assert worker_plan.account(_staging(worker="on"), environment) == OTHER
    assert worker_plan.account(_staging(worker="off"), environment) == ""


def test_without_an_account_auto_does_without_a_worker() -> None:
    """Nothing is guessed, and nothing fails."""
    assert worker_plan.account(_staging(), {"CLOUDFLARE_ACCOUNT_ID": " "}) == ""


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("worker", "on", "infra:worker is on"),
        ("hyperdrive", "true", "infra:hyperdrive is true"),
        ("secretsStore", "default", "infra:secretsStore names a store"),
    ],
)
def test_what_needs_an_account_is_refused_without_one(key: str, value: str, words: str) -> None:
    """The error names what asks for it, the key and the variable."""
    with pytest.raises(
        ConfigurationError, match=f"{words}, and no .* known\n.*cloudflareAccount, or CLOUDFLARE_ACCOUNT_ID"
    ):
        worker_plan.account(_staging(**{key: value}), {})


@pytest.mark.parametrize(("key", "value"), [("hyperdrive", "true"), ("secretsStore", "default")])
def test_what_hangs_on_the_worker_is_not_left_out_in_silence(key: str, value: str) -> None:
    """With the Worker off nothing is made at Cloudflare, and who asks for it is told so."""
    with pytest.raises(ConfigurationError, match=f"infra:{key} is asked for, and infra:worker is off"):
        worker_plan.account(_staging(worker="off", **{key: value}), {"CLOUDFLARE_ACCOUNT_ID": OTHER})


def test_a_wrong_account_of_the_environment_is_refused() -> None:
    """It is told by name, and not quoted: it may be a token in the wrong place."""
    with pytest.raises(ConfigurationError, match="CLOUDFLARE_ACCOUNT_ID is no account id") as caught:
        worker_plan.account(_staging(), {"CLOUDFLARE_ACCOUNT_ID": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_missing_token_is_told_in_words() -> None:
    """With the variable, the permission, and the way without."""
    worker_plan.require_token(_staging(), {"CLOUDFLARE_API_TOKEN": "something"})
    for environment in ({}, {"CLOUDFLARE_API_TOKEN": " "}):
        with pytest.raises(
            ConfigurationError, match=r"CLOUDFLARE_API_TOKEN is not set; nothing was made\n.*Write.*off"
        ):
            worker_plan.require_token(_staging(), environment)


def test_the_name_is_that_of_the_app(tmp_path: Path) -> None:
    """What is configured wins over the app's file, as wrangler reads it, and that over the default."""
    file = tmp_path / "wrangler.jsonc"
    assert worker_plan.script(_staging(app="Acme Shop"), file) == "acme-shop-staging"
    file.write_text('{"name": "shop", "env": {"staging": {}, "production": {"name": "shop-live"}}} // ours')
    assert worker_plan.script(_staging(), file) == "shop-staging"
    production = read("production", {})
    assert isinstance(production, CloudSettings)
    assert worker_plan.script(production, file) == "shop-live"
    assert worker_plan.script(_staging(workerName="mine"), file) == "mine"


@pytest.mark.parametrize("text", ["{", "{}", '{"name": "a b"}', '{"name": 3}'])
def test_a_file_that_tells_no_name_is_not_passed_over(text: str, tmp_path: Path) -> None:
    """The default would be another Worker: the error says what to do instead."""
    file = tmp_path / "wrangler.jsonc"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"wrangler\.jsonc.*\n.*wrangler check staging.*infra:workerName"):
        worker_plan.script(_staging(), file)
    assert worker_plan.script(_staging(workerName="mine"), file) == "mine"


def test_further_secrets_are_secrets_of_the_configuration() -> None:
    """Each named one is there, and encrypted; others of the same namespace are left alone."""
    raw = {"worker:SESSION_KEY": "hunter2", "worker:OTHER": "o"}
    found = worker_plan.further_secrets(
        ["SESSION_KEY"], raw, is_secret={"worker:SESSION_KEY"}.__contains__, stack="dev"
    )
    assert found == {"SESSION_KEY": "hunter2"}
    with pytest.raises(
        ConfigurationError, match=r"worker:MISSING is not there\n.*config set staging worker:MISSING --secret"
    ):
        worker_plan.further_secrets(["MISSING"], raw, is_secret=lambda _key: True, stack="staging")
    with pytest.raises(ConfigurationError, match="worker:OTHER is not a secret there") as caught:
        worker_plan.further_secrets(["OTHER"], raw, is_secret=lambda _key: False, stack="dev")
    assert "'o'" not in str(caught.value)


def test_a_plan_shows_no_value(tmp_path: Path) -> None:
    """A repr in a log or a traceback tells no secret."""
    file = worker_plan.wrangler_file(_staging(), tmp_path)
    plan = worker_plan.Plan(account=ACCOUNT, script="shop", wrangler=file, secrets={"SESSION_KEY": "hunter2"})
    assert "hunter2" not in repr(plan)


def test_the_file_is_looked_for_in_the_apps_folder(tmp_path: Path) -> None:
    """A path from the project's folder; where there is none, it is the name that Cloudflare recommends."""
    (tmp_path / "app").mkdir()
    settings = _staging(appPath="app")
    assert worker_plan.wrangler_file(settings, tmp_path) == tmp_path / "app" / "wrangler.jsonc"
    (tmp_path / "app" / "wrangler.json").write_text("{}")
    assert worker_plan.wrangler_file(settings, tmp_path) == tmp_path / "app" / "wrangler.json"
