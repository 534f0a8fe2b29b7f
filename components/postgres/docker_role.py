"""The app's role and database inside the container. Knows no Pulumi.

The image's entrypoint reads its password when it makes a cluster and never again: a volume that outlived its container
keeps the old one. So the role is made and changed from here, over the container's own socket, which trusts its account.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from components.declared import About, Declared, Rule
from components.errors import LocalError, PostgresError, RefusedError
from components.postgres.docker_settings import STACK_LABEL, ContainerName, Done, docker_port_reason
from components.postgres.password import verifier
from components.postgres.server import login
from components.postgres.server.roles import ROLE_RIGHTS, identifier, literal
from components.postgres.server.settings import SUPERUSER, DatabaseName, Password, RoleName, StartSeconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.postgres.docker_engine import ContainerFacts, Runner

PAUSE_SECONDS = 0.5
NOT_CONNECTED = 2
"""psql's exit code where the server does not take connections (yet)."""

IDENTIFIER_QUERY = "SELECT system_identifier FROM pg_control_system()"

PSQL = (
    "psql",
    "--no-psqlrc",
    "--quiet",
    "--tuples-only",
    "--no-align",
    "--set=ON_ERROR_STOP=1",
    f"--username={SUPERUSER}",
    "--dbname=postgres",
    "--file=-",
)
PSQL_ENVIRONMENT = {"PGOPTIONS": "-c log_statement=none -c log_min_error_statement=panic -c client_min_messages=error"}


class Condition(StrEnum):
    """What a look at the role found."""

    IN_PLACE = "in place"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    OTHER_CLUSTER = "another cluster"


class RoleSettings(Declared):
    """Which role is to be let into which database of the container."""

    stack: Annotated[str, About("The stack whose label the container carries.")]
    container: Annotated[ContainerName, About("Its name.")]
    container_id: Annotated[str, About("Changes when it was replaced, so that the role is read again.")] = ""
    port: Annotated[int, Rule(docker_port_reason), About("The port of this machine that it is published on.")]
    database: Annotated[DatabaseName, About("Made when missing, owned by `user`; a new name renames it.")]
    user: Annotated[RoleName, About("The app's role; a new name renames it.")]
    password: Annotated[Password, About("The role's password; the role follows it.", secret=True)]
    timeout_seconds: Annotated[StartSeconds, About("How long the server may take to let the role in.")] = 90

    @property
    def login(self) -> login.Login:
        """The login that must succeed."""
        return login.Login(port=self.port, database=self.database, user=self.user, password=self.password)


@dataclass(frozen=True, kw_only=True)
class Before:
    """What was recorded of the role; empty for a new one."""

    system_identifier: str = ""
    user: str = ""
    database: str = ""


@dataclass(frozen=True, kw_only=True)
class RoleFacts:
    """What is recorded of the role: nothing secret."""

    condition: Condition
    version: str = ""
    system_identifier: str = ""


@dataclass(frozen=True, kw_only=True)
class Door:
    """How a server is reached from outside; an argument, so that tests need no server."""

    attempt: Callable[[login.Login], login.Attempt]
    system_identifier: Callable[[login.Login], str]
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


def system_identifier(where: login.Login) -> str:
    """What tells this cluster from every other one; empty when the server went away meanwhile."""
    import psycopg  # noqa: PLC0415 - loaded only where a database is talked to

    try:
        with login.connect(where) as connection:
            row = connection.execute(IDENTIFIER_QUERY).fetchone()
    except psycopg.Error:
        return ""
    return str(row[0]) if row else ""


DOOR = Door(attempt=login.attempt, system_identifier=system_identifier)
"""The real one: over the published port, as the app goes."""


def read(settings: RoleSettings, before: Before, door: Door) -> RoleFacts:
    """Whether the recorded role can log in to the recorded cluster. Changes nothing and raises nothing."""
    answer = door.attempt(settings.login)
    if answer.answer is login.LoginResult.REFUSED:
        return RoleFacts(condition=Condition.REFUSED, system_identifier=before.system_identifier)
    if answer.answer is not login.LoginResult.LET_IN:
        return RoleFacts(condition=Condition.UNREACHABLE, system_identifier=before.system_identifier)
    same = before.system_identifier in {"", door.system_identifier(settings.login)}
    return RoleFacts(
        condition=Condition.IN_PLACE if same else Condition.OTHER_CLUSTER,
        version=answer.version,
        system_identifier=before.system_identifier,
    )


def converge(settings: RoleSettings, before: Before, *, engine: Runner, door: Door) -> RoleFacts:
    """Let the role in: with its password, into its database.

    Raises:
        LocalError: The container is not there or does not run.
        RefusedError: The container is not ours, or the cluster is not the recorded one.
        PostgresError: The server did not become ready in time, or refused.
    """
    deadline = door.now() + settings.timeout_seconds
    answer = door.attempt(settings.login)
    while True:
        container = _own_running_container(settings, engine)
        done = _psql(engine, container, f"{IDENTIFIER_QUERY};\n", deadline - door.now())
        if done.exit_code == 0:
            identifier = done.output.strip()
            _require_recorded_cluster(settings, before, identifier)
            if answer.answer is not login.LoginResult.LET_IN:
                # The server of the entrypoint's set-up goes between two calls, so this one may meet none.
                done = _psql(engine, container, setup_script(settings, before), deadline - door.now())
                answer = door.attempt(settings.login)
            if done.exit_code == 0 and answer.answer is login.LoginResult.LET_IN:
                return RoleFacts(condition=Condition.IN_PLACE, version=answer.version, system_identifier=identifier)
        _require_not_refused(settings, done)
        if door.now() >= deadline:
            raise _not_let_in(settings, answer.text or done.errors.strip())
        door.sleep(PAUSE_SECONDS)


def setup_script(settings: RoleSettings, before: Before) -> str:
    """What makes role and database as declared, for psql. A changed name renames: the data follow it.

    The password travels as its verifier, and on standard input: not in a process list, not in a log.
    """
    user, database = identifier(settings.user), identifier(settings.database)
    lines = []
    if before.user not in {"", settings.user}:
        lines += _role_renamed(before.user, settings.user)
    lines.append(_unless_there("pg_roles", "rolname", settings.user, "CREATE ROLE %I"))
    lines.append(f"ALTER ROLE {user} {ROLE_RIGHTS} PASSWORD {literal(verifier(settings.password))};")
    if before.database not in {"", settings.database}:
        lines += _database_renamed(before.database, settings.database)
    lines.append(_unless_there("pg_database", "datname", settings.database, "CREATE DATABASE %I"))
    lines.append(f"ALTER DATABASE {database} OWNER TO {user};")
    # The entrypoint gave the superuser a password; with none, it has no way in but the container's own socket.
    lines.append(f"ALTER ROLE {identifier(SUPERUSER)} PASSWORD NULL;")
    return "\n".join(lines) + "\n"


def _there(catalog: str, column: str, name: str) -> str:
    return f"EXISTS (SELECT FROM {catalog} WHERE {column} ={literal(name)})"


def _unless_there(catalog: str, column: str, name: str, statement: str) -> str:
    return f"SELECT format('{statement}',{literal(name)}) WHERE NOT {_there(catalog, column, name)} \\gexec"


def _role_renamed(old: str, new: str) -> list[str]:
    had, has = _there("pg_roles", "rolname", old), _there("pg_roles", "rolname", new)
    names = f"{literal(old)},{literal(new)}"
    return [
        f"SELECT format('ALTER ROLE %I RENAME TO %I',{names}) WHERE {had} AND NOT {has} \\gexec",
        # Where both exist, what the old one owns stays within reach.
        f"SELECT format('GRANT %I TO %I',{names}) WHERE {had} AND {has} \\gexec",
    ]


def _database_renamed(old: str, new: str) -> list[str]:
    had, has = _there("pg_database", "datname", old), _there("pg_database", "datname", new)
    condition = f"{had} AND NOT {has}"
    others = f"pg_stat_activity WHERE datname ={literal(old)} AND {condition}"
    names = f"{literal(old)},{literal(new)}"
    return [
        f"SELECT pg_terminate_backend(pid) FROM {others};",  # noqa: S608 - every value went through literal()
        f"SELECT format('ALTER DATABASE %I RENAME TO %I',{names}) WHERE {condition} \\gexec",
    ]


def _own_running_container(settings: RoleSettings, engine: Runner) -> ContainerFacts:
    container = engine.container(settings.container)
    if container is None:
        raise LocalError(
            f"there is no Docker container {settings.container}",
            next_step=f"./infra up {settings.stack}, which looks first and makes it again",
        )
    if container.labels.get(STACK_LABEL) != settings.stack:
        raise RefusedError(
            f"the Docker container {settings.container} is not this stack's: it does not carry the label "
            f"{STACK_LABEL}={settings.stack}. Nothing was changed in it",
            next_step="set containerName in the stack's configuration to another name",
        )
    if container.state == "paused":
        engine.resume(container.id)
    elif container.state != "running":
        raise LocalError(
            f"the Docker container {settings.container} was started and is {container.state}: its server has ended",
            next_step=f"docker logs {settings.container} says why; once that is mended, ./infra up {settings.stack} "
            f"starts it again; or set database: embedded in the stack's configuration",
        )
    return container


def _psql(engine: Runner, container: ContainerFacts, script: str, seconds: float) -> Done:
    """Run a script in the container; a server that does not answer in time is one that is not connected to."""
    seconds = max(seconds, PAUSE_SECONDS)
    try:
        return engine.execute(container.id, PSQL, text=f"{script}\\q\n", environment=PSQL_ENVIRONMENT, seconds=seconds)
    except TimeoutError:
        return Done(exit_code=NOT_CONNECTED, output="", errors="the server takes a connection and does not answer")


def _require_recorded_cluster(settings: RoleSettings, before: Before, found: str) -> None:
    if before.system_identifier in {"", found}:
        return
    raise RefusedError(
        f"the database of the Docker container {settings.container} is not the one that was there before: the cluster "
        f"is now {found}, and {before.system_identifier} was recorded. Its volume was removed or exchanged behind our "
        "back, and an empty database stands in its place",
        next_step="put the old volume back, or accept the new database with its own data: "
        f"./infra destroy {settings.stack} and then ./infra up {settings.stack} (the volume stays)",
    )


def _require_not_refused(settings: RoleSettings, done: Done) -> None:
    if done.exit_code in {0, NOT_CONNECTED}:
        return
    lines = done.errors.strip().splitlines() or [f"psql ended with {done.exit_code}"]
    raise PostgresError(
        f"the server in the Docker container {settings.container} refused to set up the role {settings.user!r} and "
        f"the database {settings.database!r}: {lines[0]}",
        next_step="look at that reason; the data are as they were, so the command can be run again",
    )


def _not_let_in(settings: RoleSettings, reason: str) -> PostgresError:
    return PostgresError(
        f"the role {settings.user!r} could not log in on 127.0.0.1:{settings.port} within {settings.timeout_seconds} "
        f"seconds: {reason}",
        next_step=f"look at docker logs {settings.container}; "
        "a larger startTimeoutSeconds in the stack's configuration waits longer",
    )
