"""Where a sweep takes place: the project, the account and the states of the previews."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from components.worker.wrangler.file import locate
from components.xata.api import client as xata
from components.xata.branches.place import Place, find_project
from operations import preview_file
from operations.workspace import Workspace, backend_url, known_passphrase
from stacks import cloud, worker_plan
from stacks.config import read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stacks.settings import PreviewSettings

ANY = "pr-1"
"""The stack that stands for all where only what they share is asked for."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Where a sweep takes place.

    Attributes:
        folder: Where Pulumi.yaml lies.
        environ: The environment variables of this run.
        place: The Xata project.
        account: The Cloudflare account; empty where previews have no Workers.
        shares_worker: Whether all previews are previews of one Worker, instead of having one each.
    """

    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    place: Place
    account: str
    shares_worker: bool = False

    @property
    def worker_prefix(self) -> str:
        """What the names of all previews' Workers begin with; the name of the one Worker where they share it.

        Raises:
            ConfigurationError: It cannot be told from the app's wrangler file.
        """
        settings = settings_in(self.folder)
        return worker_plan.script(settings, locate(self.folder / settings.app_path)).removesuffix(ANY)

    def workspace(self, stack: str) -> Workspace:
        """The stack of a preview; nothing is made."""
        return Workspace(
            folder=self.folder,
            stack=stack,
            backend_url=backend_url(self.folder, self.environ),
            passphrase=known_passphrase(self.folder, self.environ),
            environ=dict(self.environ),
        )


def scene(folder: Path, environ: Mapping[str, str]) -> Scene:
    """Find out where the previews are.

    Raises:
        ConfigurationError, UsageError: The template of previews is wrong, or something is not named.
        ApiError, MissingError: The project cannot be found.
    """
    settings = settings_in(folder)
    organization = cloud.organization(settings, environ)
    project = find_project(xata.connect(environ), organization, cloud.project(settings, environ))
    return Scene(
        folder=folder,
        environ=environ,
        place=Place(organization=organization, project=project.id),
        account=worker_plan.account(settings, environ),
        shares_worker=bool(worker_plan.preview(settings)),
    )


def settings_in(folder: Path) -> PreviewSettings:
    """The configuration that all previews share."""
    config = preview_file.content_of(preview_file.text_in(folder))["config"]
    raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return cast("PreviewSettings", read(ANY, raw))
