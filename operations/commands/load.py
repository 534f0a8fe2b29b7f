"""./infra load STACK FILE: a file of pg_dump's in an environment that is not production."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from operations import changes, cli, console
from operations.database import database_of, require_success
from operations.errors import ChangesRefusedError, ExitCode, UsageError
from operations.workspace import acting_in

if TYPE_CHECKING:
    import argparse

ARCHIVE = b"PGDMP"
"""How a custom archive begins."""
AT_ONCE = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--exclude-schema=infra")
CLEAN = ("--clean", "--if-exists")


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "load",
        text=(
            "Bring FILE, which `./infra dump` or pg_dump --format=custom has written, into the database of STACK: in\n"
            "one transaction, as the app's role, so that all of it is there or nothing. What is there under the same\n"
            "name is an error, unless --clean drops it first. Production's database is refused."
        ),
        examples=("./infra load dev staging.dump", "./infra load pr-7 staging.dump --clean --yes"),
        run=run,
    )
    cli.add_stack(parser)
    parser.add_argument("file", metavar="FILE", type=Path, help="the archive")
    parser.add_argument("--clean", action="store_true", help="first drop what the archive holds, with its data")
    cli.add_yes(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Load the file."""
    from components.postgres import programs

    target, file = changes.Target.from_arguments(arguments), arguments.file
    _require_archive(file)
    database = database_of(target, as_owner=True)
    if database.production:
        raise ChangesRefusedError(
            f"the branch {database.branch} of {target.stack} holds production's data, into which nothing is loaded",
            next_step=f"load it beside: ./infra restore {target.stack} --into NAME makes a branch for that",
        )
    lost = "; what it has under the same names is dropped, with its data" if arguments.clean else ""
    console.require_agreement(
        f"{target.stack}: load {file} into the branch {database.branch}{lost}?",
        yes=arguments.yes,
        otherwise=f"{target.stack}: nothing was loaded",
        next_step=f"./infra load {target.stack} {file} --yes loads it",
    )
    options = [*AT_ONCE, *(CLEAN if arguments.clean else ()), f"--dbname={database.connection.database}", str(file)]
    with acting_in(target.environ()):
        ended = programs.run("pg_restore", options, database.connection, quiet=True)
    step = (
        "" if arguments.clean else "--clean first drops what the archive holds, with its data; now nothing was changed"
    )
    require_success("pg_restore", ended, database, next_step=step)
    console.say(f"{target.stack}: {file} is in the branch {database.branch}")
    return ExitCode.SUCCESS


def _require_archive(file: Path) -> None:
    try:
        with file.open("rb") as stream:
            begins = stream.read(len(ARCHIVE))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", next_step="name the file that dump wrote") from None
    if begins != ARCHIVE:
        raise UsageError(
            f"{file} is no custom archive of pg_dump (it would begin with {ARCHIVE.decode()})",
            next_step=f"of SQL text: ./infra psql STACK -- --single-transaction --set=ON_ERROR_STOP=1 --file={file}",
        )
