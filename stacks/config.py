"""The typed configuration: what `Pulumi.<stack>.yaml` may say, judged before any resource is declared.

Pulumi hands a program its configuration as text (`namespace:key` to a string; lists and objects as JSON). `judge` turns
that text into one frozen model per environment, or says which file, key and value is wrong, what is allowed, and which
line to paste. The keys, their types, defaults and descriptions stand again in `Pulumi.yaml`, where the Pulumi CLI wants
them; a test keeps the two the same. Nothing here imports pulumi.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from components.errors import ConfigurationError
from stacks import outside
from stacks.keys import Settings
from stacks.models import (
    MODELS,
    PREVIEW,
    CloudSettings,
    DevSettings,
    FoundationSettings,
    PreviewSettings,
    XataSettings,
    environment_of,
    model_of,
)
from stacks.worker_settings import AppSettings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

__all__ = [
    "MODELS",
    "NAMESPACE",
    "CloudSettings",
    "DevSettings",
    "FoundationSettings",
    "PreviewSettings",
    "Settings",
    "XataSettings",
    "check",
    "declared",
    "file_of",
    "judge",
    "unknown_stack",
]

NAMESPACE = "infra"


def declared() -> dict[str, dict[str, Any]]:
    """Every key of every environment: key to its JSON schema (type, default, description, allowed, example).

    An environment's own default of a key is none of the schema: `Settings.defaults` has it.
    """
    keys: dict[str, dict[str, Any]] = {}
    for model in MODELS.values():
        keys |= model.model_json_schema(by_alias=True)["properties"]
    return keys


def file_of(stack: str) -> str:
    """The file in which a user writes a stack's configuration: for all pull requests one template."""
    return f"Pulumi.{PREVIEW if environment_of(stack) == PREVIEW else stack}.yaml"


def shared_by_all(raw: Mapping[str, str], folder: Path) -> set[str]:
    """The keys whose values are those that Pulumi.yaml in `folder` gives to every stack."""
    import yaml  # noqa: PLC0415 - whoever knows where values come from does without

    said = yaml.safe_load((folder / "Pulumi.yaml").read_text(encoding="utf-8")).get("config")
    found = set()
    for name, content in (said if isinstance(said, dict) else {}).items():
        key = name if ":" in name else f"{NAMESPACE}:{name}"
        value = content.get("default", content.get("value")) if isinstance(content, dict) else content
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        if key in raw and raw[key] == text:
            found.add(key)
    return found


def judge(
    stack: str,
    raw: Mapping[str, str],
    *,
    shared: Collection[str] = (),
    given: Collection[str] = (),
    secret_keys: Collection[str] = (),
) -> Settings:
    """Turn a stack's configuration into its environment's model.

    Args:
        stack: The stack's name, such as `dev`.
        raw: `namespace:key` to text, as Pulumi hands it to programs. Keys of other namespaces are not looked at.
        shared: Those of `raw` that every stack gets from Pulumi.yaml: they may be settings of other environments.
        given: Those of `raw` that were given for this run, with `--config`.
        secret_keys: Those of `raw` that are secrets; an error does not show their values.

    Raises:
        ConfigurationError: No such stack, an unknown key of ours, one of other environments, or a value that is not
            allowed.
    """
    if not environment_of(stack):
        raise unknown_stack(stack)
    model = model_of(stack)
    own = {key.partition(":")[2]: value for key, value in raw.items() if key.partition(":")[0] == NAMESPACE}
    keys = declared()
    known = {str(field.alias) for field in model.model_fields.values()}
    for key in sorted(own.keys() - known):
        full = f"{NAMESPACE}:{key}"
        if key not in keys:
            raise _unknown_key(_said(stack, key, given), key, keys.keys())
        if full not in shared:
            shown = "a secret value" if full in secret_keys else repr(own[key])
            raise _of_others(_said(stack, key, given), key, shown, known)
    values = {key: _parsed(value, keys[key]) for key, value in own.items()}
    try:
        return model.model_validate({**model.defaults, **values})
    except ValidationError as error:
        key = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
    shown = "a secret value" if f"{NAMESPACE}:{key}" in secret_keys else repr(own[key])
    raise _wrong_value(_said(stack, key, given), key, shown, keys[key])


def check(
    stack: str,
    raw: Mapping[str, str],
    *,
    folder: Path,
    shared: Collection[str] = (),
    given: Collection[str] = (),
    secret_keys: Collection[str] = (),
) -> Settings:
    """Judge a stack's configuration, and the files it names in the project's `folder`.

    Raises:
        ConfigurationError: As `judge`, or a named file or folder is not there, or lies where the stack has no business.
    """
    settings = judge(stack, raw, shared=shared, given=given, secret_keys=secret_keys)
    if isinstance(settings, AppSettings) and not (folder / settings.app_path).is_dir():
        raise _missing(_said(stack, "appPath", given), "appPath", settings.app_path, "the app's folder")
    for file in settings.wanted_sql_files or ():
        if not (folder / file).is_file():
            raise _missing(_said(stack, "sqlFiles", given), "sqlFiles", file, "an SQL file")
    outside.refuse(file_of(stack), settings, folder)
    return settings


def unknown_stack(stack: str) -> ConfigurationError:
    """The error for a stack name that no program stands behind."""
    names = [name for name in MODELS if name != PREVIEW]
    nearest = difflib.get_close_matches(stack, names, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return ConfigurationError(
        f"there is no stack named {stack!r}{hint}",
        next_step=f"use one of: {', '.join(names)}; or pr-<number> for a pull request",
    )


@dataclass(frozen=True, kw_only=True)
class _Said:
    """Where a value was said: a stack's file, or the command line."""

    stack: str
    where: str
    is_given: bool

    def like(self, key: str, text: str) -> str:
        """How to say a good one."""
        if self.is_given:
            return f"give a value of yours: --config {key}={text}"
        return f"put this line under `config:` in {self.where}, with a value of yours:\n    {NAMESPACE}:{key}: {text}"

    @property
    def remove(self) -> str:
        """How to take it back."""
        return "leave it out" if self.is_given else f"remove it from {self.where}"


def _said(stack: str, key: str, given: Collection[str]) -> _Said:
    is_given = f"{NAMESPACE}:{key}" in given
    return _Said(stack=stack, where=f"--config {key}" if is_given else file_of(stack), is_given=is_given)


def _missing(said: _Said, key: str, path: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{said.where}: {NAMESPACE}:{key} names {path!r}, which is not there; it must be {what}",
        next_step=f"correct the path (it starts at the folder of Pulumi.yaml), or make it: {path}",
    )


def _parsed(value: str, schema: Mapping[str, Any]) -> Any:
    """Lists come as JSON text; everything else is converted by the model."""
    if schema.get("type") != "array":
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _unknown_key(said: _Said, key: str, known: Collection[str]) -> ConfigurationError:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"; the nearest known key is {NAMESPACE}:{nearest[0]}" if nearest else ""
    return ConfigurationError(
        f"{said.where}: {NAMESPACE}:{key} is not a key of this program{hint}",
        next_step=f"correct it, or {said.remove}; the keys are: {', '.join(sorted(known))}",
    )


def _of_others(said: _Said, key: str, shown: str, known: Collection[str]) -> ConfigurationError:
    """A setting that there is, and that means nothing here: whoever wrote it expects something of it."""
    owners = [name for name, model in MODELS.items() if key in {field.alias for field in model.model_fields.values()}]
    return ConfigurationError(
        f"{said.where}: {NAMESPACE}:{key} is {shown}, and {said.stack} has no such setting: it is one of "
        f"{', '.join(owners)}",
        next_step=f"{said.remove}; what every stack gets may stand in Pulumi.yaml. The settings of {said.stack} are: "
        f"{', '.join(sorted(known))}",
    )


def _wrong_value(said: _Said, key: str, shown: str, schema: Mapping[str, Any]) -> ConfigurationError:
    example = schema["example"]
    text = str(example).lower() if isinstance(example, bool) else example
    return ConfigurationError(
        f"{said.where}: {NAMESPACE}:{key} is {shown}; allowed: {schema['allowed']}", next_step=said.like(key, str(text))
    )
