"""Files that a stack reads or writes must lie where it has business: a pull request could lead it anywhere else.

SQL files and migrations belong to the project or to the app's repository; `.dev.vars` and `wrangler.jsonc`, whose names
are fixed, to the app's repository, also when they are links. `appPath` itself may lie anywhere, as it is a folder that
a stack's file names; everything else must be named by `outsidePaths`. Nothing here imports pulumi.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from components.errors import ConfigurationError
from components.postgres.migration_files import files_of
from components.postgres.sqlfiles import expanded
from components.worker.wrangler.file import NAMES
from stacks.settings import AppSettings, CloudSettings, DevSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stacks.settings import Settings


def refuse(file: str, settings: Settings, folder: Path) -> None:
    """Refuse the first file that lies outside.

    Args:
        file: The stack's, for the message.
        settings: Its content.
        folder: The project's.

    Raises:
        ConfigurationError: Which file, where it leads, and how it is allowed.
    """
    named = [(folder / path).resolve() for path in settings.outside_paths]
    own = folder.resolve()
    app = repository((folder / settings.app_path).resolve()) if isinstance(settings, AppSettings) else own
    wanted = [
        (f"infra:sqlFiles names {name!r}, which", folder / name, [own, app])
        for name in expanded(settings.wanted_sql_files or (), folder)
    ]
    if isinstance(settings, CloudSettings) and settings.wanted_sanitize:
        what = f"infra:sanitize names {settings.sanitize!r}, which"
        wanted.append((what, folder / settings.sanitize, [own, app]))
    if isinstance(settings, AppSettings) and settings.grants_file:
        path = folder / settings.grants_file
        wanted.append((f"infra:appRole names {settings.grants_file!r}, which", path, [own, app]))
    if isinstance(settings, AppSettings) and settings.wanted_migrations:
        migrations = folder / settings.wanted_migrations
        wanted += [
            (f"infra:migrations names {settings.migrations!r}, which", path, [own, app])
            for path in (migrations, *(file for file in files_of(migrations) if file.is_symlink()))
        ]
    wanted += [(f"{path.name} in the app's folder is a link that", path, [app]) for path in _links(settings, folder)]
    for what, path, places in wanted:
        real = path.resolve()
        if not any(real.is_relative_to(place) for place in [*places, *named]):
            allowed = " and ".join(str(place) for place in dict.fromkeys(places))
            raise ConfigurationError(
                f"{file}: {what} leads to {real}, outside of {allowed}",
                next_step=f"move it there, or name it in {file}: infra:outsidePaths: {json.dumps([str(real)])}",
            )


def _links(settings: Settings, folder: Path) -> Iterator[Path]:
    """The files in the app's folder whose names nobody chose, as far as they are links."""
    if isinstance(settings, AppSettings):
        for name in (*NAMES, *([".dev.vars"] if isinstance(settings, DevSettings) else [])):
            if (folder / settings.app_path / name).is_symlink():
                yield folder / settings.app_path / name


def repository(folder: Path) -> Path:
    """The folder of the repository that holds a folder; itself where there is none."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)
