"""What the checks are declared with, and what is recorded of them: each value and its limits said once."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from components.connection import connection_reason
from components.connectivity.worker_address import PATH, HealthPath
from components.declared import About, Declared, Rule, Words

LONGEST_BUDGET_SECONDS: Final = 600

PASSED: Final = "passed"
FAILED: Final = "failed"
WAITING: Final = "waiting for the app"
OFF: Final = "not checked"
"""What a check of the Worker came to."""

Mode = Annotated[Literal["enforce", "warn", "off"], Words("enforce, warn or off", "enforce")]

Name = Annotated[str, Meta(min_length=1), Words("a name that is not empty", "staging")]

Seconds = Annotated[
    float, Meta(gt=0, le=LONGEST_BUDGET_SECONDS), Words(f"a number of seconds, at most {LONGEST_BUDGET_SECONDS}", 60)
]

Major = Annotated[int, Meta(ge=1), Words("a major version of Postgres, such as 18", 18)]

MODE = (
    "`enforce` fails the deployment, `warn` reports and tries again at the next `up`, `off` does not connect; nothing "
    "is recorded of what `enforce` refuses, so that the next `up` tries again."
)
TRIGGER = "Any value; when it changes, the check runs again."


class DatabaseCheckInputs(Declared):
    """Which database is to answer, and as whose."""

    url: Annotated[
        str, Rule(connection_reason), About("The database's connection string.", secret=True, fingerprinted=True)
    ]
    branch: Annotated[Name, About("The branch that the database must be stamped with.")]
    mode: Annotated[Mode, About(MODE)] = "enforce"
    budget_seconds: Annotated[Seconds, About("How long to try.")] = 60
    server_major: Annotated[Major | None, About("The major version that the server must have; None for any.")] = None
    trigger: Annotated[Any, About(TRIGGER)] = None


class DatabaseCheckState(DatabaseCheckInputs):
    """What the last check found. No secret: of the URL a fingerprint is kept."""

    ok: bool = False
    server_version: str = ""
    found_branch: Annotated[str, About("The branch that the database is stamped with.")] = ""
    checked_mode: Annotated[str, About("The mode of the last check.")] = ""
    cause: Annotated[str, About("What was wrong.")] = ""


class WorkerCheckInputs(Declared):
    """Which Worker is to answer, and as whose."""

    url: Annotated[str, About("The Worker's address, with or without the path.")]
    path: Annotated[
        HealthPath | None, About(f"Where it tells its health; None for {PATH}, of which old states hold nothing.")
    ] = None
    environment: Annotated[Name, About("The environment that the Worker must say it is.")]
    branch: Annotated[Name, About("The branch that it must say, and that its database must be stamped with.")]
    database_url: Annotated[
        str,
        Rule(connection_reason),
        About(
            "The connection string the Worker has, to look for the cause of a 503 from here.",
            secret=True,
            fingerprinted=True,
        ),
    ]
    mode: Annotated[Mode, About(MODE)] = "enforce"
    budget_seconds: Annotated[
        Seconds, About("How long to try: the edge may answer from an earlier version for about a minute.")
    ] = 90
    trigger: Annotated[Any, About(TRIGGER)] = None


class WorkerCheckState(WorkerCheckInputs):
    """What the last check found. No secret, and no times, which would make a difference each time."""

    ok: bool = False
    state: Annotated[str, About("Passed, failed, waiting for the app, or not checked.")] = ""
    checked_mode: Annotated[str, About("The mode of the last check.")] = ""
    status: Annotated[int, About("The last answer's HTTP status; 0 without one.")] = 0
    found_environment: Annotated[str, About("What the Worker says it is.")] = ""
    found_branch: Annotated[str, About("The branch that the Worker was told.")] = ""
    found_database_branch: Annotated[str, About("The branch that the Worker's database is stamped with.")] = ""
    cause: Annotated[str, About("What was wrong.")] = ""
    next_step: Annotated[str, About("What to do about it.")] = ""
