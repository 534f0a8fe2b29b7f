"""./infra psql STACK: Postgres' own shell on an environment's database."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from operations import changes, cli
from operations.database import database_of, require_reached
from operations.display.table import COLOURS, has_colours
from operations.workspace import acting_in

if TYPE_CHECKING:
    import argparse

    from operations.database import Database

READ_ONLY = "-c default_transaction_read_only=on"
"""A guard against slips: a session may take it back."""


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "psql",
        text=(
            "Open psql on the database of STACK, as the app logs in: certificate verified, password in no argument\n"
            "and no file. What follows -- goes to psql, whose exit code is this command's. In production's database a\n"
            "session only reads, unless --write is given; the prompt says where one is. psql is the machine's, if it\n"
            "is of Postgres 18 or newer; else the one that comes with this program, which edits no lines."
        ),
        examples=(
            "./infra psql dev",
            "./infra psql dev -- -c 'select 1'",
            "./infra psql staging -- --csv -c 'table orders' > orders.csv",
            "./infra psql production --write -- --single-transaction --file=repair.sql",
        ),
        run=run,
    )
    cli.add_stack(parser)
    parser.add_argument("--write", action="store_true", help="let the session write in production's database, too")


def run(arguments: argparse.Namespace) -> int:
    """Run psql until it ends."""
    from components.postgres import programs

    target = changes.Target.from_arguments(arguments)
    database = database_of(target)
    only_reads = database.production and not arguments.write
    with acting_in(target.environ()):
        ended = programs.run(
            "psql",
            [f"--set=PROMPT1={prompt(database, only_reads=only_reads)}", *arguments.passed_on],
            database.connection,
            options=READ_ONLY if only_reads else "",
        )
    require_reached(ended, database)
    return ended.code if ended.code >= 0 else 128 - ended.code


def prompt(database: Database, *, only_reads: bool) -> str:
    """The first prompt of psql: the environment in its colour, whether it only reads, then what psql shows by itself.

    Source: https://www.postgresql.org/docs/18/app-psql.html, prompting.
    """
    colour = "red" if database.production else "green" if database.stack == changes.LOCAL_STACK else "yellow"
    name = f"{database.stack} (reads)" if only_reads else database.stack
    if has_colours(sys.stdout):
        name = f"%[%033[{COLOURS[colour]}m%]{name}%[%033[0m%]"
    return f"{name} %/%R%x%# "
