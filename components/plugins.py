"""Provider plugins of the Pulumi CLI: whether one is there that serves the installed SDK. Knows no Pulumi."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGINE: Final = "INFRA_ENGINE"
"""Set to "embedded" for the programs that the embedded engine runs."""
NOT_EMBEDDED: Final = "the embedded engine runs no provider plugins"
GET_CLI: Final = "install the Pulumi CLI (./infra setup --pulumi)"
NO_DOWNLOAD: Final = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"


def problem(package: str, environment: Mapping[str, str], *, may_download: bool) -> str:
    """Why a plugin cannot be used; empty when it is there or can come.

    Args:
        package: As Pulumi names it, such as "docker".
        environment: Of the CLI, or of the program that it runs.
        may_download: Whether a missing one can still come. The CLI downloads plugins before it starts the program, so
            inside a program one that is not there will not come.
    """
    where = folder(environment)
    if shutil.which(f"pulumi-resource-{package}", path=environment.get("PATH", "")) or _serves(package, where):
        return ""
    missing = f"the {package.capitalize()} provider plugin {wanted(package)} is not in {where}"
    if environment.get(NO_DOWNLOAD, "").lower() in {"1", "true"}:
        return f"{missing}, and {NO_DOWNLOAD} forbids to download it"
    return "" if may_download else f"{missing}, and the Pulumi CLI could not download it"


def folder(environment: Mapping[str, str]) -> Path:
    """Where the Pulumi CLI keeps its plugins."""
    home = environment.get("PULUMI_HOME", "")
    return (Path(home) if home else Path.home() / ".pulumi") / "plugins"


def wanted(package: str) -> str:
    """The plugin's version that the installed SDK asks for."""
    return version(f"pulumi_{package}")


def install(package: str) -> str:
    """The command that fetches it."""
    return f"pulumi plugin install resource {package} v{wanted(package)}"


def _serves(package: str, where: Path) -> bool:
    """Whether a plugin is there that serves the SDK: the same major version, not older."""
    name = re.compile(rf"resource-{package}-v(\d+)\.(\d+)\.(\d+)")
    least = tuple(int(part) for part in wanted(package).split(".")[:3])
    programs = where.glob(f"resource-{package}-v*/pulumi-resource-{package}*")  # an interrupted download has none
    found = [name.fullmatch(path.parent.name) for path in programs]
    versions = [tuple(int(part) for part in match.groups()) for match in found if match]
    return any(one[0] == least[0] and one >= least for one in versions)
