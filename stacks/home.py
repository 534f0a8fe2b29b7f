"""Where the dev database lives: a record beside the state, read alike by the program and by `./infra`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from components.errors import ConfigurationError
from components.local.files import read_private
from components.postgres import choice
from components.postgres.docker_availability import availability
from stacks.config import NAMESPACE, DevSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stacks.config import Settings

STACK = "dev"


def record_file(folder: Path, environment: Mapping[str, str]) -> Path:
    """Where the choice is kept: beside the state, which Pulumi finds by the variable first, then by Pulumi.yaml.

    Raises:
        ConfigurationError: Pulumi.yaml is not YAML.
    """
    url = environment.get("PULUMI_BACKEND_URL") or _url_of_the_project(folder / "Pulumi.yaml")
    return choice.record_path(url, folder, NAMESPACE, STACK)


def _url_of_the_project(file: Path) -> str:
    try:
        project = yaml.safe_load(read_private(file).text)
    except (yaml.YAMLError, RecursionError):
        raise ConfigurationError(
            f"{file} is not YAML", next_step="./infra doctor says where; git checkout -- Pulumi.yaml brings it back"
        ) from None
    return str(project.get("backend", {}).get("url", ""))


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
