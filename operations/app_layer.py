"""What `wrangler dev` gives to the app on this machine: the last layer of `./infra verify dev`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.connectivity.report import AppLayer, Finding
from components.errors import InfraError
from components.local import wrangler_dev
from operations.settings import judged
from operations.workspace import describe_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from operations.changes import Target
    from operations.workspace import Workspace

URL = "DATABASE_URL"
OURS = (URL, "XATA_BRANCH", "ENVIRONMENT")
NOT_PASSED = f"{URL} is not in env.{wrangler_dev.ENVIRONMENT}.secrets.required, so wrangler dev keeps it from the app"
MENDS = "./infra wrangler write dev"


def app_folder(place: Workspace) -> Path:
    """The folder of the app of the stack dev.

    Raises:
        InfraError: The configuration is wrong.
    """
    return (place.folder / str(getattr(judged(place, with_files=False), "app_path", "."))).resolve()


def read(target: Target, url: str) -> Finding:
    """Whether the Worker of `wrangler dev --env dev` is given this URL, and what of the app's own it is not given.

    Args:
        target: The stack dev.
        url: What its database is reached by.
    """
    try:
        place = describe_workspace(target.folder, target.stack, overrides=target.config, environ=target.environ())
        return finding(app_folder(place), url)
    except InfraError as error:
        cause = f"cannot be told: {error.message}"
        return Finding(layer=AppLayer.VARIABLES, ok=False, cause=cause, next_step=error.next_step)


def finding(folder: Path, url: str) -> Finding:
    """The verdict on an app's folder.

    Raises:
        InfraError: A file there cannot be read.
    """
    found = wrangler_dev.variables(folder, OURS)
    files = " and ".join(file.name for file in found.files) or "no file"
    if not wrangler_dev.passes(folder, URL):
        return Finding(layer=AppLayer.VARIABLES, ok=False, cause=NOT_PASSED, next_step=MENDS)
    if found.values.get(URL) != url:
        what = f"another {URL}" if URL in found.values else f"no {URL}"
        cause = f"wrangler dev reads {files} in {folder}, with {what} in it"
        return Finding(layer=AppLayer.VARIABLES, ok=False, cause=cause, next_step="./infra up dev writes it there")
    cause = "; ".join([f"{URL} is in {files}", *(loss.what for loss in found.losses())])
    return Finding(layer=AppLayer.VARIABLES, ok=True, cause=cause)
