"""The app's role and database, set up while the server is stopped.

Single-user mode needs no password, so no administrator's password has to be kept anywhere. The role's password arrives
as its verifier on standard input: not in a process list, not in a log.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import PostgresError
from components.postgres.password import verifier
from components.postgres.server.faults import disk_full, says_disk_full

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.postgres.server.binaries import Programs
    from components.postgres.server.folder import Layout, Mark
    from components.postgres.server.settings import ServerSettings

LIMIT_SECONDS = 600
"""Long enough for the crash recovery of a big database, which comes first."""

ROLE_RIGHTS = "LOGIN NOSUPERUSER INHERIT CREATEDB CREATEROLE BYPASSRLS CONNECTION LIMIT -1 VALID UNTIL 'infinity'"
"""Those of the role an app gets on Xata, but replication."""

_FACTS = re.compile(r'"infra-facts:([01])([01])([01])([01])"')


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the server has already."""

    role: bool
    old_role: bool
    database: bool
    old_database: bool


def set_up(layout: Layout, programs: Programs, settings: ServerSettings, mark: Mark) -> None:
    """Give a stopped server the app's role, with its password, and the app's database, owned by it."""
    found = _FACTS.search(_single(layout, programs, [facts_query(settings, mark)]))
    if found is None:
        raise PostgresError(
            f"the server in {layout.root} did not say which roles it has",
            next_step=f"look at {layout.start_log} and {layout.log}",
        )
    role, old_role, database, old_database = (digit == "1" for digit in found.groups())
    facts = Facts(role=role, old_role=old_role, database=database, old_database=old_database)
    _single(layout, programs, statements(settings, mark, facts, verifier(settings.password)))


def facts_query(settings: ServerSettings, mark: Mark) -> str:
    """One query whose answer can be told apart from whatever else the server prints."""
    asked = [
        f"EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(settings.user)})",
        f"EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(mark.user)})",
        f"EXISTS (SELECT FROM pg_database WHERE datname = {literal(settings.database)})",
        f"EXISTS (SELECT FROM pg_database WHERE datname = {literal(mark.database)})",
    ]
    return "SELECT 'infra-facts:' || " + " || ".join(f"({question})::int" for question in asked) + " AS facts"


def statements(settings: ServerSettings, mark: Mark, facts: Facts, password_verifier: str) -> list[str]:
    """The statements that make role and database as declared. A changed name renames: the data follow it."""
    user, database = identifier(settings.user), identifier(settings.database)
    todo = []
    if not facts.role:
        old = facts.old_role
        todo.append(f"ALTER ROLE {identifier(mark.user)} RENAME TO {user}" if old else f"CREATE ROLE {user}")
    todo.append(f"ALTER ROLE {user} {ROLE_RIGHTS} PASSWORD {literal(password_verifier)}")
    if facts.role and facts.old_role and mark.user != settings.user:
        todo.append(
            f"GRANT {identifier(mark.user)} TO {user}"
        )  # both exist, so what the old one owns stays within reach
    if not facts.database:
        old = facts.old_database
        rename = f"ALTER DATABASE {identifier(mark.database)} RENAME TO {database}"
        todo.append(rename if old else f"CREATE DATABASE {database}")
    todo.append(f"ALTER DATABASE {database} OWNER TO {user}")
    return todo


def identifier(name: str) -> str:
    """A name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text quoted for SQL, whatever `standard_conforming_strings` says."""
    quoted = text.replace("\\", "\\\\").replace("'", "''")
    return f" E'{quoted}'"


def _single(layout: Layout, programs: Programs, todo: Sequence[str]) -> str:
    """Run statements in single-user mode, all or up to the first that fails; answers what the server printed."""
    try:
        done = programs.run(
            "postgres",
            "--single",
            "-j",  # a statement ends at a semicolon and an empty line
            "-D",
            str(layout.data),
            "-c",
            "exit_on_error=on",
            "-c",
            "log_min_error_statement=panic",
            "-c",
            "log_statement=none",
            "postgres",
            text="".join(f"{statement};\n\n" for statement in todo),
            limit_seconds=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise PostgresError(
            f"the server in {layout.root} did not recover within {LIMIT_SECONDS} seconds",
            next_step="run the command again: recovery goes on where it stopped",
        ) from None
    if done.returncode == 0:
        return done.stdout
    if says_disk_full(done.stderr):
        raise disk_full(layout.root)
    reasons = [
        line.partition("] ")[2] or line for line in done.stderr.splitlines() if re.search(r"FATAL:|ERROR:|PANIC:", line)
    ]
    raise PostgresError(
        f"the server in {layout.root} could not be set up: {reasons[0] if reasons else f'exit {done.returncode}'}",
        next_step="look at that reason; the data are as they were, so the command can be run again",
    )
