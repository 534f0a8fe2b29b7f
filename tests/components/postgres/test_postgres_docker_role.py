from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from components.errors import LocalError, PostgresError, RefusedError
from components.postgres import docker_role
from components.postgres.docker_engine import ContainerFacts
from components.postgres.docker_role import Before, Condition, Door, RoleFacts, RoleSettings
from components.postgres.docker_settings import Done
from components.postgres.server.login import Attempt, Login, LoginResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECRET = "the-real-password"
SETTINGS = RoleSettings(stack="dev", container="db", port=15432, database="shop", user="clerk", password=SECRET)
IN = Attempt(answer=LoginResult.LET_IN, version="18.6")
WRONG = Attempt(answer=LoginResult.REFUSED, text="password authentication failed")
SILENT = Attempt(answer=LoginResult.NOT_READY, text="connection refused")


class Container:
    """A container whose psql answers, and which remembers what it was told."""

    def __init__(self, *, identifier: str = "7001", state: str = "running", label: str = "dev") -> None:
        self.facts: ContainerFacts | None = ContainerFacts(
            id="c1", labels={"infra.stack": label}, state=state, port=15432, major="18"
        )
        self.identifier = identifier
        self.not_ready = 0
        self.setup = Done(exit_code=0, output="", errors="")
        self.scripts: list[str] = []
        self.commands: list[str] = []
        self.resumed: list[str] = []
        self.hangs = False
        self.leaves = 0
        self.patience: list[float] = []

    def container(self, name: str) -> ContainerFacts | None:
        """The one container."""
        return self.facts if name == "db" else None

    def resume(self, container_id: str) -> None:
        """Let it run on."""
        assert self.facts is not None
        self.facts = dataclasses.replace(self.facts, state="running")
        self.resumed.append(container_id)

    def execute(
        self, container_id: str, command: Sequence[str], *, text: str, environment: Mapping[str, str], seconds: float
    ) -> Done:
        """Run a program in the container."""
        assert container_id == "c1"
        self.patience.append(seconds)
        if self.hangs:
            raise TimeoutError
        self.commands.append(" ".join([*command, *environment.values()]))
        if self.not_ready:
            self.not_ready -= 1
            return Done(exit_code=2, output="", errors="psql: error: the database system is starting up")
        if "pg_control_system" not in text and self.leaves:
            self.leaves -= 1
            return Done(exit_code=2, output="", errors="psql: error: the database system is starting up")
        if "pg_control_system" in text:
            return Done(exit_code=0, output=f"{self.identifier}\n", errors="")
        self.scripts.append(text)
        return self.setup


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def now(self) -> float:
        """The time."""
        return self.seconds


def door(*answers: Attempt, identifier: str = "7001") -> Door:
    """A door that gives these answers in turn, the last one for ever."""
    left = list(answers)
    clock = Clock()

    def attempt(_: Login) -> Attempt:
        return left.pop(0) if len(left) > 1 else left[0]

    return Door(attempt=attempt, system_identifier=lambda _: identifier, sleep=clock.sleep, now=clock.now)


def converge(container: Container, *answers: Attempt, before: Before | None = None) -> RoleFacts:
    """Let the role in, through a door that gives these answers."""
    return docker_role.converge(SETTINGS, before or Before(), engine=container, door=door(*answers))


def test_password_that_works_is_left_alone() -> None:
    """A role that is let in is not touched."""
    container = Container()
    facts = converge(container, IN)
    assert facts == RoleFacts(condition=Condition.IN_PLACE, version="18.6", system_identifier="7001")
    assert container.scripts == []


def test_refused_password_is_set_inside_the_container() -> None:
    """A kept volume has the old password: the role gets the new one, and is tried again."""
    container = Container()
    assert converge(container, WRONG, IN).condition == Condition.IN_PLACE
    assert len(container.scripts) == 1
    assert 'ALTER ROLE "clerk"' in container.scripts[0]


def test_nothing_secret_is_written_anywhere() -> None:
    """The password itself is in no command, no environment and no statement; statements are not logged."""
    container = Container()
    converge(container, WRONG, IN)
    assert SECRET not in "".join([*container.commands, *container.scripts])
    assert "SCRAM-SHA-256$4096:" in container.scripts[0]
    assert "SCRAM" not in "".join(container.commands)
    assert "log_statement=none" in container.commands[0]
    assert "log_min_error_statement=panic" in container.commands[0]
    assert SECRET not in repr(SETTINGS)


def test_script_takes_the_superuser_s_password_away() -> None:
    """Nobody logs in as the superuser but the container itself."""
    assert 'ALTER ROLE "infra_admin" PASSWORD NULL;' in docker_role.setup_script(SETTINGS, Before())


def test_script_makes_what_is_missing() -> None:
    """Role and database are made when missing; the database belongs to the role, which is no superuser."""
    script = docker_role.setup_script(SETTINGS, Before())
    assert "CREATE ROLE %I" in script
    assert "NOSUPERUSER" in script
    assert "CREATE DATABASE %I" in script
    assert 'ALTER DATABASE "shop" OWNER TO "clerk";' in script
    assert "RENAME" not in script


def test_script_renames_what_has_a_new_name() -> None:
    """A changed name keeps the data: role and database are renamed, not made beside the old ones."""
    script = docker_role.setup_script(SETTINGS, Before(user="old_clerk", database="old_shop"))
    assert "ALTER ROLE %I RENAME TO %I', E'old_clerk', E'clerk')" in script
    assert "ALTER DATABASE %I RENAME TO %I', E'old_shop', E'shop')" in script
    assert "pg_terminate_backend" in script


def test_names_cannot_break_out_of_the_script() -> None:
    """Quotes in names stay inside their literals."""
    nasty = dataclasses.replace(SETTINGS, user="a'b\"c\\", database='d"; DROP')
    script = docker_role.setup_script(nasty, Before())
    assert "E'a''b\"c\\\\'" in script
    assert '"d""; DROP"' in script


def test_emptied_volume_is_refused() -> None:
    """Another cluster than the recorded one is an error that says both, before anything is set up in it."""
    container = Container(identifier="9009")
    with pytest.raises(RefusedError) as caught:
        converge(container, WRONG, before=Before(system_identifier="7001"))
    assert "the cluster is now 9009, and 7001 was recorded" in caught.value.message
    assert "an empty database stands in its place" in caught.value.message
    assert "./infra destroy dev and then ./infra up dev" in caught.value.next_step
    assert container.scripts == []


def test_other_cluster_that_lets_the_role_in_is_refused_too() -> None:
    """A restored folder with the same password is still another cluster."""
    with pytest.raises(RefusedError, match="7001 was recorded"):
        converge(Container(identifier="9009"), IN, before=Before(system_identifier="7001"))


def test_starting_server_is_waited_for() -> None:
    """Crash recovery takes its time; the role is set up when the server takes connections."""
    container = Container()
    container.not_ready = 5
    assert converge(container, SILENT, IN).condition == Condition.IN_PLACE


def test_server_that_leaves_between_two_calls_is_waited_for() -> None:
    """The image sets a new cluster up with a server of its own, which may have answered the first call."""
    container = Container()
    container.leaves = 2
    assert converge(container, SILENT, SILENT, SILENT, IN).condition == Condition.IN_PLACE
    assert len(container.scripts) == 1


def test_server_that_never_starts_is_an_error_in_time() -> None:
    """Waiting ends, with the server's last words."""
    container = Container()
    container.not_ready = 10_000
    with pytest.raises(
        PostgresError, match=r"could not log in on 127\.0\.0\.1:15432 within 90 seconds: connection refused"
    ):
        converge(container, SILENT)


def test_server_that_hangs_is_an_error_in_time() -> None:
    """A psql that never ends is waited for as long as the server may take, and no longer."""
    container = Container()
    container.hangs = True
    with pytest.raises(PostgresError, match="takes a connection and does not answer"):
        converge(container, Attempt(answer=LoginResult.NOT_READY))
    assert max(container.patience) <= SETTINGS.timeout_seconds


def test_paused_container_runs_on() -> None:
    """A pause is undone: it is no reason to replace anything."""
    container = Container(state="paused")
    converge(container, IN)
    assert container.resumed == ["c1"]


def test_door_that_stays_closed_is_an_error_in_time() -> None:
    """A password that was set and still does not let in does not loop for ever."""
    with pytest.raises(PostgresError, match="password authentication failed"):
        converge(Container(), WRONG)


def test_refused_set_up_says_the_server_s_reason() -> None:
    """What Postgres says is passed on, without the statement."""
    container = Container()
    container.setup = Done(exit_code=3, output="", errors="psql:<stdin>:4: ERROR:  disk full\nCONTEXT: x")
    with pytest.raises(
        PostgresError, match=r"the database 'shop': psql:<stdin>:4: ERROR:  disk full\n  next"
    ) as caught:
        converge(container, WRONG)
    assert SECRET not in str(caught.value)


def test_identifier_that_cannot_be_read_is_an_error() -> None:
    """A psql that fails for another reason than waiting is not waited for."""
    container = Container()
    container.identifier = ""

    def execute(*_: object, **__: object) -> Done:
        return Done(exit_code=127, output="", errors="psql: not found")

    container.execute = execute  # type: ignore[method-assign] # a broken image
    with pytest.raises(PostgresError, match="psql: not found"):
        converge(container, WRONG)


@pytest.mark.parametrize(
    ("container", "error", "text"),
    [
        (Container(label="other"), RefusedError, "is not this stack's"),
        (Container(state="exited"), LocalError, "is exited: its server has ended"),
        (Container(state="restarting"), LocalError, "docker logs db"),
    ],
    ids=["foreign", "stopped", "restarting"],
)
def test_containers_we_cannot_use(container: Container, error: type[Exception], text: str) -> None:
    """A foreign or stopped container is named with the remedy, and nothing runs in it."""
    with pytest.raises(error) as caught:
        converge(container, WRONG)
    assert text in str(caught.value)
    assert container.commands == []


def test_missing_container_is_named() -> None:
    """A container that was removed meanwhile is made again by the next up."""
    container = Container()
    container.facts = None
    with pytest.raises(LocalError, match=r"there is no Docker container db\n  next: \./infra up dev"):
        converge(container, WRONG)


@pytest.mark.parametrize(
    ("answer", "identifier", "condition"),
    [
        (IN, "7001", Condition.IN_PLACE),
        (IN, "9009", Condition.OTHER_CLUSTER),
        (WRONG, "7001", Condition.REFUSED),
        (SILENT, "7001", Condition.UNREACHABLE),
        (Attempt(answer=LoginResult.OTHER, text="too many connections"), "7001", Condition.UNREACHABLE),
    ],
)
def test_look_says_what_is_wrong_and_keeps_the_record(answer: Attempt, identifier: str, condition: Condition) -> None:
    """A refresh sees every fault as drift, and never forgets which cluster was recorded."""
    found = docker_role.read(SETTINGS, Before(system_identifier="7001"), door(answer, identifier=identifier))
    assert found.condition == condition
    assert found.system_identifier == "7001"
