"""What projects and branches are declared with, and what is recorded of them: each value and its limits said once.

Limits are those of `createProject`, `createBranch` and `updateBranch` in the API document, where it has any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from msgspec import Meta

from components.declared import About, Declared, Words
from components.xata.branches.names import BRANCH_PATTERN, BRANCH_RULE, PROJECT_PATTERN, PROJECT_RULE
from components.xata.branches.ownership import DESCRIPTION_LENGTH, STACK_LENGTH

ONLY_PREVIEWED: Final = "INFRA_ONLY_PREVIEWED"
"""Set by `./infra preview` alone: credentials that the key may not read are then named, and the recorded ones taken."""

DEFAULT_READY_SECONDS = 600

Reference = Annotated[str, Meta(min_length=1), Words("an id or a name", "main")]

Flag = Annotated[bool, Words("true or false", example=True)]

BranchName = Annotated[str, Meta(pattern=rf"^(?:{BRANCH_PATTERN})\Z"), Words(BRANCH_RULE, "staging")]

ProjectName = Annotated[str, Meta(pattern=rf"^(?:{PROJECT_PATTERN})\Z"), Words(PROJECT_RULE, "acme-shop")]

StackName = Annotated[
    str,
    Meta(pattern=rf"^[A-Za-z0-9-]{{1,{STACK_LENGTH}}}\Z"),
    Words(f"1 to {STACK_LENGTH} letters, digits and hyphens, since it stands in the branch's description", "staging"),
]

Description = Annotated[
    str,
    Meta(pattern=rf"^[A-Za-z0-9][A-Za-z0-9 -]{{0,{DESCRIPTION_LENGTH - 1}}}\Z"),
    Words(f"1 to {DESCRIPTION_LENGTH} letters, digits, hyphens and spaces, beginning with a letter or a digit"),
]

Minutes = Annotated[int, Meta(ge=1, le=1440), Words("a whole number of minutes from 1 to 1440", 30)]

Days = Annotated[int, Meta(ge=2, le=35), Words("a whole number of days from 2 to 35", 7)]

BackupTime = Annotated[
    str,
    Meta(pattern=r"^(\*|[0-6]):([01][0-9]|2[0-3]):[0-5][0-9]\Z"),
    Words("D:HH:MM in UTC, D being 0 (Sunday) to 6 or * for every day", '"*:02:30"'),
]

InstanceType = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9._-]*\Z"), Words("an instance type, such as xata.micro", "xata.small")
]

Replicas = Annotated[int, Meta(ge=0, le=4), Words("a whole number from 0 to 4", 1)]

Gigabytes = Annotated[int, Meta(ge=1), Words("a whole number of gigabytes from 1", 250)]

Image = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9._-]*:[1-9][0-9]*(\.[0-9]+)?\Z"),
    Words("NAME:MAJOR or NAME:MAJOR.MINOR, such as postgres:18.1", "postgres:18.1"),
]

Count = Annotated[int, Meta(ge=1), Words("a whole number from 1", 50)]

Seconds = Annotated[int, Meta(ge=1, le=3600), Words("a whole number of seconds from 1 to 3600", 600)]


class RootConfiguration(Declared):
    """What a branch without parent begins with (`ClusterConfiguration` in the API document)."""

    image: Annotated[Image, About("`postgres:18.1`; of `postgres:18` the newest minor version on offer.")]
    instance_type: Annotated[InstanceType, About("Such as `xata.micro`.")]
    replicas: Annotated[Replicas, About("Besides the primary.")] = 0


class BranchIdentity(Declared):
    """What a branch is in its project: everything that cannot change later."""

    name: Annotated[BranchName, About("What it is called, for life; it is stamped on the database.", replaces=True)]
    stack: Annotated[StackName, About("The stack it belongs to, which its description then says.", replaces=True)]
    parent: Annotated[
        Reference | None,
        About("The branch it is a copy of, by name or id. Exactly one of `parent` and `root` is given.", replaces=True),
    ] = None
    region: Annotated[Reference, About("Where it lives; a child lives where its parent does.", replaces=True)]
    root: Annotated[
        Mapping[str, Any] | None, About("Of a branch without parent: `RootConfiguration`.", replaces=True)
    ] = None
    adopt: Annotated[
        str, About("The id of an existing branch to take over, whoever made it; then nothing is ever created.")
    ] = ""
    allow_parent: Annotated[str, About("The parent's name, when it is production and that is meant.")] = ""
    production: Annotated[
        Sequence[str] | None,
        About("Branches that hold production's data, besides the one called production: copies are asked for by name."),
    ] = None
    most_previews: Annotated[
        Count | None, About("How many branches `pr-<number>` the project may hold, a new one among them.")
    ] = None
    instead_of: Annotated[
        str | None,
        About(
            "The id of this very branch, to have a fresh copy of the parent in its place. Another id, or None, leaves "
            "it as it is: so it may be said once or again and again.",
            replaces=True,
        ),
    ] = None


class BranchInputs(BranchIdentity):
    """A branch of one project."""

    organization: Annotated[Reference, About("The organization's id.", replaces=True)]
    project: Annotated[Reference, About("The project's id or name.", replaces=True)]


class BranchState(BranchInputs):
    """A branch that was made or taken over. Its id is the resource's id, and known in every preview."""

    branch_id: str = ""
    project_id: str = ""
    project_name: str = ""
    parent_id: str = ""
    parent_name: str = ""
    current_name: Annotated[str, About("What it is really called: others may rename it.")] = ""
    created_at: str = ""
    adopted: bool = False
    api: Annotated[str, About("The address of the server it was made at.")] = ""


class Located(Declared):
    """Which branch is meant."""

    organization: Annotated[Reference, About("The organization's id.", replaces=True)]
    project_id: Annotated[Reference, About("The project's id.", replaces=True)]
    branch_id: Annotated[Reference, About("The branch's id.", replaces=True)]


class Settings(Declared):
    """What can change on a branch. None, or an empty text, leaves a setting as it is."""

    description: Annotated[Description | None, About("Begins with our mark (`ownership.mark`).")] = None
    scale_to_zero_enabled: Annotated[Flag | None, About("Whether it sleeps when idle.")] = None
    scale_to_zero_minutes: Annotated[Minutes | None, About("After how many idle minutes it sleeps.")] = None
    backup_retention_days: Annotated[Days | None, About("How long backups are kept.")] = None
    backup_time: Annotated[BackupTime | None, About("When the full backup is taken.")] = None
    instance_type: Annotated[InstanceType | None, About("Taken out again, it goes back to the parent's.")] = None
    replicas: Annotated[Replicas | None, About("Besides the primary.")] = None
    storage: Annotated[Gigabytes | None, About("It can only grow, and not be taken out.")] = None
    image: Annotated[
        Image | None, About("Another minor version; `postgres:18` is any of that major. It cannot be taken out.")
    ] = None


class BranchSettingsInputs(Located, Settings):
    """The settings of one branch."""


class BranchSettingsState(BranchSettingsInputs):
    """Settings that were read back."""

    declared: Annotated[Sequence[str], About("Which settings are declared.")] = ()
    defaults: Annotated[Mapping[str, Any] | None, About("What undeclared ones are to be.")] = None
    backups_enabled: bool = False
    earliest_restore_point: str = ""
    latest_restore_point: str = ""
    asleep: Annotated[bool, About("Whether it sleeps although nothing would ever wake it.")] = False
    api: Annotated[str, About("The address of the server.")] = ""


class BranchConnectionInputs(Located):
    """A healthy branch, and a password of its own."""

    rotation: Annotated[
        str, Words("a text", "2026-Q4"), About("Any text; another one gives the branch a new password.")
    ] = ""
    own_password: Annotated[Flag | None, About("Whether it is given another password than it was made with, once.")] = (
        None
    )
    instead_of_password: Annotated[
        str | None,
        About(
            "The fingerprint of this very password, to have a new one in its place. That of another one, or None, "
            "leaves it as it is: so it may be said once or again and again."
        ),
    ] = None
    told: Annotated[
        Mapping[str, Any] | None,
        About("Whose secret the URL is (`components.worker.told`): no password changes that they cannot be told of."),
    ] = None
    app_login: Annotated[
        Flag | None, About("Whether the app has logins of its own: `rotation` is then about those, and noted here.")
    ] = None
    ready_timeout_seconds: Annotated[Seconds, About("How long it may take until it can be logged in to.")] = (
        DEFAULT_READY_SECONDS
    )


class BranchConnectionState(BranchConnectionInputs):
    """How to log in: directly, through the pooler, and to read only."""

    url: Annotated[str, About("", secret=True)] = ""
    pooler_url: Annotated[str, About("", secret=True)] = ""
    read_only_url: Annotated[str, About("", secret=True)] = ""
    host: str = ""
    port: int = 0
    database: str = ""
    user: str = ""
    password: Annotated[str, About("", secret=True)] = ""
    current: Annotated[bool, About("Whether it is up to date, and was passed on.")] = False
    api: Annotated[str, About("The address of the server.")] = ""
