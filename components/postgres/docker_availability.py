"""Whether Docker can be used on this machine: a daemon that answers, and the provider plugin. Knows no Pulumi."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import LocalError
from components.postgres import docker_daemon
from components.postgres.choice import Availability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLUGIN = "pulumi-resource-docker"
NO_DOWNLOAD = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"

_PLUGIN_FOLDER = re.compile(r"resource-docker-v(\d+)\.(\d+)\.(\d+)")


def availability(
    environment: Mapping[str, str],
    *,
    may_download: bool,
    find: Callable[[Mapping[str, str]], docker_daemon.Daemon] = docker_daemon.find,
) -> Availability:
    """Look whether Docker can be used.

    Args:
        environment: The program's environment.
        may_download: Whether a missing plugin can still come. The Pulumi CLI downloads plugins before it starts the
            program, so inside a program one that is not there will not come.
        find: Finds the daemon.
    """
    if environment.get("INFRA_ENGINE") == "embedded":
        return Availability(
            available=False,
            reason="the embedded engine runs no provider plugins",
            next_step="install the Pulumi CLI (./infra setup --pulumi)",
        )
    missing = plugin_problem(environment, may_download=may_download)
    if missing:
        return Availability(
            available=False, reason=missing, next_step=f"pulumi plugin install resource docker v{wanted_version()}"
        )
    try:
        daemon = find(environment)
    except LocalError as error:
        return Availability(available=False, reason=error.message, next_step=error.next_step)
    return Availability(available=True, reason=f"a Docker daemon answers at {daemon.address}")


def plugin_problem(environment: Mapping[str, str], *, may_download: bool) -> str:
    """Why the provider plugin cannot be used; empty when it is there or can come."""
    folder = plugin_folder(environment)
    if shutil.which(PLUGIN, path=environment.get("PATH", "")) or _installed(folder):
        return ""
    wanted = f"the Docker provider plugin {wanted_version()} is not in {folder}"
    if environment.get(NO_DOWNLOAD, "").lower() in {"1", "true"}:
        return f"{wanted}, and {NO_DOWNLOAD} forbids to download it"
    return "" if may_download else f"{wanted}, and the Pulumi CLI could not download it"


def plugin_folder(environment: Mapping[str, str]) -> Path:
    """Where the Pulumi CLI keeps its plugins."""
    home = environment.get("PULUMI_HOME", "")
    return (Path(home) if home else Path.home() / ".pulumi") / "plugins"


def wanted_version() -> str:
    """The plugin's version that the installed SDK asks for."""
    return version("pulumi_docker")


def _installed(folder: Path) -> bool:
    """Whether a plugin is there that serves the SDK: the same major version, not older."""
    wanted = tuple(int(part) for part in wanted_version().split(".")[:3])
    found = [_PLUGIN_FOLDER.fullmatch(path.name) for path in folder.glob("resource-docker-v*") if path.is_dir()]
    versions = [tuple(int(part) for part in match.groups()) for match in found if match]
    return any(version[0] == wanted[0] and version >= wanted for version in versions)
