"""The typed configuration: every key, every refusal, and its agreement with Pulumi.yaml."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.errors import ConfigurationError
from stacks.config import MODELS, DevSettings, declared, judge

PROJECT = Path(__file__).resolve().parents[2]

WRONG_VALUES = [
    ("database", "mysql", "auto, docker, embedded or xata"),
    ("port", "70000", "0, or a port from 1024 to 65535"),
    ("port", "80", "0, or a port from 1024 to 65535"),
    ("port", "-1", "0, or a port from 1024 to 65535"),
    ("port", "many", "0, or a port from 1024 to 65535"),
    ("port", "1.5", "0, or a port from 1024 to 65535"),
    ("retainData", "perhaps", "true or false"),
    ("checkMode", "maybe", "enforce, warn or off"),
    ("checkBudgetSeconds", "0", "from 1 to 600"),
    ("startTimeoutSeconds", "1", "from 5 to 3600"),
    ("databaseName", "Print Farm", "a lower-case letter"),
    ("databaseName", "", "a lower-case letter"),
    ("databaseName", "a" * 64, "up to 62"),
    ("databaseUser", "pg_admin", "not beginning with pg_"),
    ("sqlFiles", "schema.sql", "a list of paths"),
    ("sqlFiles", "[1]", "a list of paths"),
    ("containerName", "-db", "a letter or digit"),
    ("memoryMegabytes", "12", "from 128"),
    ("sharedMemoryMegabytes", "1", "from 64"),
    ("account", "no body", "an account of this machine"),
    ("appPath", "", "a path"),
]


def test_no_configuration_gives_the_defaults() -> None:
    """A stack without a line of configuration is a complete one."""
    settings = judge("dev", {})
    assert isinstance(settings, DevSettings)
    assert (settings.database, settings.port, settings.app_path) == ("auto", 0, ".")
    assert settings.branch == "dev"
    assert settings.environment == "development"


def test_text_becomes_typed_values() -> None:
    """Pulumi hands over text; the model holds numbers, booleans and lists."""
    raw = {"infra:port": "15432", "infra:retainData": "false", "infra:sqlFiles": '["a.sql", "b.sql"]'}
    settings = judge("dev", raw)
    assert isinstance(settings, DevSettings)
    assert (settings.port, settings.retain_data, settings.sql_files) == (15432, False, ("a.sql", "b.sql"))


def test_settings_are_frozen() -> None:
    """No one changes a setting after it was judged."""
    with pytest.raises(ValueError, match="frozen"):
        judge("dev", {}).__setattr__("check_mode", "off")


@pytest.mark.parametrize(("key", "value", "allowed"), WRONG_VALUES)
def test_wrong_value_is_refused_with_everything_needed(key: str, value: str, allowed: str) -> None:
    """The error names stack file, key, value, what is allowed, and a line that is itself accepted when pasted."""
    with pytest.raises(ConfigurationError) as caught:
        judge("dev", {f"infra:{key}": value})
    text = str(caught.value)
    assert text.startswith(f"Pulumi.dev.yaml: infra:{key} is {value!r}; allowed: ")
    assert allowed in text
    pasted = yaml.safe_load(text.splitlines()[-1])
    example = pasted[f"infra:{key}"]
    judge("dev", {f"infra:{key}": example if isinstance(example, str) else json.dumps(example)})


def test_every_key_has_a_case_of_refusal() -> None:
    """No key is added without a wrong value that is refused, but for those that take any text."""
    takes_any_text = {"dataFolder", "dockerImage"}
    assert {key for key, _, _ in WRONG_VALUES} | takes_any_text == declared().keys()


def test_secret_value_is_not_shown() -> None:
    """A wrong value that the user keeps as a secret stays one."""
    with pytest.raises(ConfigurationError) as caught:
        judge("dev", {"infra:port": "hunter2"}, secret_keys={"infra:port"})
    assert "hunter2" not in str(caught.value)
    assert "a secret value" in str(caught.value)


def test_unknown_key_is_refused_with_the_nearest() -> None:
    """A misspelt key of ours is an error, not silence."""
    with pytest.raises(ConfigurationError, match=r"infra:prot is not a key .* nearest known key is infra:port"):
        judge("dev", {"infra:prot": "15432"})


def test_unlike_unknown_key_lists_the_known_ones() -> None:
    """Where no key is near, the known ones are listed."""
    with pytest.raises(ConfigurationError, match=r"infra:zzz is not a key of this program\n.*containerName"):
        judge("dev", {"infra:zzz": "1"})


def test_keys_of_other_namespaces_are_theirs() -> None:
    """Configuration of providers passes untouched."""
    assert judge("dev", {"docker:host": "unix:///run/docker.sock"}) == judge("dev", {})


@pytest.mark.parametrize(("stack", "nearest"), [("dve", "dev"), ("prod", "production"), ("stage", "staging")])
def test_unknown_stack_is_refused_with_the_nearest(stack: str, nearest: str) -> None:
    """A stack that no program stands behind is refused by name."""
    with pytest.raises(ConfigurationError, match=f"no stack named '{stack}'; did you mean {nearest}"):
        judge(stack, {})


def test_pulumi_yaml_declares_the_same_keys() -> None:
    """Pulumi.yaml and the models agree on keys, types, defaults and descriptions."""
    written: dict[str, dict[str, Any]] = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    expected = {
        key: {"type": schema.get("type", "string"), "description": schema["description"], "default": schema["default"]}
        for key, schema in declared().items()
    }
    for schema in expected.values():
        if schema["type"] == "array":
            schema["items"] = {"type": "string"}
    assert written == expected


@pytest.mark.parametrize("stack", MODELS)
def test_committed_stack_files_are_accepted(stack: str) -> None:
    """The stack files of the repository are judged as a user's are."""
    written = yaml.safe_load((PROJECT / f"Pulumi.{stack}.yaml").read_text())
    assert judge(stack, {key: str(value) for key, value in written["config"].items()}).branch == stack


def test_every_declared_key_is_explained() -> None:
    """A key without a description, its allowed values or an example is no help."""
    for key, schema in declared().items():
        assert re.fullmatch(r"[a-z][A-Za-z]+", key)
        assert schema["description"].endswith(".")
        assert schema["allowed"]
        assert "example" in schema
