"""The typed configuration: every key, every refusal, and its agreement with Pulumi.yaml."""

from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import yaml

from components.errors import ConfigurationError
from stacks.config import check, file_of, keys, read, shared_by_all, written
from stacks.settings import (
    DROPPED,
    ENVIRONMENTS,
    MODELS,
    DevSettings,
    EnvironmentSettings,
    PreviewSettings,
    XataSettings,
)
from stacks.stack_names import PREVIEW, names

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATE = PROJECT / "Pulumi.preview.yaml"

WRONG_VALUES = [
    ("app", "\u65e5\u672c", "a letter from a to z or a digit"),
    ("app", "a" * 101, "1 to 100"),
    ("app", "acme\nshop", "printable"),
    ("branch", "pr-7", "no name of a pull request's"),
    ("branch", "pr-7-old-abcdefgh", "beginning with a letter"),
    ("branch", "qa/2", "letters, digits, hyphens"),
    ("environment", "the qa", "1 to 63 letters"),
    ("database", "mysql", "auto, docker, embedded or xata"),
    ("port", "70000", "0, or a port from 1024 to 65535"),
    ("port", "80", "0, or a port from 1024 to 65535"),
    ("port", "-1", "0, or a port from 1024 to 65535"),
    ("port", "many", "0, or a port from 1024 to 65535"),
    ("port", "1.5", "0, or a port from 1024 to 65535"),
    ("retainData", "perhaps", "true or false"),
    ("leaving", "perhaps", "true or false"),
    ("checkMode", "maybe", "enforce, warn or off"),
    ("checkBudgetSeconds", "0", "from 1 to 600"),
    ("startTimeoutSeconds", "1", "from 5 to 3600"),
    ("databaseName", "Print Farm", "a lower-case letter"),
    ("databaseName", "a" * 64, "up to 62"),
    ("databaseSslmode", "disable", "require or verify-full"),
    ("databaseUser", "pg_admin", "not beginning with pg_"),
    ("migrate", "npx dbmate up | tee log", "a command without shell syntax"),
    ("migrate", "echo 'open", "a command without shell syntax"),
    ("migrateTimeoutSeconds", "0", "a whole number of seconds from 1 to 86400"),
    ("sqlFiles", "schema.sql", "a list of paths"),
    ("sqlFiles", "[1]", "a list of paths"),
    ("outsidePaths", "shared", "a list of paths"),
    ("outsidePaths", '[""]', "a list of paths"),
    ("containerName", "-db", "a letter or digit"),
    ("memoryMegabytes", "12", "from 128"),
    ("appPath", "", "a path"),
    ("organization", "my team", "an organization's id"),
    ("project", "apps/acme", "without slashes"),
    ("parent", "", "the name or id of a branch"),
    ("parent", "ma\x01in", "the name or id of a branch"),
    ("project", "print\x7ffarm", "without slashes"),
    ("allowParent", "production please", "the name or id of a branch"),
    ("region", "Mars", "a region such as us-east-1"),
    ("postgresImage", "postgres:latest", "NAME:MAJOR"),
    ("instanceType", "The Big One", "an instance type"),
    ("replicas", "5", "from 0 to 4"),
    ("replicas", "-1", "from 0 to 4"),
    ("storageGigabytes", "1025", "from 0 to 1024"),
    ("scaleToZero", "sometimes", "auto, true or false"),
    ("scaleToZeroMinutes", "0", "from 1 to 1440"),
    ("scaleToZeroMinutes", "1441", "from 1 to 1440"),
    ("backupRetentionDays", "1", "from 2 to 35"),
    ("backupRetentionDays", "36", "from 2 to 35"),
    ("backupRetentionDays", "7.5", "from 2 to 35"),
    ("backupRetentionDays", "7abc", "from 2 to 35"),
    ("backupRetentionDays", "", "from 2 to 35"),
    ("backupTime", "daily", "D:HH:MM"),
    ("backupTime", "7:02:30", "D:HH:MM"),
    ("backupTime", "*:24:00", "D:HH:MM"),
    ("backupTime", "0:2:30", "D:HH:MM"),
    ("rotation", "2026-Q4" * 20, "up to 100 characters"),
    ("appRole", "admin", "owner, readwrite, readonly, or the path of an SQL file"),
    ("protect", "maybe", "true or false"),
    ("adoptBranch", "staging branch", "a branch's id"),
    ("adoptProject", "the project", "a project's id"),
    ("readyTimeoutSeconds", "0", "from 1 to 3600"),
    ("lifeDays", "-1", "from 0 to 365"),
    ("lifeDays", "366", "from 0 to 365"),
    ("mostPreviews", "0", "from 1 to 1000"),
    ("insteadOfPassword", "hunter2", "the fingerprint of a password"),
    ("insteadOf", "pr 7", "a branch's id"),
    ("worker", "yes", "auto, on or off"),
    ("worker", "true", "auto, on or off"),
    ("cloudflareAccount", "my-account", "32 hexadecimal digits"),
    ("cloudflareAccount", "A" * 32, "32 hexadecimal digits"),
    ("workerName", "-app", "not beginning with -"),
    ("workerName", "a" * 64, "up to 63"),
    ("workerName", "App", "a-z"),
    ("healthPath", "healthz", "begins with /"),
    ("healthPath", "/healthz/", "does not end with it"),
    ("workerUrl", "staging.example.com", "an https address"),
    ("workerUrl", "http://staging.example.com", "an https address"),
    ("workerUrl", "https://hunter@staging.example.com", "without user name"),
    ("workerUrl", "https://staging.example.com/?a=b", "query"),
    ("workerCheckMode", "maybe", "enforce, warn or off"),
    ("workerCheckBudgetSeconds", "0", "from 1 to 600"),
    ("workerCheckBudgetSeconds", "601", "from 1 to 600"),
    ("workerSecrets", "SESSION_KEY", "a list of names"),
    ("workerSecrets", '["SESSION-KEY"]', "letters, digits and underscores"),
    ("workerSecrets", '["DATABASE_URL"]', "none of them DATABASE_URL"),
    ("workerSecrets", '["A", "A"]', "each once"),
    ("wranglerMode", "strict", "enforce, warn or off"),
    ("hyperdrive", "maybe", "true or false"),
    ("secretsStore", "my store", "the name or id of a store"),
]
"""Key, a wrong value, and some of what is allowed in words."""


def _stack_with(key: str) -> str:
    """A stack that has the key."""
    found = next(stack for stack, model in MODELS.items() if key in model.names())
    return {PREVIEW: "pr-7", ENVIRONMENTS: "qa"}.get(found, found)


def test_no_configuration_gives_the_defaults() -> None:
    """A stack without a line of configuration is a complete one."""
    settings = read("dev", {})
    assert isinstance(settings, DevSettings)
    assert (settings.database, settings.port, settings.app_path) == ("auto", 0, ".")
    assert settings.branch == "dev"
    assert settings.environment == "development"


def test_text_becomes_typed_values() -> None:
    """Pulumi hands over text; the model holds numbers, booleans and lists."""
    raw = {"infra:port": "15432", "infra:retainData": "false", "infra:sqlFiles": '["a.sql", "b.sql"]'}
    settings = read("dev", raw)
    assert isinstance(settings, DevSettings)
    assert (settings.port, settings.retain_data, settings.sql_files) == (15432, False, ("a.sql", "b.sql"))


def test_quoted_numbers_are_numbers() -> None:
    """Pulumi keeps no types: `"7"` in a stack's file arrives as 7 does."""
    settings = read("staging", {"infra:backupRetentionDays": "7"})
    assert isinstance(settings, XataSettings)
    assert settings.backup_retention_days == 7


@pytest.mark.parametrize(
    ("stack", "value", "sleeps"),
    [
        ("foundation", "auto", True),
        ("staging", "auto", True),
        ("dev", "auto", True),
        ("production", "auto", False),
        ("production", "true", True),
        ("staging", "false", False),
    ],
)
def test_only_production_stays_awake_by_itself(stack: str, value: str, sleeps: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Scale-to-zero is on but in production, unless the configuration says otherwise."""
    settings = read(stack, {"infra:scaleToZero": value})
    assert isinstance(settings, XataSettings)
    assert settings.sleeps_when_idle is sleeps


def test_settings_are_frozen() -> None:
    """No one changes a setting after it was judged."""
    with pytest.raises(FrozenInstanceError):
        read("dev", {}).__setattr__("check_mode", "off")


@pytest.mark.parametrize(("key", "value", "allowed"), WRONG_VALUES)
def test_wrong_value_is_refused_with_everything_needed(key: str, value: str, allowed: str) -> None:
    """The error names stack file, key, value, what is allowed, and a line that is itself accepted when pasted."""
    stack = _stack_with(key)
    with pytest.raises(ConfigurationError) as caught:
        read(stack, {f"infra:{key}": value})
    text = str(caught.value)
    assert text.startswith(f"{file_of(stack)}: infra:{key} is {value!r}; allowed: ")
    assert allowed in text
    pasted = yaml.safe_load(text.splitlines()[-1])
    example = pasted[f"infra:{key}"]
    read(stack, {f"infra:{key}": example if isinstance(example, str) else json.dumps(example)})


def test_every_key_has_a_case_of_refusal() -> None:
    """No key is added without a wrong value that is refused, but for those that take any text."""
    takes_any_text = {"dataFolder", "dockerImage", "migrations", "sanitize"}
    assert {key for key, _, _ in WRONG_VALUES} | takes_any_text == keys().keys()


def test_secret_value_is_not_shown() -> None:
    """A wrong value that the user keeps as a secret stays one."""
    with pytest.raises(ConfigurationError) as caught:
        read("dev", {"infra:port": "hunter2"}, secret_keys={"infra:port"})
    assert "hunter2" not in str(caught.value)
    assert "a secret value" in str(caught.value)


def test_unknown_key_is_refused_with_the_nearest() -> None:
    """A misspelt key of ours is an error, not silence."""
    with pytest.raises(ConfigurationError, match=r"infra:prot is not a key .* nearest known key is infra:port"):
        read("dev", {"infra:prot": "15432"})


def test_unlike_unknown_key_lists_the_known_ones() -> None:
    """Where no key is near, the known ones are listed."""
    with pytest.raises(ConfigurationError, match=r"infra:zzz is not a key of this program\n.*containerName"):
        read("dev", {"infra:zzz": "1"})


@pytest.mark.parametrize(
    ("stack", "key", "value", "owners"),
    [
        ("staging", "lifeDays", "7", "preview"),
        ("production", "insteadOf", "", "preview"),
        ("staging", "port", "5432", "dev"),
        ("foundation", "workerUrl", "", "environments, preview"),
        ("pr-7", "branch", "mine", "environments"),
        ("dev", "environment", "mine", "environments"),
        ("pr-7", "adoptProject", "", "foundation"),
        ("dev", "mostPreviews", "50", "preview"),
    ],
)
def test_a_setting_of_other_stacks_is_refused(stack: str, key: str, value: str, owners: str) -> None:
    """It would do nothing here, and whoever wrote it expects something; what all stacks get from Pulumi.yaml may."""
    raw = {f"infra:{key}": value}
    with pytest.raises(ConfigurationError) as caught:
        read(stack, raw)
    text = str(caught.value)
    assert text.startswith(f"{file_of(stack)}: infra:{key} is {value!r}, and {stack} has no such setting: it is one of")
    assert f"it is one of {owners}\n  next: remove it from {file_of(stack)}" in text
    assert f"The settings of {stack} are: " in text
    with pytest.raises(ConfigurationError, match=rf"^--config {key}: .*\n  next: leave it out"):
        read(stack, raw, given=raw)
    assert read(stack, raw, shared=raw) == read(stack, {})


def test_what_all_stacks_get_is_told_apart_by_its_value(tmp_path: Path) -> None:
    """Pulumi hands a program one map: a key is shared while it says what Pulumi.yaml says, of whatever type."""
    config = {
        "lifeDays": {"type": "integer", "default": 14},
        "retainData": {"default": True},
        "infra:sqlFiles": ["a", "b"],
    }
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "infra", "config": config}))
    raw = {"infra:lifeDays": "14", "infra:retainData": "true", "infra:sqlFiles": '["a","b"]', "infra:port": "1"}
    assert shared_by_all(raw, tmp_path) == raw.keys() - {"infra:port"}
    assert shared_by_all({**raw, "infra:lifeDays": "15"}, tmp_path) == {"infra:retainData", "infra:sqlFiles"}


@pytest.mark.parametrize(("key", "value"), [("port", "none"), ("prot", "1"), ("sqlFiles", '["missing.sql"]')])
def test_an_error_about_a_value_of_this_run_names_the_option(tmp_path: Path, key: str, value: str) -> None:
    """Who gave it on the command line need not look for it in a file."""
    raw = {f"infra:{key}": value}
    with pytest.raises(ConfigurationError) as caught:
        check("dev", raw, folder=tmp_path, given=raw)
    assert str(caught.value).startswith(f"--config {key}: infra:{key} ")
    assert "Pulumi.dev.yaml" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"migrate": "npx dbmate up"}, "infra:migrations is not: nothing says when it is to be run"),
        ({"migrations": "db"}, "infra:migrate is not: nothing would apply them"),
        ({"migrate": "npx dbmate up", "migrations": "none"}, "infra:migrations names 'none', which is not there"),
    ],
)
def test_migrations_are_a_command_and_a_folder(tmp_path: Path, told: dict[str, str], words: str) -> None:
    """One without the other would do nothing in silence; a stack that is taken down asks for neither."""
    raw = {f"infra:{key}": value for key, value in told.items()}
    with pytest.raises(ConfigurationError, match=words):
        check("dev", raw, folder=tmp_path)
    if len(told) == 2:
        assert check("dev", {**raw, "infra:leaving": "true"}, folder=tmp_path)


@pytest.mark.parametrize(
    ("stack", "told", "words"),
    [
        ("pr-7", {}, ""),
        ("qa", {"parent": "staging"}, ""),
        ("qa", {}, "its parent is main, which holds no environment's data"),
        ("production", {"parent": "staging"}, "the environment is production, whose data are to stay"),
        ("qa", {"parent": "staging", "adoptBranch": "b1"}, "infra:adoptBranch takes over a branch as it is"),
        ("pr-7", {"sanitize": "none.sql"}, "infra:sanitize names 'none.sql', which is not there"),
        ("pr-7", {"sanitize": "../none.sql"}, "names '../none.sql', which is not there"),
    ],
)
def test_what_is_sanitized_is_a_copy_of_an_environment(
    tmp_path: Path, stack: str, told: dict[str, str], words: str
) -> None:
    """Of no other branch's data anything is thrown away, and not by a file that is not there."""
    (tmp_path / "clean.sql").touch()
    raw = {f"infra:{key}": value for key, value in {"sanitize": "clean.sql", **told}.items()}
    if not words:
        assert check(stack, raw, folder=tmp_path)
        return
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        check(stack, raw, folder=tmp_path)
    assert check(stack, {**raw, "infra:leaving": "true"}, folder=tmp_path)


@pytest.mark.parametrize("key", DROPPED)
def test_a_key_that_there_was_is_told_with_what_holds_instead(key: str) -> None:
    """Whoever set it learns that it is gone, and why, whatever its value was."""
    with pytest.raises(ConfigurationError) as caught:
        read("pr-7", {f"infra:{key}": "worker"})
    assert str(caught.value).startswith(f"Pulumi.preview.yaml: infra:{key} is no setting any more: {DROPPED[key]}")
    assert "remove it from Pulumi.preview.yaml" in caught.value.next_step
    assert key not in keys()


def test_keys_of_other_namespaces_are_theirs() -> None:
    """Configuration of providers passes untouched."""
    assert read("dev", {"docker:host": "unix:///run/docker.sock"}) == read("dev", {})


@pytest.mark.parametrize(
    ("said", "branch", "environment", "production"),
    [
        ({}, "qa", "qa", False),
        ({"branch": "", "environment": ""}, "qa", "qa", False),
        ({"branch": "quality", "environment": "staging"}, "quality", "staging", False),
        ({"environment": "production"}, "qa", "production", True),
        ({"branch": "production"}, "production", "qa", True),
    ],
)
def test_an_environment_is_what_its_file_says(
    said: dict[str, str],
    branch: str,
    environment: str,
    production: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Branch and ENVIRONMENT are called as the stack is; whoever tells its app so is production, and stays awake."""
    settings = read("qa", {f"infra:{key}": value for key, value in said.items()})
    assert isinstance(settings, EnvironmentSettings)
    assert (settings.stack, settings.branch, settings.environment) == ("qa", branch, environment)
    assert settings.protect
    assert settings.is_production is production
    assert settings.sleeps_when_idle is not production


def test_who_is_called_production_is_production() -> None:
    """Whatever it tells its app, and however its branch is called."""
    settings = read("production", {"infra:branch": "live", "infra:environment": "live"})
    assert isinstance(settings, EnvironmentSettings)
    assert settings.is_production


@pytest.mark.parametrize("stack", [*names(PROJECT), *["pr-7"][: TEMPLATE.exists()]])
def test_committed_stack_files_are_accepted(stack: str) -> None:
    """The stack files of the repository are judged as a user's are; a pull request's is the template."""
    said = written(PROJECT / file_of(stack))
    settings = read(stack, said)
    assert settings.branch == said.get("infra:branch", "main" if stack == "foundation" else stack)


@pytest.mark.skipif(not TEMPLATE.exists(), reason="this project was made without environments of pull requests")
def test_the_template_repeats_what_a_preview_has_by_itself() -> None:
    """Whoever copies it for plain Pulumi, which knows one default for all stacks, gets a preview all the same."""
    own = {f"infra:{key}" for key in PreviewSettings.defaults}
    assert own <= written(TEMPLATE).keys()


def test_a_pull_request_has_defaults_and_a_branch_of_its_own() -> None:
    """A copy of staging that may be thrown away; of two pull requests each knows its own branch."""
    settings, other = read("pr-7", {}), read("pr-8", {"infra:parent": "main"})
    assert isinstance(settings, PreviewSettings)
    assert isinstance(other, PreviewSettings)
    assert (settings.environment, settings.branch, other.branch) == ("preview", "pr-7", "pr-8")
    assert (settings.parent, settings.protect, settings.backup_retention_days) == ("staging", False, 2)
    assert (settings.life_days, settings.most_previews, other.parent) == (7, 50, "main")
    assert settings.sleeps_when_idle
    assert read("pr-7", {}) == settings


@pytest.mark.parametrize(
    "stack", ["preview", "pr-0", "pr-01", "pr-9999999999", "pr-", "pr-7x", "Production", "q a", "q\u00e4", "a" * 22, ""]
)
def test_what_is_no_pull_request_has_no_program(stack: str) -> None:
    """Neither the environment's own name nor a number that GitHub does not give."""
    with pytest.raises(ConfigurationError, match=r"(?s)is no stack's name: .*or pr-<number> for a pull request"):
        read(stack, {})


def test_every_declared_key_is_explained() -> None:
    """A key without a description, its allowed values or an example is no help."""
    for name, field in keys().items():
        assert re.fullmatch(r"[a-z][A-Za-z]+", name)
        assert field.about.text.endswith(".")
        assert field.words.allowed
        assert field.words.example is not None
