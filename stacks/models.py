"""What `Pulumi.<stack>.yaml` may say: one frozen model per environment. Nothing here imports pulumi."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, Field

from components.xata.branches.names import is_preview
from stacks.keys import Name, Settings, Word, key, not_reserved, open_to_users
from stacks.worker_settings import AppSettings, WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PROJECT = "printfarm-manager"
DEFAULT_IMAGE, DEFAULT_INSTANCE_TYPE = "postgres:18", "xata.micro"
"""Of the root branch, where the configuration says nothing."""
PREVIEW: Final = "preview"
"""The environment of every pull request."""


class XataSettings(Settings):
    """What every environment that is a Xata branch is told."""

    organization: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = key(
        "",
        "The Xata organization's id; empty: XATA_ORGANIZATION_ID from the environment.",
        allowed="an organization's id, or nothing",
        example="o1b2c3",
    )
    project: Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f\x7f]{0,100}$")] = key(
        "",
        f"The Xata project, by id or name; empty: XATA_PROJECT_ID from the environment, else {DEFAULT_PROJECT}.",
        allowed="up to 100 characters without slashes, or nothing",
        example="printfarm-manager",
    )
    parent: Annotated[Word, Field(min_length=1)] = key(
        "main",
        "The branch that this one is a copy of, by name or id.",
        allowed="the name or id of a branch",
        example="main",
    )
    allow_parent: Word = key(
        "",
        "Names production as a parent that is meant: a preview made from it is a copy of production's data.",
        allowed="the name of a branch, or nothing",
        example="production",
    )
    region: Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*-[0-9]+$")] = key(
        "us-east-1",
        "The region of the branch.",
        allowed="a region such as us-east-1",
        example="us-east-1",
    )
    postgres_image: Annotated[str, Field(pattern=r"^([a-z][a-z0-9._-]*:[1-9][0-9]*(\.[0-9]+)?)?$")] = key(
        "",
        f"The Postgres image; empty: the parent's, and the newest {DEFAULT_IMAGE} for the root branch. It cannot go "
        "back: once set, the line stays, too.",
        allowed="NAME:MAJOR or NAME:MAJOR.MINOR, or nothing",
        example="postgres:18.1",
    )
    instance_type: Annotated[str, Field(pattern=r"^([a-z][a-z0-9.-]*)?$")] = key(
        "",
        "The instance type; empty: the parent's when the branch was made or the line went, and "
        f"{DEFAULT_INSTANCE_TYPE} for the root branch.",
        allowed="an instance type, or nothing",
        example="xata.small",
    )
    replicas: Annotated[int, Field(ge=0, le=4)] = key(
        0,
        "How many replicas the branch has besides its primary.",
        allowed="a whole number from 0 to 4",
        example=1,
    )
    storage_gigabytes: Annotated[int, Field(ge=0, le=1024)] = key(
        0,
        "The branch's storage in GB; 0: what it has. It can only grow: once set, the line stays, too.",
        allowed="a whole number of gigabytes from 0 to 1024",
        example=250,
    )
    scale_to_zero: Literal["auto", "true", "false"] = key(
        "auto",
        "Whether the branch sleeps when it is idle; auto: yes, but not in production.",
        allowed="auto, true or false",
        example="auto",
    )
    scale_to_zero_minutes: Annotated[int, Field(ge=1, le=1440)] = key(
        30,
        "After how many idle minutes the branch sleeps.",
        allowed="a whole number of minutes from 1 to 1440",
        example=30,
    )
    backup_retention_days: Annotated[int, Field(ge=2, le=35)] = key(
        7,
        "How many days backups are kept.",
        allowed="a whole number of days from 2 to 35",
        example=7,
    )
    backup_time: Annotated[str, Field(pattern=r"^(\*|[0-6]):([01][0-9]|2[0-3]):[0-5][0-9]$")] = key(
        "*:02:30",
        "When the full backup is taken, in UTC: a day of the week (0 is Sunday, * every day), hour and minute.",
        allowed="D:HH:MM with D * or 0 to 6",
        example='"*:02:30"',
    )
    database_sslmode: Literal["require", "verify-full"] = key(
        "require",
        "The sslmode in the URLs that others get, the app first: require encrypts, verify-full verifies the server "
        "too, as far as their driver does. This program itself always verifies it.",
        allowed="require or verify-full",
        example="verify-full",
    )
    rotation: Annotated[str, Field(max_length=100)] = key(
        "",
        "Any text, such as 2026-Q4; changing it rotates the branch's password.",
        allowed="up to 100 characters",
        example="2026-Q4",
    )
    instead_of_password: Annotated[str, Field(pattern=r"^([0-9a-f]{32}\$[0-9a-f]{64})?$")] = key(
        "",
        "The fingerprint of the branch's password, to have a new one in its place: `./infra rotate` says it.",
        allowed="the fingerprint of a password, or nothing",
        example=f"{'0123456789abcdef' * 2}${'0123456789abcdef' * 4}",
    )
    description: Annotated[str, Field(pattern=r"^([a-zA-Z0-9][a-zA-Z0-9 -]{0,24})?$")] = key(
        "",
        "What the branch is for; it follows our mark in the branch's description.",
        allowed="up to 25 letters, digits, blanks and hyphens, beginning with a letter or digit",
        example="nightly copy",
    )
    protect: bool = key(
        default=True,
        description="Whether destroy and replace refuse the branch and the Worker's secrets; false is the first of two "
        "steps to delete them.",
        allowed="true or false",
        example=True,
    )
    adopt_branch: Word = key(
        "",
        "The id of an existing branch to take over although it does not carry our mark.",
        allowed="a branch's id, or nothing",
        example="b6k2q0example",
    )
    ready_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = key(
        600,
        "How long a new branch may take to become healthy, in seconds.",
        allowed="a whole number of seconds from 1 to 3600",
        example=600,
    )

    @property
    def sleeps_when_idle(self) -> bool:
        """Whether the branch scales to zero."""
        return self.branch != "production" if self.scale_to_zero == "auto" else self.scale_to_zero == "true"


class DevSettings(XataSettings, AppSettings):
    """The developer's machine, or the Xata branch `dev`."""

    environment = "development"
    branch = "dev"

    database: Literal["auto", "docker", "embedded", "xata"] = key(
        "auto",
        "Where the dev database lives: a Docker container, an embedded server, the cloud branch dev, "
        "or auto (Docker where it works, else embedded; chosen once).",
        allowed="auto, docker, embedded or xata",
        example="embedded",
    )
    database_name: Name = key(
        "printfarm",
        "The dev database's name.",
        allowed="a lower-case letter or _, then up to 62 of a-z, 0-9 and _",
        example="printfarm",
    )
    database_user: Annotated[Name, AfterValidator(not_reserved)] = key(
        "printfarm",
        "The role that owns the dev database and that the app logs in as.",
        allowed="a lower-case letter or _, then up to 62 of a-z, 0-9 and _; not beginning with pg_",
        example="printfarm",
    )
    port: Annotated[int, AfterValidator(open_to_users)] = key(
        0,
        "The dev database's port on 127.0.0.1; 0 takes a free one and keeps it.",
        allowed="0, or a port from 1024 to 65535",
        example=15432,
    )
    retain_data: bool = key(
        default=True,
        description="Whether destroy keeps the dev database's data: the Docker volume or the server's folder.",
        allowed="true or false",
        example=True,
    )
    start_timeout_seconds: Annotated[int, Field(ge=5, le=3600)] = key(
        90,
        "How long the dev database may take to start, in seconds.",
        allowed="a whole number of seconds from 5 to 3600",
        example=90,
    )
    data_folder: str = key(
        "",
        "The embedded server's data folder; empty: one for this clone in the user's data folder.",
        allowed="a path, or nothing",
        example="/srv/data/printfarm-dev",
    )
    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]*$")] = key(
        "",
        "The unprivileged account that runs the embedded server when the command runs as root; empty: postgres, "
        "else nobody.",
        allowed="the name of an account of this machine, or nothing",
        example="postgres",
    )
    container_name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$")] = key(
        "printfarm-db-dev",
        "The Docker container's name; its volume is named after it.",
        allowed="a letter or digit, then up to 62 letters, digits, _, . and -",
        example="printfarm-db-dev",
    )
    docker_image: Annotated[str, Field(min_length=1)] = key(
        "postgres:18-alpine",
        "The Docker image: the official one of Postgres 18, or one that behaves like it.",
        allowed="an image reference",
        example="postgres:18-alpine",
    )
    memory_megabytes: Annotated[int, Field(ge=128, le=1_048_576)] = key(
        512,
        "The Docker container's memory limit, in MB.",
        allowed="a whole number of megabytes from 128",
        example=512,
    )
    shared_memory_megabytes: Annotated[int, Field(ge=64, le=1_048_576)] = key(
        128,
        "The Docker container's /dev/shm, in MB.",
        allowed="a whole number of megabytes from 64",
        example=128,
    )


class FoundationSettings(XataSettings):
    """The Xata project and its root branch, for teams that let the program own them."""

    environment = "foundation"
    branch = "main"

    adopt_project: Word = key(
        "",
        "The id of an existing project to take over although it has branches that are not ours.",
        allowed="a project's id, or nothing",
        example="prj_example",
    )


class CloudSettings(XataSettings, WorkerSettings):
    """What an environment with an app in the cloud is told: a Xata branch, and a Worker that is told its URL."""


class StagingSettings(CloudSettings):
    """The staging environment."""

    environment = "staging"
    branch = "staging"


class ProductionSettings(CloudSettings):
    """The production environment."""

    environment = "production"
    branch = "production"


class PreviewSettings(CloudSettings):
    """The environment of one pull request; `model_of` says which branch is its own."""

    environment = "preview"
    defaults = MappingProxyType({"parent": "staging", "protect": False, "backupRetentionDays": 2})

    life_days: Annotated[int, Field(ge=0, le=365)] = key(
        7,
        "How many days a preview lives after its last `up`, written into the branch's description; 0 for no end.",
        allowed="a whole number of days from 0 to 365",
        example=7,
    )
    most_previews: Annotated[int, Field(ge=1, le=1000)] = key(
        50,
        "How many previews the project may hold; a new one above it is refused.",
        allowed="a whole number from 1 to 1000",
        example=50,
    )
    preview_worker: Literal["worker", "previews"] = key(
        "worker",
        "What a preview's app runs as: a Worker of its own, or one of Cloudflare's Worker previews.",
        allowed="worker or previews",
        example="worker",
    )
    instead_of: Word = key(
        "",
        "The id of the preview's branch, to have a fresh copy of the parent in its place: `./infra reset` says it.",
        allowed="a branch's id, or nothing",
        example="b6k2q0example",
    )


MODELS: Mapping[str, type[Settings]] = {
    "dev": DevSettings,
    "foundation": FoundationSettings,
    "staging": StagingSettings,
    "production": ProductionSettings,
    PREVIEW: PreviewSettings,
}
"""By name of the environment: that of the stack, and for all pull requests one."""


def environment_of(stack: str) -> str:
    """The environment that a stack is, as `MODELS` names it; empty for a stack that there is not."""
    if is_preview(stack):
        return PREVIEW
    return stack if stack in MODELS and stack != PREVIEW else ""


@cache
def model_of(stack: str) -> type[Settings]:
    """The model of a stack; that of a pull request knows the branch that bears the stack's name.

    Raises:
        KeyError: There is no such stack.
    """
    if not is_preview(stack):
        return MODELS[environment_of(stack)]

    class OfOnePullRequest(PreviewSettings):
        """The environment of this pull request."""

        branch = stack

    return OfOnePullRequest
