"""The app's migrations in an environment: between the check of its database and whoever is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from components.local.files import portable
from components.postgres.command import words
from components.postgres.migration_files import read_files
from components.postgres.migrations import Migrations, MigrationsInputs
from components.resource import later

if TYPE_CHECKING:
    from stacks.settings import AppSettings


def declare(
    settings: AppSettings,
    folder: Path,
    url: pulumi.Output[str],
    *,
    database: pulumi.Input[str],
    checked: pulumi.Resource,
) -> pulumi.Resource:
    """Declare the run of the app's command, where there is one; what the rest waits for.

    Args:
        settings: The stack's configuration.
        folder: The project's folder, where relative paths start.
        url: The database's, as the app gets it.
        database: Which database it is.
        checked: The proof that it answers, and that it is the right one; or what comes after that.
    """
    if not settings.wanted_migrations:
        return checked
    inputs = MigrationsInputs(
        url=later(url),
        command=words(settings.migrate),
        app_path=portable(str((folder / settings.app_path).resolve()), Path.cwd()),
        files=read_files((folder / settings.wanted_migrations).resolve()),
        database_id=later(pulumi.Output.from_input(database)),
        timeout_seconds=settings.migrate_timeout_seconds,
    )
    return Migrations("migrations", inputs, pulumi.ResourceOptions(depends_on=[checked]))
