"""What a wanted branch or project must be like: checks of one request, without any state.

Source: services/projects/api/handler.go, and the custom resource of the branch operator for what only it refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloud_sandbox.xata import messages
from cloud_sandbox.xata.models import ScaleToZero

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloud_sandbox.xata.settings import Organization, Settings

MIN_RETENTION, MAX_RETENTION, DEFAULT_RETENTION = 2, 35, 2
BACKUP_TIME = re.compile(r"(\*|[0-6]):(0[0-9]|1[0-9]|2[0-3]):([0-5][0-9])")
DESCRIPTION = re.compile(r"[a-zA-Z0-9]+[a-zA-Z0-9- ]*")
NEWEST_DESCRIPTION = re.compile(r"([a-zA-Z0-9][a-zA-Z0-9 _./:-]*)?")
LONGEST_NAME = 2600  # bytes that fit a row of the database's index
DEFAULT_MINUTES, MAX_MINUTES = 30, 1440
DEFAULT_STORAGE, MAX_STORAGE = 250, 1024
MAX_INSTANCES = 5
CUSTOM_SIZE = "custom"

APRIL_LIMITS = {
    "maxAllowedInstanceType": 0,
    "maxBranchesPerHour": 0,
    "maxBranchesPerOrg": 0,
    "maxBranchesPerProject": 100,
    "maxDescriptionLength": 50,
    "maxInstancesPerBranch": 5,
    "maxProjects": 0,
    "maxProjectsPerHour": 0,
    "minInstancesPerBranch": 1,
}
TIERS = {
    "t1": {
        "maxAllowedInstanceType": 2000,
        "maxBranchesPerHour": 100,
        "maxBranchesPerOrg": 200,
        "maxBranchesPerProject": 200,
        "maxDescriptionLength": 50,
        "maxInstancesPerBranch": 5,
        "maxProjects": 10,
        "maxProjectsPerHour": 5,
        "minInstancesPerBranch": 1,
    },
    "t2": {
        "maxAllowedInstanceType": 8000,
        "maxBranchesPerHour": 50,
        "maxBranchesPerOrg": 1000,
        "maxBranchesPerProject": 100,
        "maxDescriptionLength": 50,
        "maxInstancesPerBranch": 5,
        "maxProjects": 100,
        "maxProjectsPerHour": 20,
        "minInstancesPerBranch": 1,
    },
}
NEWEST_LIMITS = {"maxDescriptionLength": 255, "maxStorageGBPerBranch": MAX_STORAGE}
"""What the newest source has besides or instead. The names are the source's; the amount of storage is assumed."""
OF_A_PROJECT = (
    "maxAllowedInstanceType",
    "maxBranchesPerHour",
    "maxBranchesPerProject",
    "maxDescriptionLength",
    "maxInstancesPerBranch",
    "maxStorageGBPerBranch",
    "minInstancesPerBranch",
)
DEFAULT_PROJECT_LIMITS = {"maxBranches": 100, "maxDescriptionLength": 50, "maxInstances": 5, "minInstances": 1}


def limits(settings: Settings, organization: Organization) -> dict[str, int]:
    """An organization's limits; 0 is none. Tier t1 has no exceptions, an unknown tier counts as t1."""
    if settings.is_april:
        return APRIL_LIMITS
    newest = NEWEST_LIMITS if settings.is_current else {}
    if organization.tier != "t2":
        return TIERS["t1"] | newest
    known = TIERS["t2"] | newest
    return known | {name: value for name, value in organization.limits.items() if name in known}


def check_description(settings: Settings, organization: Organization, text: str | None) -> None:
    """Refuse a description that is too long (bytes) or has other characters. An empty one clears it in the newest."""
    if text is None:
        return
    limit = limits(settings, organization)["maxDescriptionLength"]
    if len(text.encode()) > limit:
        raise messages.too_long(limit)
    if not (NEWEST_DESCRIPTION if settings.is_current else DESCRIPTION).fullmatch(text):
        raise messages.bad_description(text)


def check_storage_wish(branch: str, wanted: int | None, highest: int) -> None:
    """Refuse a size of storage, in GiB, that no branch may have. The newest source alone looks at it so early."""
    if wanted is not None and wanted < 1:
        raise messages.invalid("storage", "storage size must be at least 1 GB", branch=branch)
    if wanted is not None and 0 < highest < wanted:
        raise messages.invalid("storage", f"storage size exceeds the maximum of {highest} GB", branch=branch)


def check_backup(branch: str, backup: Mapping[str, Any] | None) -> None:
    """Refuse a retention or a time out of range. `branch` is what the message calls it."""
    if backup is None:
        return
    days, time = backup.get("retentionPeriod"), backup.get("backupTime")
    if days is not None and not MIN_RETENTION <= days <= MAX_RETENTION:
        text = f"must be at least {MIN_RETENTION} days and maximum {MAX_RETENTION} days"
        raise messages.invalid("backup retentionPeriod", text, branch=branch)
    if time is not None and not BACKUP_TIME.fullmatch(time.strip()):
        text = f"invalid backup time format '{time}', must match format 'D:HH:MM' where D= * or 0-6, HH=00-23, MM=00-59"
        raise messages.invalid("backup time", text, branch=branch)


def check_backups_offered(branch: str, backup: object, *, offered: bool) -> None:
    """Refuse a backup setting, even an empty one, where the region has no backups."""
    if not offered and backup is not None:
        text = "backup configuration cannot be specified when backups are disabled in the selected region"
        raise messages.invalid("backupConfiguration", text, branch=branch)


def check_replicas(branch: str, replicas: int, lowest: int, highest: int) -> None:
    """Refuse a number of replicas out of the organization's range of instances."""
    instances = replicas + 1
    if instances < lowest:
        text = f"number of replicas requires at least {lowest} instance(s)"
        raise messages.invalid("configuration", text, branch=branch)
    if instances > highest:
        text = f"number of replicas exceeds the maximum of {highest} instance(s)"
        raise messages.invalid("configuration", text, branch=branch)


def check_stored(text: str | None) -> None:
    """Fail as the database does: on a NUL character, and on a name that is too long for its unique index."""
    if text is not None and ("\0" in text or len(text.encode()) > LONGEST_NAME):
        raise messages.internal("the database can not store this text")


def check_resource(branch: str, *, instances: int | None = None, minutes: int | None = None) -> None:
    """Refuse what the branch's custom resource does not allow.

    Raises:
        ClusterError: A number is out of range.
    """
    for field, value, lowest, highest in (
        ("spec.cluster.instances", instances, 1, MAX_INSTANCES),
        ("spec.cluster.scaleToZero.inactivityPeriodMinutes", minutes, 1, MAX_MINUTES),
    ):
        if value is not None and value < lowest:
            raise messages.malformed_resource(branch, field, value, f"greater than or equal to {lowest}")
        if value is not None and value > highest:
            raise messages.malformed_resource(branch, field, value, f"less than or equal to {highest}")


def check_storage(branch: str, wanted: int, present: int, *, shrinks: bool) -> None:
    """Refuse a size of storage, in GiB.

    Raises:
        ClusterError: It is too large, negative, or smaller than the present one where that is checked.
    """
    if wanted > MAX_STORAGE:
        text = f"storage size cannot exceed {MAX_STORAGE}Gi (requested: {wanted}Gi)"
        raise messages.ClusterError("InvalidArgument", text)
    field = "spec.cluster.storage.size"
    start = f'invalid resource: Branch.xata.io "{branch}" is invalid: {field}: Invalid value: "{wanted}Gi": '
    if wanted < 0:
        rule = rf"{field} in body should match '^\d+(\.\d+)?(Gi|Ti)$'"
        raise messages.ClusterError("InvalidArgument", start + rule)
    if wanted < present and not shrinks:
        raise messages.ClusterError("InvalidArgument", start + "storage size cannot be decreased")


def branch_scale(given: Mapping[str, Any]) -> ScaleToZero:
    """A branch's own setting: no minutes, or 0, become the custom resource's default."""
    return ScaleToZero(
        enabled=given.get("enabled", False), minutes=given.get("inactivityPeriodMinutes", 0) or DEFAULT_MINUTES
    )


def project_scale(given: Mapping[str, Any] | None) -> ScaleToZero:
    """A project's default: what is not positive becomes 30; there is no upper limit."""
    given = given or {}
    minutes = given.get("inactivityPeriodMinutes", 0)
    return ScaleToZero(enabled=given.get("enabled", False), minutes=minutes if minutes > 0 else DEFAULT_MINUTES)


def cidrs(given: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The entries of an address filter as they are shown again; nothing about them is checked."""
    entries = [{"cidr": entry.get("cidr", ""), "description": entry.get("description") or ""} for entry in given]
    return [{name: value for name, value in entry.items() if name == "cidr" or value} for entry in entries]


@dataclass(frozen=True, kw_only=True)
class BackupWish:
    """A schedule as it will be stored; what was not given is None."""

    time: str | None
    days: int | None


def backup_wish(given: Mapping[str, Any] | None) -> BackupWish:
    """The wanted schedule, blanks around the time cut off."""
    time = (given or {}).get("backupTime")
    return BackupWish(time=time.strip() if time else None, days=(given or {}).get("retentionPeriod"))
