"""./infra schema diff: what one environment's schema has otherwise than another's."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from operations import changes, cli, console, stack_names
from operations.database import Database, database_of, require_success
from operations.errors import ExitCode, ResourceFailedError, UsageError
from operations.workspace import acting_in

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from operations.schema.compare import Size
    from operations.schema.render import Document

ONLY_SCHEMA: Final = (
    *("--schema-only", "--no-owner", "--no-privileges", "--exclude-schema=infra", "--encoding=UTF8"),
    "--lock-wait-timeout=30s",
)
"""As `dump` has it, without data. It waits for whoever alters a table, and not for long: others wait behind it."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""What is longer is no schema that anybody reads: 2,000 tables of 20 columns have 4 MB."""
SECONDS: Final = 20
SIZES: Final = """
select table_name, reltuples::bigint, pg_catalog.pg_relation_size(oid) from (
  select pg_catalog.format('%%I.%%I', n.nspname, c.relname) as table_name, c.reltuples, c.oid
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
) as tables where table_name = any(%s)
"""


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "schema",
        text=(
            "`diff A B` says what B's schema has otherwise than A's: dropped, changed and added objects with their\n"
            "SQL, and first what may lose data, fail or keep others waiting. A pull request's alone (`diff pr-7`,\n"
            "or --event) is compared with the branch that it is a copy of. It asks pg_dump for the schema, and no\n"
            "data; passwords in options of foreign servers are masked; owners, rights and the schema `infra` are left\n"
            "out."
        ),
        examples=(
            "./infra schema diff staging dev",
            "./infra schema diff production staging --json",
            "./infra schema diff pr-7",
            './infra schema diff --event "$GITHUB_EVENT_PATH" --json',
        ),
        run=run,
    )
    parser.add_argument("action", metavar="ACTION", choices=("diff",), help="diff")
    parser.add_argument(
        "stacks",
        metavar="STACK",
        nargs="*",
        type=stack_names.checked,
        help="two environments, or that of a pull request",
    )
    parser.add_argument("--event", metavar="FILE", type=Path, help="the event of a workflow's run, for its number")
    cli.add_engine(parser)
    cli.add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Compare, and answer."""
    from operations.schema import render

    found = compared(*_sides(arguments))
    if arguments.json:
        import msgspec

        console.answer(msgspec.to_builtins(found))
    elif not found.unread:
        print("\n".join(render.lines(found)))
    if found.unread:
        console.say(f"{found.new} was compared with nothing: the schema of {found.old} was not looked at")
        console.say(f"  because {found.unread}")
    return ExitCode.SUCCESS


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A database that was not looked at: its environment's name, and why."""

    stack: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Side:
    """A database.

    Attributes:
        database: Where it is.
        environ: What commands find set that are about it.
        is_parent: Whether it is a pull request's parent: the answer is a document also where it does not answer.
    """

    database: Database
    environ: Mapping[str, str]
    is_parent: bool = False


def _sides(arguments: argparse.Namespace) -> tuple[Side | Unread, Side]:
    """What is compared with what; of a pull request, its branch's parent with it."""
    stacks: Sequence[str] = arguments.stacks
    if arguments.event is not None and not stacks:
        stacks = [_stack_of(arguments)]
    elif arguments.event is not None or len(stacks) not in {1, 2} or stacks[1:] == stacks[:1]:
        raise UsageError(
            "schema diff takes two environments, or that of a pull request, or --event",
            next_step="name both, the one that is compared with first; or ./infra schema diff pr-7",
        )
    targets = [_target(arguments, stack) for stack in stacks]
    if len(targets) == 1:
        if not stack_names.is_pull_request(stacks[0]):
            raise UsageError(
                f"{stacks[0]} is no pull request's, so the command line names what it is compared with, too",
                next_step="name that one first, then this one",
            )
        side = _side(targets[0])
        return _parent(targets[0], side), side
    old, new = (_side(target) for target in targets)
    return old, new


def _target(arguments: argparse.Namespace, stack: str) -> changes.Target:
    return changes.Target(
        stack=stack,
        engine=arguments.engine,
        verbose=arguments.verbose,
        only_reads=True,
        sandbox=arguments.sandbox,
    )


def _stack_of(arguments: argparse.Namespace) -> str:
    from components.github.client import repository_in
    from operations.commands.sync import stack_of

    return stack_of(arguments.event, repository_in(_target(arguments, "pr-1").environ()))


def _side(target: changes.Target) -> Side:
    return Side(database=database_of(target), environ=target.environ())


def _parent(target: changes.Target, side: Side) -> Side | Unread:
    """The database that a pull request's is a copy of, as Xata tells it: no stack's state is needed for it.

    Raises:
        components.errors.InfraError: Xata does not tell of which branch the pull request's is a copy.
    """
    from components.errors import InfraError, PermissionDeniedError
    from components.xata.branches.credentials import current
    from operations.commands.outputs import outputs
    from operations.commands.rotate import connected

    name = "its parent"
    values = outputs(target)
    client, place = connected(target, changes.opened(target, deploys=False)), changes.place_of(values)
    parent = client.branch(place.organization, place.project, str(values["branchId"].value)).parent_id
    if not parent:
        return Unread(stack=name, why="the branch has none any more")
    try:
        name = client.branch(place.organization, place.project, parent).name
        ready = current(client, place, parent)
    except PermissionDeniedError:
        return Unread(
            stack=name, why="the API key may not read it: that takes branch:read and credentials:read for that branch"
        )
    except InfraError as error:
        return Unread(stack=name, why=error.message)
    if ready is None:
        return Unread(stack=name, why="the branch is gone")
    database = Database(stack=name, branch=name, connection=ready.endpoints.direct, production=False)
    return Side(database=database, environ=side.environ, is_parent=True)


def compared(old: Side | Unread, new: Side) -> Document:
    """Dump both and compare them.

    Raises:
        ResourceFailedError: One does not answer; of a pull request's parent the document says so.
    """
    from operations.schema import compare, dump
    from operations.schema.render import Document

    name = new.database.stack
    if isinstance(old, Unread):
        return Document(old=old.stack, new=name, unread=old.why)
    after = dump.read(_dumped(new))
    try:
        before = dump.read(_dumped(old))
        tables = compare.indexed(before, after)
        sizes = _sizes(old, tables) if tables else {}
    except ResourceFailedError as error:
        if not old.is_parent:
            raise
        return Document(old=old.database.stack, new=name, unread=error.message)
    found, dangers = compare.compare(before, after, sizes)
    return Document(old=old.database.stack, new=name, changes=found, dangers=dangers)


def _dumped(side: Side) -> str:
    from components.postgres import programs

    with tempfile.TemporaryFile() as stream, acting_in(side.environ):
        ended = programs.run("pg_dump", ONLY_SCHEMA, side.database.connection, output=stream, quiet=True)
        require_success("pg_dump", ended, side.database)
        stream.seek(0)
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ResourceFailedError(
            f"the schema of {side.database.stack} has more than {MOST_BYTES} bytes, and is not compared",
            next_step="compare dumps of both by other means (the command `dump`)",
        )
    return content.decode(errors="replace")


def _sizes(side: Side, tables: Sequence[str]) -> dict[str, Size]:
    """How large tables are, as the planner believes."""
    import psycopg

    from components import libpq
    from components.http.scrub import scrub
    from operations.schema.compare import Size

    try:
        with acting_in(side.environ), libpq.connect(side.database.connection, seconds=SECONDS) as session:
            rows = session.execute(SIZES, (list(tables),)).fetchall()
    except psycopg.Error as error:
        raise ResourceFailedError(
            f"how large the tables of {side.database.stack} are was not told: {scrub(str(error))}",
            next_step=f"./infra verify {side.database.stack}",
        ) from None
    return {name: Size(rows=count, bytes=size) for name, count, size in rows}
