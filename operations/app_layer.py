"""What `wrangler dev` gives to the app on this machine: the last layer of `./infra verify dev`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.connectivity.report import AppLayer, Finding
from components.errors import InfraError
from components.local import wrangler_dev
from components.worker.wrangler.findings import DATABASE_URL
from operations.settings import judged
from operations.workspace import describe_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from operations.changes import Target
    from operations.workspace import Workspace


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


def variables(folder: Path) -> tuple[wrangler_dev.Variables, wrangler_dev.Loss | None]:
    """What `wrangler dev` reads in an app's folder, and what keeps the database's URL from the Worker.

    Raises:
        InfraError: A file there cannot be read.
    """
    found = wrangler_dev.variables(folder)
    return found, found.withheld(DATABASE_URL)


def finding(folder: Path, url: str) -> Finding:
    """The verdict on an app's folder.

    Raises:
        InfraError: A file there cannot be read.
    """
    found, withheld = variables(folder)
    if withheld:
        return Finding(layer=AppLayer.VARIABLES, ok=False, cause=withheld.what, next_step=withheld.next_step)
    files = " and ".join(file.name for file in found.files) or "no file"
    if found.values.get(DATABASE_URL) != url:
        what = f"another {DATABASE_URL}" if DATABASE_URL in found.values else f"no {DATABASE_URL}"
        cause = f"wrangler dev reads {files} in {folder}, with {what} in it"
        return Finding(layer=AppLayer.VARIABLES, ok=False, cause=cause, next_step="./infra up dev writes it there")
    cause = "; ".join([f"{DATABASE_URL} is in {files}", *(loss.what for loss in found.losses())])
    return Finding(layer=AppLayer.VARIABLES, ok=True, cause=cause)
