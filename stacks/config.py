"""The typed configuration: what `Pulumi.<stack>.yaml` may say, judged before any resource is declared.

Pulumi hands a program its configuration as text (`namespace:key` to a string; lists and objects as JSON). `judge` turns
that text into one frozen model per environment, or says which file, key and value is wrong, what is allowed, and which
line to paste. The keys, their types, defaults and descriptions stand again in `Pulumi.yaml`, where the Pulumi CLI wants
them; a test keeps the two the same. Nothing here imports pulumi.
"""

from __future__ import annotations

import difflib
import json
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


def judge(stack: str, raw: Mapping[str, str], *, secret_keys: Collection[str] = ()) -> Settings:
    """Turn a stack's configuration into its environment's model.

    Args:
        stack: The stack's name, such as `dev`.
        raw: `namespace:key` to text, as Pulumi hands it to programs. Keys of other namespaces are not looked at.
        secret_keys: Those of `raw` that are secrets; an error does not show their values.

    Raises:
        ConfigurationError: No such stack, an unknown key of ours, or a value that is not allowed.
    """
    if not environment_of(stack):
        raise unknown_stack(stack)
    model = model_of(stack)
    own = {key.partition(":")[2]: value for key, value in raw.items() if key.partition(":")[0] == NAMESPACE}
    keys = declared()
    for key in sorted(own.keys() - keys.keys()):
        raise _unknown_key(stack, key, list(keys))
    values = {key: _parsed(value, keys[key]) for key, value in own.items()}
    try:
        return model.model_validate({**model.defaults, **values})
    except ValidationError as error:
        key = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
    shown = "a secret value" if f"{NAMESPACE}:{key}" in secret_keys else repr(own[key])
    raise _wrong_value(stack, key, shown, keys[key])


def check(stack: str, raw: Mapping[str, str], *, folder: Path, secret_keys: Collection[str] = ()) -> Settings:
    """Judge a stack's configuration, and the files it names in the project's `folder`.

    Raises:
        ConfigurationError: As `judge`, or a named file or folder is not there, or lies where the stack has no business.
    """
    settings = judge(stack, raw, secret_keys=secret_keys)
    if isinstance(settings, AppSettings) and not (folder / settings.app_path).is_dir():
        raise _missing(stack, "appPath", settings.app_path, "the app's folder")
    for file in settings.sql_files:
        if not (folder / file).is_file():
            raise _missing(stack, "sqlFiles", file, "an SQL file")
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


def _missing(stack: str, key: str, path: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{file_of(stack)}: {NAMESPACE}:{key} names {path!r}, which is not there; it must be {what}",
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


def _unknown_key(stack: str, key: str, known: list[str]) -> ConfigurationError:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"; the nearest known key is {NAMESPACE}:{nearest[0]}" if nearest else ""
    return ConfigurationError(
        f"{file_of(stack)}: {NAMESPACE}:{key} is not a key of this program{hint}",
        next_step=f"correct or remove it; the keys are: {', '.join(sorted(known))}",
    )


def _wrong_value(stack: str, key: str, shown: str, schema: Mapping[str, Any]) -> ConfigurationError:
    example = schema["example"]
    text = str(example).lower() if isinstance(example, bool) else example
    return ConfigurationError(
        f"{file_of(stack)}: {NAMESPACE}:{key} is {shown}; allowed: {schema['allowed']}",
        next_step=f"put this line under `config:` in {file_of(stack)}, with a value of yours:\n"
        f"    {NAMESPACE}:{key}: {text}",
    )
