"""The typed configuration: what `Pulumi.<stack>.yaml` may say, judged before any resource is declared.

Pulumi hands a program its configuration as text (`namespace:key` to a string; lists and objects as JSON). `judge` turns
that text into one frozen model per environment, or says which file, key and value is wrong, what is allowed, and which
line to paste. The keys, their types, defaults and descriptions stand again in `Pulumi.yaml`, where the Pulumi CLI wants
them; a test keeps the two the same. Nothing here imports pulumi.
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from components.errors import ConfigurationError
from components.postgres.server.settings import port_problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

NAMESPACE = "infra"
Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]


def _not_reserved(role: str) -> str:
    if role.startswith("pg_"):
        raise ValueError("Postgres reserves role names that begin with pg_")
    return role


def _open_to_users(port: int) -> int:
    problem = port_problem(port)
    if problem:
        raise ValueError(problem)
    return port


def _key(default: Any, description: str, *, allowed: str, example: Any) -> Any:
    """Declare one key: its default, what it is for, what it allows in words, and a good value to paste."""
    return Field(
        default=default,
        description=description,
        json_schema_extra={"allowed": allowed, "example": example},
    )


class Settings(BaseModel):
    """What every environment is told."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, strict=False)

    environment: ClassVar[str]
    branch: ClassVar[str]

    check_mode: Literal["enforce", "warn", "off"] = _key(
        "enforce",
        "What a failing database check does to the deployment: fail it, warn, or not look at all.",
        allowed="enforce, warn or off",
        example="enforce",
    )
    check_budget_seconds: Annotated[int, Field(ge=1, le=600)] = _key(
        60,
        "How long the database check may try before its verdict is final, in seconds.",
        allowed="a whole number of seconds from 1 to 600",
        example=60,
    )
    sql_files: tuple[str, ...] = _key(
        (),
        "SQL files applied once each, in this order, each in its own transaction; paths from the project's folder.",
        allowed="a list of paths",
        example='["sql/001-extensions.sql"]',
    )


class DevSettings(Settings):
    """The developer's machine."""

    environment = "development"
    branch = "dev"

    database: Literal["auto", "docker", "embedded", "xata"] = _key(
        "auto",
        "Where the dev database lives: a Docker container, an embedded server, the cloud branch dev, "
        "or auto (Docker where it works, else embedded; chosen once).",
        allowed="auto, docker, embedded or xata",
        example="embedded",
    )
    app_path: Annotated[str, Field(min_length=1)] = _key(
        ".",
        "The app's folder, where .dev.vars is written; a path from the project's folder.",
        allowed="a path",
        example="../printfarm-manager",
    )
    database_name: Name = _key(
        "printfarm",
        "The dev database's name.",
        allowed="a lower-case letter or _, then up to 62 of a-z, 0-9 and _",
        example="printfarm",
    )
    database_user: Annotated[Name, AfterValidator(_not_reserved)] = _key(
        "printfarm",
        "The role that owns the dev database and that the app logs in as.",
        allowed="a lower-case letter or _, then up to 62 of a-z, 0-9 and _; not beginning with pg_",
        example="printfarm",
    )
    port: Annotated[int, AfterValidator(_open_to_users)] = _key(
        0,
        "The dev database's port on 127.0.0.1; 0 takes a free one and keeps it.",
        allowed="0, or a port from 1024 to 65535",
        example=15432,
    )
    retain_data: bool = _key(
        default=True,
        description="Whether destroy keeps the dev database's data: the Docker volume or the server's folder.",
        allowed="true or false",
        example=True,
    )
    start_timeout_seconds: Annotated[int, Field(ge=5, le=3600)] = _key(
        90,
        "How long the dev database may take to start, in seconds.",
        allowed="a whole number of seconds from 5 to 3600",
        example=90,
    )
    data_folder: str = _key(
        "",
        "The embedded server's data folder; empty: one for this clone in the user's data folder.",
        allowed="a path, or nothing",
        example="/srv/data/printfarm-dev",
    )
    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]*$")] = _key(
        "",
        "The unprivileged account that runs the embedded server when the command runs as root; empty: postgres, "
        "else nobody.",
        allowed="the name of an account of this machine, or nothing",
        example="postgres",
    )
    container_name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$")] = _key(
        "printfarm-db-dev",
        "The Docker container's name; its volume is named after it.",
        allowed="a letter or digit, then up to 62 letters, digits, _, . and -",
        example="printfarm-db-dev",
    )
    docker_image: Annotated[str, Field(min_length=1)] = _key(
        "postgres:18-alpine",
        "The Docker image: the official one of Postgres 18, or one that behaves like it.",
        allowed="an image reference",
        example="postgres:18-alpine",
    )
    memory_megabytes: Annotated[int, Field(ge=128, le=1_048_576)] = _key(
        512,
        "The Docker container's memory limit, in MB.",
        allowed="a whole number of megabytes from 128",
        example=512,
    )
    shared_memory_megabytes: Annotated[int, Field(ge=64, le=1_048_576)] = _key(
        128,
        "The Docker container's /dev/shm, in MB.",
        allowed="a whole number of megabytes from 64",
        example=128,
    )


class StagingSettings(Settings):
    """The staging environment, a Xata branch."""

    environment = "staging"
    branch = "staging"


class ProductionSettings(Settings):
    """The production environment, a Xata branch."""

    environment = "production"
    branch = "production"


MODELS: Mapping[str, type[Settings]] = {
    "dev": DevSettings,
    "staging": StagingSettings,
    "production": ProductionSettings,
}


def declared() -> dict[str, dict[str, Any]]:
    """Every key of every environment: key to its JSON schema (type, default, description, allowed, example)."""
    keys: dict[str, dict[str, Any]] = {}
    for model in MODELS.values():
        keys |= model.model_json_schema(by_alias=True)["properties"]
    return keys


def judge(stack: str, raw: Mapping[str, str], *, secret_keys: Collection[str] = ()) -> Settings:
    """Turn a stack's configuration into its environment's model.

    Args:
        stack: The stack's name, such as `dev`.
        raw: `namespace:key` to text, as Pulumi hands it to programs. Keys of other namespaces are not looked at.
        secret_keys: Those of `raw` that are secrets; an error does not show their values.

    Raises:
        ConfigurationError: No such stack, an unknown key of ours, or a value that is not allowed.
    """
    if stack not in MODELS:
        raise unknown_stack(stack)
    own = {key.partition(":")[2]: value for key, value in raw.items() if key.partition(":")[0] == NAMESPACE}
    keys = declared()
    for key in sorted(own.keys() - keys.keys()):
        raise _unknown_key(stack, key, list(keys))
    values = {key: _parsed(value, keys[key]) for key, value in own.items()}
    try:
        return MODELS[stack].model_validate(values)
    except ValidationError as error:
        key = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
    shown = "a secret value" if f"{NAMESPACE}:{key}" in secret_keys else repr(own[key])
    raise _wrong_value(stack, key, shown, keys[key])


def check(stack: str, raw: Mapping[str, str], *, folder: Path, secret_keys: Collection[str] = ()) -> Settings:
    """Judge a stack's configuration, and the files it names in the project's `folder`.

    Raises:
        ConfigurationError: As `judge`, or a named file or folder is not there, or the stack is not in this version.
    """
    settings = judge(stack, raw, secret_keys=secret_keys)
    if not isinstance(settings, DevSettings):
        raise _needs_xata(f"the {stack} stack is a Xata branch")
    if settings.database == "xata":
        raise _needs_xata(f"Pulumi.{stack}.yaml: {NAMESPACE}:database is 'xata', the cloud branch dev")
    if not (folder / settings.app_path).is_dir():
        raise _missing(stack, "appPath", settings.app_path, "the app's folder")
    for file in settings.sql_files:
        if not (folder / file).is_file():
            raise _missing(stack, "sqlFiles", file, "an SQL file")
    return settings


def unknown_stack(stack: str) -> ConfigurationError:
    """The error for a stack name that no program stands behind."""
    nearest = difflib.get_close_matches(stack, MODELS, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return ConfigurationError(
        f"there is no stack named {stack!r}{hint}",
        next_step=f"use one of: {', '.join(MODELS)}",
    )


def _needs_xata(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what}; this version has no Xata components yet",
        next_step="use the dev stack with infra:database: auto, docker or embedded",
    )


def _missing(stack: str, key: str, path: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"Pulumi.{stack}.yaml: {NAMESPACE}:{key} names {path!r}, which is not there; it must be {what}",
        next_step=f"correct the path (it starts at the folder of Pulumi.yaml), or make it: {path}",
    )


def _parsed(value: str, schema: Mapping[str, Any]) -> Any:
    """Lists come as JSON text; everything else is converted by the model."""
    if schema.get("type") != "array":
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _unknown_key(stack: str, key: str, known: list[str]) -> ConfigurationError:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"; the nearest known key is {NAMESPACE}:{nearest[0]}" if nearest else ""
    return ConfigurationError(
        f"Pulumi.{stack}.yaml: {NAMESPACE}:{key} is not a key of this program{hint}",
        next_step=f"correct or remove it; the keys are: {', '.join(sorted(known))}",
    )


def _wrong_value(stack: str, key: str, shown: str, schema: Mapping[str, Any]) -> ConfigurationError:
    example = schema["example"]
    text = str(example).lower() if isinstance(example, bool) else example
    return ConfigurationError(
        f"Pulumi.{stack}.yaml: {NAMESPACE}:{key} is {shown}; allowed: {schema['allowed']}",
        next_step=f"put this line under `config:` in Pulumi.{stack}.yaml, with a value of yours:\n"
        f"    {NAMESPACE}:{key}: {text}",
    )
