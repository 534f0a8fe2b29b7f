"""The apps of previews: a Worker for each, or Cloudflare's previews of one Worker. Found, known as ours, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.worker import draft, preview
from components.worker.api import client as workers
from components.worker.names import Target
from components.xata.branches.names import is_preview

if TYPE_CHECKING:
    from operations.sweep.scene import Scene


def listed(here: Scene) -> dict[str, str]:
    """The Workers that bear a preview's name, by that name, whoever made them.

    None where one Worker has all previews: each is asked for by its name.

    Raises:
        ConfigurationError: The Worker's name cannot be told from the app's wrangler file.
        ApiError: As its tree says.
    """
    if not here.account or here.shares_worker:
        return {}
    prefix = here.worker_prefix
    names = [one.id for one in workers.connect(here.environ).scripts(here.account)]
    found = {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}
    return {name: worker for name, worker in found.items() if is_preview(name)}


def is_ours(here: Scene, name: str, worker: str) -> bool:
    """Whether the preview's app is there and was deployed by us for it.

    Raises:
        ApiError: As its tree says.
    """
    client, target = workers.connect(here.environ), Target(account=here.account, script=worker)
    if here.shares_worker:
        found = preview.read(client, target, name)
        return found is not None and found.is_owned(name)
    return bool(draft.is_owned(client, target, name))


def remove(here: Scene, name: str, worker: str) -> None:
    """Remove the preview's app, if it is ours; what is gone is fine.

    Raises:
        ApiError: As its tree says.
    """
    client, target = workers.connect(here.environ), Target(account=here.account, script=worker)
    (preview.remove if here.shares_worker else draft.remove_owned)(client, target, name)
