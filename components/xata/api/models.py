"""What the API answers, as frozen models. Pure.

Fields that are not named here are ignored and enumerations stay text, so a newer server is understood. What is named
and required must be there and of its type. Names and types are those of the API's OpenAPI document. Of a
`connectionString`, which holds a password, only the address is kept: passwords come from Credentials alone.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

StatusKind = Literal["healthy", "transient", "fault", "hibernated", "unknown"]

_KINDS: dict[str, StatusKind] = {
    "HEALTHY": "healthy",
    "TRANSIENT": "transient",
    "FAULT": "fault",
    "HIBERNATED": "hibernated",
}

NO_ADDRESS = "…"
"""Stands for a text that is no connection string, and that may hold anything."""

Identifier = Annotated[str, Field(min_length=1)]


def _address(connection_string: str) -> str:
    _, found, place = connection_string.rpartition("@" if "@" in connection_string else "://")
    return place.partition("?")[0] if found else connection_string and NO_ADDRESS


Address = Annotated[str, AfterValidator(_address)]
"""Of a connection string what stands between the user's part and the parameters: `host:port/database`."""


class Model(BaseModel):
    """What all models share: camel case on the wire, unknown fields ignored, no conversion of types, no changes."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        strict=True,
        hide_input_in_errors=True,
    )


class OrganizationStatus(Model):
    """Whether an organization is active: `enabled` or `disabled`, and why (`ok`, `invoice_overdue`, …)."""

    status: str
    billing_status: str = Field("", alias="billing_status")
    usage_tier: str = Field("", alias="usage_tier")


class Organization(Model):
    """An organization that the key can see."""

    id: Identifier
    name: str
    status: OrganizationStatus


class Region(Model):
    """A region on offer. `provider` is `aws`, `gcp` or `custom`; empty from servers that do not tell it."""

    id: Identifier
    backups_enabled: bool
    public_access: bool = True
    provider: str = ""


class InstanceType(Model):
    """A size on offer. `ram` in GiB; rates in dollars per hour, and per month and GB of storage."""

    name: Identifier
    vcpus: float
    ram: float
    hourly_rate: float = 0.0
    storage_monthly_rate: float = 0.0


class Image(Model):
    """A Postgres image on offer, such as `postgres:18.1`."""

    name: Identifier
    major_version: str
    full_version: str


class ProjectLimits(Model):
    """Limits that hold for any project. Instances are per branch and count the primary."""

    max_branches: int
    max_description_length: int
    max_instances: int
    min_instances: int


class EffectiveProjectLimits(Model):
    """Limits of one project. `max_allowed_instance_type` in thousandths of a virtual processor."""

    max_allowed_instance_type: int
    max_branches_per_hour: int
    max_branches_per_project: int
    max_description_length: int
    max_instances_per_branch: int
    min_instances_per_branch: int


class OrganizationLimits(EffectiveProjectLimits):
    """Limits of an organization: those of its projects, and its own."""

    max_branches_per_org: int
    max_projects: int
    max_projects_per_hour: int


class ScaleToZero(Model):
    """When a branch goes to sleep. Both fields always travel together: the server fills in what is missing (A6, A7)."""

    enabled: bool
    minutes: int = Field(alias="inactivityPeriodMinutes")


class ProjectScaleToZero(Model):
    """The default for branches with and without parent. Both always travel together: one alone resets the other."""

    base_branches: ScaleToZero
    child_branches: ScaleToZero


class ProjectConfiguration(Model):
    """A project's settings."""

    scale_to_zero: ProjectScaleToZero


class Project(Model):
    """A project."""

    id: Identifier
    name: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    configuration: ProjectConfiguration


class BranchSummary(Model):
    """A branch as create, update and list tell it. Lists leave `description` out: read one branch for it.

    `parent_id` may name a branch that is gone, and is None for roots.
    """

    id: Identifier
    name: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    region: Identifier
    parent_id: str | None = Field(None, alias="parentID")
    description: str | None = None


class Instance(Model):
    """One Postgres server of a branch."""

    id: str
    status: str
    primary: bool
    target_primary: bool = False


class Status(Model):
    """The state of a branch. `type_text` is the server's word (two spellings are known), `text` its phase in prose."""

    text: str = Field(alias="status")
    type_text: str = Field(alias="statusType")
    instance_count: int
    instance_ready_count: int
    instances: tuple[Instance, ...]

    @property
    def kind(self) -> StatusKind:
        """The state, `unknown` for a word that is not known here."""
        return _KINDS.get(self.type_text.upper().removeprefix("STATUS_TYPE_"), "unknown")


class Configuration(Model):
    """What a branch runs on. `storage` in GiB, `replicas` beside the primary. Its region is the branch's own field."""

    image: str
    instance_type: str
    replicas: int
    storage: int | None = None


class BackupConfiguration(Model):
    """Continuous backup: how many days it is kept, and when it is taken (`D:HH:MM`, D a day 0-6 or `*`, in UTC)."""

    retention_days: int | None = Field(None, alias="retentionPeriod")
    time: str | None = Field(None, alias="backupTime")


class Branch(BranchSummary):
    """A branch in full. `backup_configuration` is None where the region has no backups.

    `address` is None while there are no credentials; servers that tell it in those, too, call this one deprecated.
    """

    status: Status
    backups_enabled: bool
    scale_to_zero: ScaleToZero
    configuration: Configuration
    backup_configuration: BackupConfiguration | None = None
    address: Address | None = Field(None, alias="connectionString", repr=False)


class Credentials(Model):
    """The log-in of a branch. Where it is is None from servers that tell only user and password."""

    username: Identifier
    password: str = Field(min_length=1, repr=False)
    hostname: str | None = None
    port: int | None = Field(None, ge=1, le=65535)
    dbname: str | None = None
    address: Address | None = Field(None, alias="connectionString", repr=False)


class Backup(Model):
    """The continuous backup of a branch. The two times are None before the first point that can be restored."""

    id: Identifier
    branch_id: Identifier = Field(alias="branchID")
    description: str = ""
    earliest_restore: AwareDatetime | None = None
    latest_restore: AwareDatetime | None = None


class Organizations(Model):
    """`getOrganizationsList`."""

    organizations: tuple[Organization, ...]


class Regions(Model):
    """`listRegions`."""

    regions: tuple[Region, ...]


class InstanceTypes(Model):
    """`listInstanceTypes`."""

    instance_types: tuple[InstanceType, ...]


class Images(Model):
    """`listImages`."""

    images: tuple[Image, ...]


class Projects(Model):
    """`listProjects`: all of them, there are no pages."""

    projects: tuple[Project, ...]


class Branches(Model):
    """`listBranches`: all of them, there are no pages."""

    branches: tuple[BranchSummary, ...]
