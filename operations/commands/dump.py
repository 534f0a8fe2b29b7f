"""./infra dump STACK: an environment's data in a file of pg_dump's."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from operations import changes, cli, console
from operations.database import database_of, require_success
from operations.errors import ExitCode, UsageError
from operations.workspace import acting_in

if TYPE_CHECKING:
    import argparse

WHOLE = ("--format=custom", "--no-owner", "--no-privileges", "--exclude-schema=infra")
"""For any role of any environment; the schema `infra` says which SQL files were applied, and is each branch's own."""


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "dump",
        text=(
            "Write schema and data of STACK's database into FILE, which only this user may read: a custom archive of\n"
            "pg_dump 18, without owners, rights and the schema `infra`. FILE is there as a whole or not at all, and\n"
            "one that is there is refused. `./infra load` brings it into another environment."
        ),
        examples=("./infra dump staging staging.dump", "./infra dump dev before-the-change.dump"),
        run=run,
    )
    cli.add_stack(parser)
    parser.add_argument("file", metavar="FILE", type=Path, help="the archive, such as staging.dump")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Write the file."""
    from components.postgres import programs

    target = changes.Target.from_arguments(arguments)
    file: Path = arguments.file
    _require_place(file)
    database = database_of(target, as_owner=True)
    half = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with open(half, "xb", opener=_private) as stream, acting_in(target.environ()):
            ended = programs.run("pg_dump", WHOLE, database.connection, output=stream, quiet=True)
        require_success("pg_dump", ended, database)
        half.rename(file)
    finally:
        with suppress(FileNotFoundError):
            half.unlink()
    console.say(f"{target.stack}: {file.stat().st_size:,} bytes of the branch {database.branch} are in {file}")
    console.say("  next: `./infra load` brings them into another environment")
    return ExitCode.SUCCESS


def _require_place(file: Path) -> None:
    if file.exists():
        raise UsageError(f"{file} is there already, and is not written over", next_step="name another file, or move it")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {file.absolute().parent}", next_step="make it, or name another file")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
