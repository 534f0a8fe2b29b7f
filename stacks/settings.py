"""What `Pulumi.<stack>.yaml` may say: one frozen declaration per environment. Nothing here imports pulumi.

A key is a field: its type and limits, its words, its default, what it is for. `Pulumi.yaml` and `docs/configuration.md`
repeat them for the Pulumi CLI and for readers; tests keep the three the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta

from components.connection import port_reason
from components.connectivity.inputs import LONGEST_BUDGET_SECONDS, Mode
from components.connectivity.worker_address import PATH, HealthPath, url_reason
from components.declared import About, Declared, Rule, Words
from components.postgres.app_role import MODES
from components.postgres.command import command_reason
from components.postgres.migration_files import RunSeconds
from components.worker.names import MOST_SECRETS, Account, validate_name
from components.xata.branches.names import BRANCH_PATTERN, BRANCH_RULE, PRODUCTION, is_preview, set_aside_from
from components.xata.inputs import BackupTime, Days, Flag, Image, InstanceType, Minutes, Replicas, Seconds
from stacks import stack_names
from stacks.names import LONGEST_APP, app_reason
from stacks.stack_names import DEV, FOUNDATION, PREVIEW

DEFAULT_IMAGE, DEFAULT_INSTANCE_TYPE = "postgres:18", "xata.micro"
"""Of the root branch, where the configuration says nothing."""

DATABASE_URL: Final = "DATABASE_URL"
"""The secret that the app reads; it is always set, so the configuration does not name it."""

ROOT: Final = "main"
"""The branch that all others descend from."""

ENVIRONMENTS: Final = "environments"
"""All stacks that are neither `dev` nor `foundation` nor of a pull request: each is what its file says."""

Budget = Annotated[
    int,
    Meta(ge=1, le=LONGEST_BUDGET_SECONDS),
    Words(f"a whole number of seconds from 1 to {LONGEST_BUDGET_SECONDS}", 60),
]

Path = Annotated[str, Meta(min_length=1), Words("a path", "../acme-shop")]

Paths = Annotated[
    tuple[Annotated[str, Meta(min_length=1)], ...], Words("a list of paths", '["sql/001-extensions.sql"]')
]

Name = Annotated[
    str,
    Meta(pattern=r"^(?!pg_)[a-z_][a-z0-9_]{0,62}\Z"),
    Words("a lower-case letter or _, then up to 62 of a-z, 0-9 and _; not beginning with pg_", "acme_shop"),
]

_WORD = r"^[^\s/\\\x00-\x1f\x7f]{1,100}\Z"

Branch = Annotated[str, Meta(pattern=_WORD), Words("the name or id of a branch", "main")]

BranchId = Annotated[str, Meta(pattern=_WORD), Words("a branch's id", "b6k2q0example")]


def _further(names: tuple[str, ...]) -> str:
    wrong = any(validate_name(name) for name in names) or DATABASE_URL in names or len(set(names)) < len(names)
    return "these are not names of further secrets" if wrong else ""


def _app_role_reason(said: str) -> str:
    wrong = bool(said) and said not in MODES and not said.endswith(".sql")
    return f"got {said!r}; allowed: {', '.join(MODES)}, or the path of an SQL file of grants (*.sql)" if wrong else ""


def _of_pull_requests(branch: str) -> str:
    return "names such as pr-7 are those of pull requests" if is_preview(branch) or set_aside_from(branch) else ""


class Settings(Declared):
    """What every environment is told."""

    stack: ClassVar[str]
    environment: ClassVar[str]
    """What the app is told that it is."""
    branch: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Of keys whose default is another in this environment. Pulumi.yaml knows one for all: stack files repeat these."""

    app: Annotated[
        str,
        Rule(app_reason),
        Words(f"1 to {LONGEST_APP} printable characters, with a letter from a to z or a digit among them", "acme-shop"),
        About(
            "The app's name, said once in Pulumi.yaml. The Xata project, Workers, the dev database, its role and its "
            "container are named after it, where no key of their own says otherwise."
        ),
    ] = ""
    check_mode: Annotated[
        Mode, About("What a failing database check does to the deployment: fail it, warn, or not look at all.")
    ] = "enforce"
    check_budget_seconds: Annotated[
        Budget, About("How long the database check may try before its verdict is final, in seconds.")
    ] = 60
    sql_files: Annotated[
        Paths,
        About(
            "SQL files applied once each, in this order, each in its own transaction; paths from the project's folder. "
            "A folder stands for its *.sql and a pattern for what it fits, by name."
        ),
    ] = ()
    leaving: Annotated[
        Flag,
        About(
            "Whether the stack is about to be taken down: SQL files and what is recorded of them stay as they are. "
            "`./infra destroy` says it."
        ),
    ] = False
    outside_paths: Annotated[
        Paths,
        About(
            "Files and folders that sqlFiles, migrations, sanitize and links in the app's folder may lead to although "
            "they lie outside of the project's folder and the app's repository; paths from the project's folder."
        ),
    ] = ()

    @property
    def wanted_sql_files(self) -> tuple[str, ...] | None:
        """The SQL files that the database must have; None leaves those that it has."""
        return None if self.leaving else self.sql_files


class AppSettings(Settings):
    """What a stack is told of the app's folder."""

    app_path: Annotated[
        Path,
        About(
            "The app's folder, with its wrangler.jsonc; of dev, where .dev.vars is written; a path from the project's "
            "folder."
        ),
    ] = "."
    migrate: Annotated[
        str,
        Meta(max_length=1000),
        Rule(command_reason),
        Words("a command without shell syntax", "npx dbmate up"),
        About(
            f"The app's own command that brings the database's schema up to date, run in the app's folder with "
            f"{DATABASE_URL} in its environment, before the app is told; empty: none. With it goes `migrations`."
        ),
    ] = ""
    migrations: Annotated[
        str,
        Words("a path", "../acme-shop/db/migrations"),
        About(
            "The folder of the app's migrations: `migrate` is run when its content is another; a path from the "
            "project's folder."
        ),
    ] = ""
    migrate_timeout_seconds: Annotated[
        RunSeconds, About("How long `migrate` may take before it is stopped, in seconds.")
    ] = 600

    app_role: Annotated[
        str,
        Rule(_app_role_reason),
        Words("owner, readwrite, readonly, or the path of an SQL file of grants", "readwrite"),
        About(
            "What the app may do with the database, with logins of its own, whose change no request notices: owner "
            "(change the schema, too), readwrite (all data), readonly, or what an SQL file grants. Empty: it has the "
            "owner's login."
        ),
    ] = ""

    @property
    def wanted_migrations(self) -> str | None:
        """The folder of the migrations that the database must have; None leaves it as it is."""
        return None if self.leaving or not self.migrate else self.migrations

    @property
    def grants_file(self) -> str:
        """The path of the file of grants; empty without one."""
        return "" if self.app_role in {"", *MODES} else self.app_role


class WorkerSettings(AppSettings):
    """What a stack is told of the Worker that the app is deployed to."""

    worker: Annotated[
        Literal["auto", "on", "off"],
        Words("auto, on or off", "auto"),
        About(
            "Whether the stack sets the Worker's secrets and checks it; auto: yes, when a Cloudflare account is known."
        ),
    ] = "auto"
    cloudflare_account: Annotated[
        Account, About("The Cloudflare account's id; empty: CLOUDFLARE_ACCOUNT_ID from the environment.")
    ] = ""
    worker_name: Annotated[
        str,
        Meta(pattern=r"^[a-z0-9_][a-z0-9_-]{0,62}\Z"),
        Words("up to 63 of a-z, 0-9, _ and -, not beginning with -", "acme-shop-staging"),
        About(
            "The Worker's name in full; empty: as wrangler derives it from the app's wrangler.jsonc, else "
            "<app>-<stack>. Of a preview without its -pr-<number>."
        ),
    ] = ""
    worker_url: Annotated[
        str,
        Rule(url_reason),
        Words("an https address without user name and query", "https://staging.example.com"),
        About("The Worker's address, such as a custom domain; empty: its name below the account's workers.dev."),
    ] = ""
    health_path: Annotated[
        HealthPath,
        About("The path at which the app tells its health."),
    ] = PATH
    worker_check_mode: Annotated[
        Mode,
        About("What a failing check of the deployed Worker does to the deployment: fail it, warn, or not look at all."),
    ] = "enforce"
    worker_check_budget_seconds: Annotated[
        Budget, About("How long the Worker check may try before its verdict is final, in seconds.")
    ] = 90
    worker_secrets: Annotated[
        tuple[str, ...],
        Meta(max_length=MOST_SECRETS - 1),
        Rule(_further),
        Words(
            f"a list of names of letters, digits and underscores, each once and none of them {DATABASE_URL}",
            '["SESSION_KEY"]',
        ),
        About(
            f"Names of further secrets that the Worker gets besides {DATABASE_URL}; each value is the secret "
            "`worker:NAME` of this configuration."
        ),
    ] = ()
    wrangler_mode: Annotated[
        Mode,
        About(
            "What a wrangler.jsonc that does not fit the stack does to the deployment: fail it, warn, or not look at "
            "all."
        ),
    ] = "warn"
    hyperdrive: Annotated[
        Flag,
        About(
            "Whether the database gets a Hyperdrive configuration, without caching; needs the Pulumi CLI, and does not "
            "work in the sandbox."
        ),
    ] = False
    secrets_store: Annotated[
        str,
        Meta(pattern=r"^[^\s/\\]{1,100}\Z"),
        Words("the name or id of a store", "default_secrets_store"),
        About(
            "The account's Secrets Store, by name or id, that gets the database's URL, too; needs the Pulumi CLI, and "
            "does not work in the sandbox."
        ),
    ] = ""


class XataSettings(Settings):
    """What every environment that is a Xata branch is told."""

    organization: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z"),
        Words("an organization's id", "o1b2c3"),
        About("The Xata organization's id; empty: XATA_ORGANIZATION_ID from the environment."),
    ] = ""
    project: Annotated[
        str,
        Meta(pattern=r"^[^/\\\x00-\x1f\x7f]{1,100}\Z"),
        Words("up to 100 characters without slashes", "acme-shop"),
        About("The Xata project, by id or name; empty: XATA_PROJECT_ID from the environment, else the app's name."),
    ] = ""
    parent: Annotated[Branch, About("The branch that this one is a copy of, by name or id.")] = ROOT
    allow_parent: Annotated[
        Branch,
        About(
            "Names the branch of a production environment as a parent that is meant: what is made from it is a copy of "
            "production's data."
        ),
    ] = ""
    region: Annotated[
        str,
        Meta(pattern=r"^[a-z]+(-[a-z]+)*-[0-9]+\Z"),
        Words("a region such as us-east-1", "us-east-1"),
        About("The region of the branch."),
    ] = "us-east-1"
    postgres_image: Annotated[
        Image,
        About(
            f"The Postgres image; empty: the parent's, and the newest {DEFAULT_IMAGE} for the root branch. It cannot "
            "go back: once set, the line stays, too."
        ),
    ] = ""
    instance_type: Annotated[
        InstanceType,
        About(
            "The instance type; empty: the parent's when the branch was made or the line went, and "
            f"{DEFAULT_INSTANCE_TYPE} for the root branch."
        ),
    ] = ""
    replicas: Annotated[Replicas, About("How many replicas the branch has besides its primary.")] = 0
    storage_gigabytes: Annotated[
        int,
        Meta(ge=0, le=1024),
        Words("a whole number of gigabytes from 0 to 1024", 250),
        About("The branch's storage in GB; 0: what it has. It can only grow: once set, the line stays, too."),
    ] = 0
    scale_to_zero: Annotated[
        Literal["auto", "true", "false"],
        Words("auto, true or false", "auto"),
        About("Whether the branch sleeps when it is idle; auto: yes, but not in a production environment."),
    ] = "auto"
    scale_to_zero_minutes: Annotated[Minutes, About("After how many idle minutes the branch sleeps.")] = 30
    backup_retention_days: Annotated[Days, About("How many days backups are kept.")] = 7
    backup_time: Annotated[
        BackupTime,
        About("When the full backup is taken, in UTC: a day of the week (0 is Sunday, * every day), hour and minute."),
    ] = "*:02:30"
    database_sslmode: Annotated[
        Literal["require", "verify-full"],
        Words("require or verify-full", "verify-full"),
        About(
            "The sslmode in the URLs that others get, the app first: require encrypts, verify-full verifies the server "
            "too, as far as their driver does. This program itself always verifies it."
        ),
    ] = "require"
    rotation: Annotated[
        str,
        Meta(max_length=100),
        Words("up to 100 characters", "2026-Q4"),
        About(
            "Any text, such as 2026-Q4; changing it rotates the password that the app has: the branch's, or with "
            "`appRole` that of its own login."
        ),
    ] = ""
    instead_of_password: Annotated[
        str,
        Meta(pattern=r"^[0-9a-f]{32}\$[0-9a-f]{64}\Z"),
        Words("the fingerprint of a password", f"{'0123456789abcdef' * 2}${'0123456789abcdef' * 4}"),
        About("The fingerprint of the app's password, to have a new one in its place: `./infra rotate` says it."),
    ] = ""
    protect: Annotated[
        Flag,
        About(
            "Whether destroy and replace refuse the branch and the Worker's secrets; false is the first of two steps "
            "to delete them."
        ),
    ] = True
    adopt_branch: Annotated[
        BranchId, About("The id of an existing branch to take over although it does not carry our mark.")
    ] = ""
    ready_timeout_seconds: Annotated[
        Seconds, About("How long a new branch may take to become healthy, in seconds.")
    ] = 600

    @property
    def sleeps_when_idle(self) -> bool:
        """Whether the branch scales to zero."""
        return not self.is_production if self.scale_to_zero == "auto" else self.scale_to_zero == "true"

    @property
    def is_production(self) -> bool:
        """Whether its data are production's: it is called so, or its app is told so."""
        return PRODUCTION in {self.stack, self.branch, self.environment}


class DevSettings(XataSettings, AppSettings):
    """The developer's machine, or the Xata branch `dev`."""

    environment = "development"
    branch = "dev"

    database: Annotated[
        Literal["auto", "docker", "embedded", "xata"],
        Words("auto, docker, embedded or xata", "embedded"),
        About(
            "Where the dev database lives: a Docker container, an embedded server, the cloud branch dev, or auto "
            "(Docker where it works, else embedded; chosen once)."
        ),
    ] = "auto"
    database_name: Annotated[
        Name, About("The dev database's name; empty: as the app is called. Another one renames it.")
    ] = ""
    database_user: Annotated[
        Name,
        About(
            "The role that owns the dev database and that the app logs in as; empty: as the app is called. Another one "
            "renames it."
        ),
    ] = ""
    port: Annotated[
        int,
        Rule(port_reason),
        Words("0, or a port from 1024 to 65535", 15432),
        About("The dev database's port on 127.0.0.1; 0 takes a free one and keeps it."),
    ] = 0
    retain_data: Annotated[
        Flag,
        About("Whether destroy keeps the dev database's data: the Docker volume or the server's folder."),
    ] = True
    start_timeout_seconds: Annotated[
        int,
        Meta(ge=5, le=3600),
        Words("a whole number of seconds from 5 to 3600", 90),
        About("How long the dev database may take to start, in seconds."),
    ] = 90
    data_folder: Annotated[
        str,
        Words("a path", "/srv/data/acme-shop-dev"),
        About("The embedded server's data folder; empty: one for this clone in the user's data folder."),
    ] = ""
    container_name: Annotated[
        str,
        Meta(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}\Z"),
        Words("a letter or digit, then up to 62 letters, digits, _, . and -", "acme-shop-db-dev"),
        About("The Docker container's name; its volume is named after it. Empty: <app>-db-dev."),
    ] = ""
    docker_image: Annotated[
        str,
        Meta(min_length=1),
        Words("an image reference", "postgres:18-alpine"),
        About("The Docker image: the official one of Postgres 18, or one that behaves like it."),
    ] = "postgres:18-alpine"
    memory_megabytes: Annotated[
        int,
        Meta(ge=128, le=1_048_576),
        Words("a whole number of megabytes from 128", 512),
        About("The Docker container's memory limit, in MB."),
    ] = 512


class FoundationSettings(XataSettings):
    """The Xata project and its root branch, for teams that let the program own them."""

    environment = "foundation"
    branch = "main"

    adopt_project: Annotated[
        str,
        Meta(pattern=_WORD),
        Words("a project's id", "prj_example"),
        About("The id of an existing project to take over although it has branches that are not ours."),
    ] = ""


class CloudSettings(XataSettings, WorkerSettings):
    """What an environment with an app in the cloud is told: a Xata branch, and a Worker that is told its URL."""

    sanitize: Annotated[
        str,
        Words("a path", "sql/sanitize.sql"),
        About(
            "An SQL file that is run once on a fresh copy of the parent, in one transaction, before anything else "
            "connects; for a parent that holds personal data. A path from the project's folder; empty: none."
        ),
    ] = ""

    @property
    def wanted_sanitize(self) -> str:
        """The file that a fresh copy must have run; empty for none."""
        return "" if self.leaving else self.sanitize


class EnvironmentSettings(CloudSettings):
    """An environment that a team names: its file makes it one."""

    branch: Annotated[  # type: ignore[misc] # what is fixed for other stacks is a setting here
        str,
        Meta(pattern=rf"^(?:{BRANCH_PATTERN})\Z"),
        Rule(_of_pull_requests),
        Words(f"{BRANCH_RULE}, and no name of a pull request's, such as pr-7", "qa"),
        About("The Xata branch, which no other stack may have; empty: as the stack is called."),
    ] = ""
    environment: Annotated[  # type: ignore[misc] # as above
        str,
        Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\Z"),
        Words("1 to 63 letters, digits, _, . and -, beginning with a letter or a digit", "qa"),
        About(
            "What the app is told as ENVIRONMENT; empty: as the stack is called. Where it is `production` the branch "
            "stays awake, and copies of it are refused (`allowParent`)."
        ),
    ] = ""


class PreviewSettings(CloudSettings):
    """The environment of one pull request; `model_of` says whose."""

    environment = "preview"
    defaults = MappingProxyType({"parent": "staging", "protect": False, "backupRetentionDays": 2})

    life_days: Annotated[
        int,
        Meta(ge=0, le=365),
        Words("a whole number of days from 0 to 365", 7),
        About(
            "How many days a preview lives after its last `up`, written into the branch's description; 0 for no end."
        ),
    ] = 7
    most_previews: Annotated[
        int,
        Meta(ge=1, le=1000),
        Words("a whole number from 1 to 1000", 50),
        About("How many previews the project may hold; a new one above it is refused."),
    ] = 50
    instead_of: Annotated[
        BranchId,
        About(
            "The id of the preview's branch, to have a fresh copy of the parent in its place: `./infra reset` says it."
        ),
    ] = ""


DROPPED: Mapping[str, str] = {
    "account": "the owner of the data runs the embedded server for root, else CANDIDATES in "
    "components/postgres/server/account.py",
    "description": "a branch's description is this program's mark alone",
    "onUndeployedVersion": "a version that is not deployed stops `up`; deploy it first (npx wrangler versions deploy)",
    "previewWorker": "Cloudflare's Worker previews are not used any more: each pull request has a Worker of its own",
    "sharedMemoryMegabytes": "it is SHARED_MEMORY_MEGABYTES in components/postgres/docker_settings.py",
}
"""Keys that there were, and what holds instead."""

MODELS: Mapping[str, type[Settings]] = {
    DEV: DevSettings,
    FOUNDATION: FoundationSettings,
    ENVIRONMENTS: EnvironmentSettings,
    PREVIEW: PreviewSettings,
}
"""By kind: that of all pull requests is one, and so is that of all environments that teams name."""


def kind_of(stack: str) -> str:
    """The kind that a stack is of, as `MODELS` names it; empty for a name that no stack has."""
    if stack_names.is_pull_request(stack):
        return PREVIEW
    if stack in {DEV, FOUNDATION}:
        return stack
    return ENVIRONMENTS if stack_names.is_environment(stack) else ""


@cache
def model_of(stack: str) -> type[Settings]:
    """The declaration of a stack, which knows its name, and what follows from that.

    Raises:
        KeyError: No stack may be called so.
    """
    kind = kind_of(stack)
    own: dict[str, Any] = {"__module__": __name__, "stack": stack}
    if kind == PREVIEW:
        own["branch"] = stack
    if kind == ENVIRONMENTS:
        own["defaults"] = MappingProxyType({"branch": stack, "environment": stack})
    return type(MODELS[kind].__name__, (MODELS[kind],), own)
