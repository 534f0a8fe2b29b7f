"""The checks as resources: each gates what depends on it.

Module path and class names of the providers are a contract with recorded state.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import pulumi  # noqa: TC002 - the SDK evaluates the annotations of a resource, and they name it
from msgspec import Meta
from typing_extensions import override

from components.connection import Connection
from components.connectivity.probe import probe
from components.connectivity.worker_address import PATH, PATH_PATTERN, url_fault
from components.connectivity.worker_probe import probe_worker
from components.connectivity.worker_verdicts import Expectation
from components.declared import Declared, Words, about
from components.errors import ConfigurationError, InfraError, PostgresError
from components.resource import Properties, Provider, Resource, state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.connectivity.report import Report, WorkerReport

LONGEST_BUDGET_SECONDS: Final = 600
PASSED: Final = "passed"
FAILED: Final = "failed"
WAITING: Final = "waiting for the app"
OFF: Final = "not checked"
DATABASE_BUDGET_SECONDS: Final = 5.0
"""How long the database is tried for the cause of a 503. The Worker's own attempts have woken a branch that slept."""

REFRESH_SECONDS: Final = 25.0
"""How long a refresh waits for an answer; what is wrong with one need only be confirmed, because `up` asks again."""

Mode = Annotated[Literal["enforce", "warn", "off"], Words("enforce, warn or off", "enforce")]

Name = Annotated[str, Meta(min_length=1), Words("a name that is not empty", "staging")]

Seconds = Annotated[
    float, Meta(gt=0, le=LONGEST_BUDGET_SECONDS), Words(f"a number of seconds, at most {LONGEST_BUDGET_SECONDS}", 60)
]

Major = Annotated[int, Meta(ge=1), Words("a major version of Postgres, such as 18", 18)]

HealthPath = Annotated[str, Meta(pattern=PATH_PATTERN), Words("a path such as /api/health", PATH)]

MODE = (
    "`enforce` fails the deployment, `warn` reports and tries again at the next `up`, `off` does not connect; nothing "
    "is recorded of what `enforce` refuses, so that the next `up` tries again."
)
TRIGGER = "Any value; when it changes, the check runs again."


class DatabaseCheckInputs(Declared):
    """Which database is to answer, and as whose."""

    url: Annotated[str, about("The database's connection string.", secret=True, fingerprinted=True)]
    branch: Annotated[Name, about("The branch that the database must be stamped with.")]
    mode: Annotated[Mode, about(MODE)] = "enforce"
    budget_seconds: Annotated[Seconds, about("How long to try.")] = 60
    server_major: Annotated[Major | None, about("The major version that the server must have; None for any.")] = None
    trigger: Annotated[Any, about(TRIGGER)] = None


class DatabaseCheckState(DatabaseCheckInputs):
    """What the last check found. No secret: of the URL a fingerprint is kept."""

    ok: bool = False
    server_version: str = ""
    found_branch: Annotated[str, about("The branch that the database is stamped with.")] = ""
    checked_mode: Annotated[str, about("The mode of the last check.")] = ""
    cause: Annotated[str, about("What was wrong.")] = ""


class DatabaseCheckProvider(Provider[DatabaseCheckInputs, DatabaseCheckState]):
    """Runs the probe when the resource is made or an input changes.

    In mode `warn` the recorded failure asks for an update until a check has passed. Refreshing does not connect: a
    check is a fact about a deployment, and the server's own resource sees drift.
    """

    @override
    def validate(self, known: Properties) -> Mapping[str, str]:
        return _url_reasons("url", known)

    @override
    def needs_update(self, old: DatabaseCheckState, news: Properties) -> bool:
        return news.get("mode") != "off" and not old.ok

    @override
    def create_resource(self, new: DatabaseCheckInputs) -> tuple[str, DatabaseCheckState]:
        return f"database-check-{new.branch}", self._checked(new)

    @override
    def update_resource(
        self, resource_id: str, old: DatabaseCheckState, new: DatabaseCheckInputs
    ) -> DatabaseCheckState:
        return self._checked(new)

    @staticmethod
    def _checked(new: DatabaseCheckInputs) -> DatabaseCheckState:
        if new.mode == "off":
            return state(DatabaseCheckState, new, checked_mode=new.mode, cause=OFF)
        report = probe(
            Connection.parse(new.url),
            expected_branch=new.branch,
            expected_major=new.server_major,
            budget_seconds=new.budget_seconds,
        )
        if not report.ok:
            message = f"the database check of branch {new.branch} failed at {report}"
            if new.mode == "enforce":
                raise PostgresError(message)
            sys.stderr.write(f"warning: {message}\n")
        return state(
            DatabaseCheckState,
            new,
            ok=report.ok,
            server_version=report.server_version or "",
            found_branch=report.branch or "",
            checked_mode=new.mode,
            cause=report.failed.cause if report.failed else "",
        )


class DatabaseCheck(Resource, provider=DatabaseCheckProvider, module="connectivity", name="DatabaseCheck"):
    """Proof that the deploying machine reaches the right database."""

    ok: pulumi.Output[bool]
    server_version: pulumi.Output[str]
    found_branch: pulumi.Output[str]
    checked_mode: pulumi.Output[str]
    cause: pulumi.Output[str]


class WorkerCheckError(InfraError):
    """The deployed Worker is not healthy, or not the right one."""


class WorkerCheckInputs(Declared):
    """Which Worker is to answer, and as whose."""

    url: Annotated[str, about("The Worker's address, with or without the path.")]
    path: Annotated[
        HealthPath | None, about(f"Where it tells its health; None for {PATH}, of which old states hold nothing.")
    ] = None
    environment: Annotated[Name, about("The environment that the Worker must say it is.")]
    branch: Annotated[Name, about("The branch that it must say, and that its database must be stamped with.")]
    database_url: Annotated[
        str,
        about(
            "The connection string the Worker has, to look for the cause of a 503 from here.",
            secret=True,
            fingerprinted=True,
        ),
    ]
    mode: Annotated[Mode, about(MODE)] = "enforce"
    budget_seconds: Annotated[
        Seconds, about("How long to try: the edge may answer from an earlier version for about a minute.")
    ] = 90
    trigger: Annotated[Any, about(TRIGGER)] = None


class WorkerCheckState(WorkerCheckInputs):
    """What the last check found. No secret, and no times, which would make a difference each time."""

    ok: bool = False
    state: Annotated[str, about("Passed, failed, waiting for the app, or not checked.")] = OFF
    checked_mode: Annotated[str, about("The mode of the last check.")] = ""
    status: Annotated[int, about("The last answer's HTTP status; 0 without one.")] = 0
    found_environment: Annotated[str, about("What the Worker says it is.")] = ""
    found_branch: Annotated[str, about("The branch that the Worker was told.")] = ""
    found_database_branch: Annotated[str, about("The branch that the Worker's database is stamped with.")] = ""
    cause: Annotated[str, about("What was wrong.")] = ""
    next_step: Annotated[str, about("What to do about it.")] = ""


class WorkerCheckProvider(Provider[WorkerCheckInputs, WorkerCheckState]):
    """Asks the deployed Worker when the resource is made, when an input changes, and at every refresh.

    In mode `warn` a failure asks for an update until a check has passed. So does a refresh that finds the Worker
    otherwise than it was left, or the app where it was waited for. Before the first deployment there is nobody to ask:
    that fails in no mode.
    """

    @override
    def validate(self, known: Properties) -> Mapping[str, str]:
        reasons = _url_reasons("databaseUrl", known)
        if "url" in known and (reason := url_fault(str(known["url"]))):
            reasons["url"] = f"the Worker's address {reason}"
        return reasons

    @override
    def needs_update(self, old: WorkerCheckState, news: Properties) -> bool:
        return news.get("mode") != "off" and not old.ok and old.state != WAITING

    @override
    def create_resource(self, new: WorkerCheckInputs) -> tuple[str, WorkerCheckState]:
        return f"worker-check-{new.branch}", self._checked(new, first=True)

    @override
    def update_resource(self, resource_id: str, old: WorkerCheckState, new: WorkerCheckInputs) -> WorkerCheckState:
        moved = (old.url, old.path) != (new.url, new.path)
        return self._checked(new, first=moved or old.state in {WAITING, OFF})

    @override
    def read_resource(self, resource_id: str, old: WorkerCheckState) -> WorkerCheckState | None:
        """What has changed with the Worker; nothing where it passes as before, or its app is not there yet."""
        if old.mode == "off" or old.state == OFF:
            return old
        report = _probed(old, budget_seconds=REFRESH_SECONDS, first=True, hasty=True)
        if report.ok:
            return _found(PASSED, old, report)
        if old.state == WAITING:
            if not report.absent:
                return state(WorkerCheckState, old, state=OFF)  # it is there by now, and the next update checks it
            _say_waiting(old, report)
            return old
        return _found(FAILED, old, report)

    @staticmethod
    def _checked(new: WorkerCheckInputs, *, first: bool) -> WorkerCheckState:
        """Ask the Worker as the inputs say. `first`: the app may never have been deployed."""
        if new.mode == "off":
            return _found(OFF, new)
        report = _probed(new, budget_seconds=new.budget_seconds, first=first)
        if report.ok:
            return _found(PASSED, new, report)
        if first and report.absent:
            _say_waiting(new, report)
            return _found(WAITING, new, report)
        message = f"the Worker check of branch {new.branch} failed at {report}"
        if new.mode == "enforce":
            raise WorkerCheckError(message)
        sys.stderr.write(f"warning: {message}\n")
        return _found(FAILED, new, report)


class WorkerCheck(Resource, provider=WorkerCheckProvider, module="connectivity", name="WorkerCheck"):
    """Proof that the deployed Worker is healthy, and on the right branch.

    Before the first deployment of the app it waits for it: `state` and `next_step` say so, no mode fails, and every
    `up` asks again until the check has passed once.
    """

    ok: pulumi.Output[bool]
    state: pulumi.Output[str]
    status: pulumi.Output[int]
    found_environment: pulumi.Output[str]
    found_branch: pulumi.Output[str]
    found_database_branch: pulumi.Output[str]
    checked_mode: pulumi.Output[str]
    cause: pulumi.Output[str]
    next_step: pulumi.Output[str]


def _url_reasons(name: str, known: Properties) -> dict[str, str]:
    """What is wrong with a connection string, which is never quoted."""
    try:
        Connection.parse(str(known.get(name, "postgresql://user@host/database")))
    except ConfigurationError as error:
        return {name: error.message}
    return {}


def _probed(inputs: WorkerCheckInputs, *, budget_seconds: float, first: bool, hasty: bool = False) -> WorkerReport:
    def database() -> Report:
        return probe(
            Connection.parse(inputs.database_url),
            expected_branch=inputs.branch,
            budget_seconds=DATABASE_BUDGET_SECONDS,
        )

    return probe_worker(
        inputs.url,
        Expectation(environment=inputs.environment, branch=inputs.branch, path=inputs.path or PATH),
        database=database if inputs.database_url else None,  # a refresh has none
        budget_seconds=budget_seconds,
        first=first,
        hasty=hasty,
        say=lambda text: sys.stderr.write(f"note: {text}\n"),
    )


def _say_waiting(inputs: WorkerCheckInputs, report: WorkerReport) -> None:
    failed = report.failed
    said = f": {failed.cause}\n  next: {failed.next_step}" if failed else ""
    sys.stderr.write(f"note: the app of branch {inputs.branch} is not deployed yet, so it was not checked{said}\n")


def _found(result: str, inputs: WorkerCheckInputs, report: WorkerReport | None = None) -> WorkerCheckState:
    failed = report.failed if report else None
    return state(
        WorkerCheckState,
        inputs,
        ok=result == PASSED,
        state=result,
        checked_mode=inputs.mode,
        status=report.status if report else 0,
        found_environment=report.environment if report else "",
        found_branch=report.branch if report else "",
        found_database_branch=report.database_branch if report else "",
        cause=failed.cause if failed else "",
        next_step=failed.next_step if failed else "",
    )
