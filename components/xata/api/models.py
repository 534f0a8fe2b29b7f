"""What the API answers and what it is asked for, as frozen models. Pure.

Fields of answers that are not named here are ignored and enumerations stay text, so a newer server is understood. What
is named and required must be there and of its type. Names and types are those of the API's OpenAPI document. Of a
`connectionString`, which holds a password, only the address is kept: passwords come from Credentials alone.

In bodies None means "leave as it is" or "the server's default", and never travels. Ranges are the server's to decide:
they differ between organizations.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, field
from msgspec.structs import force_setattr
from typing_extensions import override

from components.errors import InputError
from components.http import models
from components.http.models import Identifier

Moment = Annotated[datetime, Meta(tz=True)]

StatusKind = Literal["healthy", "transient", "fault", "hibernated", "unknown"]

_KINDS: dict[str, StatusKind] = {
    "HEALTHY": "healthy",
    "TRANSIENT": "transient",
    "FAULT": "fault",
    "HIBERNATED": "hibernated",
}

LONGEST_NAME_BYTES = 2000
"""Longer names overflow an index of the server's, which then answers 500: a write whose fate is unknown."""
NO_ADDRESS = "…"
"""Stands for a text that is no connection string, and that may hold anything."""


def _address(connection_string: str) -> str:
    """What stands between the user's part and the parameters: `host:port/database`."""
    _, found, place = connection_string.rpartition("@" if "@" in connection_string else "://")
    return place.partition("?")[0] if found else connection_string and NO_ADDRESS


class Model(models.Model, frozen=True, kw_only=True, rename="camel"):
    """Camel case on the wire."""


class OrganizationStatus(Model, frozen=True, kw_only=True):
    """Whether an organization is active: `enabled` or `disabled`, and why (`ok`, `invoice_overdue`, …)."""

    status: str
    billing_status: str = field(default="", name="billing_status")
    usage_tier: str = field(default="", name="usage_tier")


class Organization(Model, frozen=True, kw_only=True):
    """An organization that the key can see."""

    id: Identifier
    name: str
    status: OrganizationStatus


class Region(Model, frozen=True, kw_only=True):
    """A region on offer. `provider` is `aws`, `gcp` or `custom`; empty from servers that do not tell it."""

    id: Identifier
    backups_enabled: bool
    public_access: bool = True
    provider: str = ""


class InstanceType(Model, frozen=True, kw_only=True):
    """A size on offer. `ram` in GiB; rates in dollars per hour, and per month and GB of storage."""

    name: Identifier
    vcpus: float
    ram: float
    hourly_rate: float = 0.0
    storage_monthly_rate: float = 0.0


class Image(Model, frozen=True, kw_only=True):
    """A Postgres image on offer, such as `postgres:18.1`."""

    name: Identifier
    major_version: str
    full_version: str


class ProjectLimits(Model, frozen=True, kw_only=True):
    """Limits that hold for any project. Instances are per branch and count the primary."""

    max_branches: int
    max_description_length: int
    max_instances: int
    min_instances: int


class EffectiveProjectLimits(Model, frozen=True, kw_only=True):
    """Limits of one project. `max_allowed_instance_type` in thousandths of a virtual processor."""

    max_allowed_instance_type: int
    max_branches_per_hour: int
    max_branches_per_project: int
    max_description_length: int
    max_instances_per_branch: int
    min_instances_per_branch: int


class OrganizationLimits(EffectiveProjectLimits, frozen=True, kw_only=True):
    """Limits of an organization: those of its projects, and its own."""

    max_branches_per_org: int
    max_projects: int
    max_projects_per_hour: int


class ScaleToZero(Model, frozen=True, kw_only=True):
    """When a branch goes to sleep. Both fields always travel together: the server fills in what is missing (A6, A7)."""

    enabled: bool
    minutes: int = field(name="inactivityPeriodMinutes")


class ProjectScaleToZero(Model, frozen=True, kw_only=True):
    """The default for branches with and without parent. Both always travel together: one alone resets the other."""

    base_branches: ScaleToZero
    child_branches: ScaleToZero


class ProjectConfiguration(Model, frozen=True, kw_only=True):
    """A project's settings."""

    scale_to_zero: ProjectScaleToZero


class Project(Model, frozen=True, kw_only=True):
    """A project."""

    id: Identifier
    name: str
    created_at: Moment
    updated_at: Moment
    configuration: ProjectConfiguration


class BranchSummary(Model, frozen=True, kw_only=True):
    """A branch as create, update and list tell it. Lists leave `description` out: read one branch for it.

    `parent_id` may name a branch that is gone, and is None for roots.
    """

    id: Identifier
    name: str
    created_at: Moment
    updated_at: Moment
    region: Identifier
    parent_id: str | None = field(default=None, name="parentID")
    description: str | None = None


class Instance(Model, frozen=True, kw_only=True):
    """One Postgres server of a branch."""

    id: str
    status: str
    primary: bool
    target_primary: bool = False


class Status(Model, frozen=True, kw_only=True):
    """The state of a branch. `type_text` is the server's word (two spellings are known), `text` its phase in prose."""

    text: str = field(name="status")
    type_text: str = field(name="statusType")
    instance_count: int
    instance_ready_count: int
    instances: tuple[Instance, ...]

    @property
    def kind(self) -> StatusKind:
        """The state, `unknown` for a word that is not known here."""
        return _KINDS.get(self.type_text.upper().removeprefix("STATUS_TYPE_"), "unknown")


class Configuration(Model, frozen=True, kw_only=True):
    """What a branch runs on. `storage` in GiB, `replicas` beside the primary. Its region is the branch's own field."""

    image: str
    instance_type: str
    replicas: int
    storage: int | None = None


class BackupConfiguration(Model, frozen=True, kw_only=True):
    """Continuous backup: how many days it is kept, and when it is taken (`D:HH:MM`, D a day 0-6 or `*`, in UTC)."""

    retention_days: int | None = field(default=None, name="retentionPeriod")
    time: str | None = field(default=None, name="backupTime")


class Branch(BranchSummary, frozen=True, kw_only=True):
    """A branch in full. `backup_configuration` is None where the region has no backups.

    `address` is None while there are no credentials; servers that tell it in those, too, call this one deprecated.
    """

    status: Status
    backups_enabled: bool
    scale_to_zero: ScaleToZero
    configuration: Configuration
    backup_configuration: BackupConfiguration | None = None
    address: str | None = field(default=None, name="connectionString")

    def __post_init__(self) -> None:
        if self.address is not None:
            force_setattr(self, "address", _address(self.address))


class Credentials(Model, frozen=True, kw_only=True):
    """The log-in of a branch. Where it is is None from servers that tell only user and password."""

    username: Identifier
    password: Identifier
    hostname: str | None = None
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    dbname: str | None = None
    address: str | None = field(default=None, name="connectionString")

    def __post_init__(self) -> None:
        if self.address is not None:
            force_setattr(self, "address", _address(self.address))


class Backup(Model, frozen=True, kw_only=True):
    """The continuous backup of a branch. The two times are None before the first point that can be restored."""

    id: Identifier
    branch_id: Identifier = field(name="branchID")
    description: str = ""
    earliest_restore: Moment | None = None
    latest_restore: Moment | None = None


class Organizations(Model, frozen=True, kw_only=True):
    """`getOrganizationsList`."""

    organizations: tuple[Organization, ...]


class Regions(Model, frozen=True, kw_only=True):
    """`listRegions`."""

    regions: tuple[Region, ...]


class InstanceTypes(Model, frozen=True, kw_only=True):
    """`listInstanceTypes`."""

    instance_types: tuple[InstanceType, ...]


class Images(Model, frozen=True, kw_only=True):
    """`listImages`."""

    images: tuple[Image, ...]


class Projects(Model, frozen=True, kw_only=True):
    """`listProjects`: all of them, there are no pages."""

    projects: tuple[Project, ...]


class Branches(Model, frozen=True, kw_only=True):
    """`listBranches`: all of them, there are no pages."""

    branches: tuple[BranchSummary, ...]


class Body(Model, frozen=True, kw_only=True):
    """What all bodies share. A wrong name or description, or a body that asks for nothing, raises InputError."""

    def __post_init__(self) -> None:
        _validate_name(getattr(self, "name", None))
        if getattr(self, "description", None) == "":
            raise InputError(
                "the description is empty: most versions of Xata refuse that, and the newest clears it",
                next_step="give letters, digits, hyphens and spaces, or leave the description out to keep the old one",
            )
        if not self.to_json():
            raise InputError("the change changes nothing: no field is given", next_step="give at least one field")

    def to_json(self) -> dict[str, Any]:
        """The body as it travels."""
        body: dict[str, Any] = models.sent(self)
        return body


class _ProjectBody(Body, frozen=True, kw_only=True):
    scale_to_zero: ProjectScaleToZero | None = None

    @override
    def to_json(self) -> dict[str, Any]:
        body = super().to_json()
        scale_to_zero = body.pop("scaleToZero", None)
        return body | ({"configuration": {"scaleToZero": scale_to_zero}} if scale_to_zero else {})


class ProjectCreation(_ProjectBody, frozen=True, kw_only=True):
    """`createProject`."""

    name: str


class ProjectPatch(_ProjectBody, frozen=True, kw_only=True):
    """`updateProject`. Scale-to-zero travels with both halves: one alone would reset the other."""

    name: str | None = None


class ClusterConfiguration(Model, frozen=True, kw_only=True):
    """What a branch runs on: an image such as `postgres:18.1`, the region, the size, replicas beside the primary."""

    image: str
    region: str
    instance_type: str
    replicas: int = 0
    storage: int | None = None


class BranchCreation(Body, frozen=True, kw_only=True):
    """`createBranch`: a child of `parent_id`, or a root with a `configuration`; exactly one of the two."""

    name: str
    parent_id: str | None = None
    configuration: ClusterConfiguration | None = None
    description: str | None = None
    scale_to_zero: ScaleToZero | None = None
    backup_configuration: BackupConfiguration | None = None

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.parent_id) == (self.configuration is not None):
            raise InputError(
                f"the branch {self.name!r} needs a parent or a configuration of its own, and exactly one of the two",
                next_step="give the parent for a child; image, region and instance type for a root branch",
            )

    @override
    def to_json(self) -> dict[str, Any]:
        body = super().to_json()
        parent = body.pop("parentId", None)
        return body | ({"mode": "inherit", "parentID": parent} if parent else {"mode": "custom"})


class BranchPatch(Body, frozen=True, kw_only=True):
    """`updateBranch`. `storage` in GiB and only ever grows; `image` goes to another minor version of the same kind."""

    name: str | None = None
    description: str | None = None
    instance_type: str | None = None
    replicas: int | None = None
    storage: int | None = None
    image: str | None = None
    scale_to_zero: ScaleToZero | None = None
    backup_configuration: BackupConfiguration | None = None
    hibernate: bool | None = None


class Restore(Body, frozen=True, kw_only=True):
    """`restoreFromBackup`: the new branch, a child of the source. Without `configuration` it is sized as the source."""

    name: str
    description: str | None = None
    configuration: ClusterConfiguration | None = None
    scale_to_zero: ScaleToZero | None = None
    backup_configuration: BackupConfiguration | None = None


def _validate_name(name: str | None) -> None:
    if name is None:
        return
    if not name:
        fault = "is empty"
    elif any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        fault = "holds control characters"
    elif len(name.encode()) > LONGEST_NAME_BYTES:
        fault = f"is {len(name.encode())} bytes long, and {LONGEST_NAME_BYTES} are allowed"
    else:
        return
    raise InputError(f"the name {name[:60]!r} {fault}", next_step="choose another name, for example staging or pr-12")
