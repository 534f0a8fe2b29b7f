"""Where the dev database lives: a record beside the state, read alike by the program and by `./infra`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from components.errors import ConfigurationError, RefusedError
from components.local.files import read_private
from components.postgres import choice
from components.postgres.docker_daemon import availability
from stacks.config import NAMESPACE
from stacks.settings import DevSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stacks.settings import Settings

STACK = "dev"
SANDBOX_STATE = ".infra/sandbox/state"
"""Where the stacks of the sandbox have their state, below the project's folder."""


def record_file(folder: Path, environment: Mapping[str, str]) -> Path:
    """Where the choice is kept: beside the state, which Pulumi finds by the variable first, then by Pulumi.yaml.

    Raises:
        ConfigurationError: Pulumi.yaml is not YAML.
    """
    url = environment.get("PULUMI_BACKEND_URL") or _url_of_the_project(folder / "Pulumi.yaml")
    return choice.record_path(url, folder, NAMESPACE, STACK)


def require_own_state(folder: Path, environment: Mapping[str, str]) -> None:
    """Refuse to work on the developer's own database with the state of the sandbox, which knows nothing of it.

    Raises:
        RefusedError: This is the state that a shell of `./infra sandbox env` names.
    """
    if record_file(folder, environment).parent.resolve() == (folder / SANDBOX_STATE).resolve():
        raise RefusedError(
            f"this is the sandbox's state, and the stack {STACK} is a database of this machine with a state of its own",
            next_step=f"./infra up {STACK}, which finds it from this shell, too; or pulumi in a new shell",
        )


def _url_of_the_project(file: Path) -> str:
    try:
        project = yaml.safe_load(read_private(file).text)
    except (yaml.YAMLError, RecursionError):
        raise ConfigurationError(
            f"{file} is not YAML", next_step="./infra doctor says where; git checkout -- Pulumi.yaml brings it back"
        ) from None
    return str(project.get("backend", {}).get("url", ""))


def recorded_home(settings: Settings, folder: Path, environment: Mapping[str, str]) -> choice.Record | None:
    """Where the dev database was put; None for other stacks, and where nothing was chosen yet.

    Raises:
        RefusedError: The record is damaged.
    """
    return choice.read_record(record_file(folder, environment)) if isinstance(settings, DevSettings) else None


def lives_in_docker(settings: Settings, folder: Path, environment: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether the dev database is to live in Docker, and whether it does or has done so: as recorded and configured.

    Raises:
        RefusedError: The record is damaged.
    """
    if not isinstance(settings, DevSettings):
        return False, False
    record = recorded_home(settings, folder, environment)
    wanted = record.home if record and settings.database == "auto" else settings.database
    return wanted == "docker", record is not None and (record.home == "docker" or bool(record.docker_port))


def require(settings: Settings, folder: Path, environment: Mapping[str, str]) -> None:
    """Refuse in words what cannot work, before an engine looks at a container: the plugin would not say why.

    Raises:
        LocalError: The database lives in Docker, and Docker does not answer.
        RefusedError: The record is damaged.
    """
    if not isinstance(settings, DevSettings) or settings.database == "xata":
        return
    record = choice.read_record(record_file(folder, environment))
    if record is not None or settings.database != "auto":
        choice.decide(settings.database, record=record, docker=lambda: availability(environment, may_download=True))
