"""The app's own migrations: its command is run when the files that it applies are others than last time.

Module path and class name of the provider are a contract with recorded state.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from typing_extensions import override

from components.connection import connection_reason
from components.declared import About, Declared, Rule
from components.postgres import command
from components.postgres.migration_files import RunSeconds
from components.postgres.session import LOCK_KEY, connected, locked
from components.postgres.sqlfiles import PROJECT_FOLDER
from components.resource import Properties, Provider, Resource

MIGRATIONS_LOCK: Final = LOCK_KEY + 1
"""The advisory lock of who runs a database's migrations. Tools have locks of their own, if any: this one is ours."""


MOST_NAMED: Final = 20
"""So many files a plan names one by one."""


class MigrationsInputs(Declared):
    """What the app's command is to apply."""

    url: Annotated[str, Rule(connection_reason), About("The database's URL, as the app gets it.", secret=True)]
    command: Annotated[Sequence[str], About("The command's words.")]
    app_path: Annotated[str, About("The folder where it runs; a relative path starts at the project folder.")]
    files: Annotated[Mapping[str, str], About("The migrations' names, and their sha256.")]
    database_id: Annotated[str, About("Which database it is: another one has had no migrations yet.")]
    timeout_seconds: Annotated[RunSeconds, About("How long the command may take, and another one before it.")]


class MigrationsState(MigrationsInputs):
    """Migrations that were applied."""


class MigrationsProvider(Provider[MigrationsInputs, MigrationsState]):
    """Runs the command when the files, the command or the database are others. What it did stays: it is data.

    Which of the files a database has is the command's to know: it is run again after a failure, and on every copy.
    """

    @override
    def validate_new(self, known: Properties) -> Mapping[str, str]:
        """Of a change the plan shows the files itself; of what is new it shows nothing, so it is said here."""
        if names := sorted(known.get("files") or ()):
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            _say(f"migrations that are new to this database: {', '.join(names[:MOST_NAMED])}{more}")
        return _missing(known)

    @override
    def validate_change(self, old: MigrationsState, known: Properties) -> Mapping[str, str]:
        changed = any(not self.is_same(name, old.properties(), known) for name in MigrationsInputs.names())
        return _missing(known) if changed else {}

    @override
    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        return name not in {"command", "files", "databaseId"} or super().is_same(name, olds, news)

    @override
    def create_resource(self, new: MigrationsInputs) -> tuple[str, MigrationsState]:
        return "migrations", _applied(new)

    @override
    def update_resource(self, resource_id: str, old: MigrationsState, new: MigrationsInputs) -> MigrationsState:
        return _applied(new)


class Migrations(Resource, provider=MigrationsProvider, module="postgres", name="Migrations"):
    """The app's migrations, applied."""


def _missing(known: Properties) -> Mapping[str, str]:
    """What the plan can know of a command that will not start."""
    words, folder = known.get("command"), known.get("appPath")
    if not words or folder is None:
        return {}
    reason = command.missing_reason(words, PROJECT_FOLDER / folder, os.environ.get("PATH", os.defpath))
    return {"command": f"`{shlex.join(words)}` cannot be run: {reason}"} if reason else {}


def _applied(new: MigrationsInputs) -> MigrationsState:
    with connected(new.url) as session, locked(session, key=MIGRATIONS_LOCK, seconds=new.timeout_seconds):
        command.run(
            new.command,
            folder=PROJECT_FOLDER / new.app_path,
            url=new.url,
            seconds=new.timeout_seconds,
            say=_say,
        )
    return MigrationsState(**new.attributes())


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
