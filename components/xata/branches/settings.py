"""What can change on a branch: how a branch differs from what is declared, and bringing it there.

Everything is read back: what the service accepts is not always what it keeps (`updateBranch` in the API document).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.errors import (
    AmbiguousError,
    BusyError,
    ConfigurationError,
    ConflictError,
    LifecycleError,
    NotFoundError,
)
from components.xata.api.models import BackupConfiguration, BranchPatch, ScaleToZero
from components.xata.branches.clock import SYSTEM, Deadline
from components.xata.branches.find import gone, read_branch
from components.xata.branches.image import image_refusal, is_any_minor_of
from components.xata.branches.ready import DEFAULT_TIMEOUT, pause_after, until_healthy
from components.xata.inputs import Settings

if TYPE_CHECKING:
    from components.xata.api.client import Client
    from components.xata.api.models import Branch
    from components.xata.branches.clock import Clock
    from components.xata.branches.place import Place

Differences = dict[str, tuple[Any, Any]]
"""Input name to (declared, found)."""

PATCH_ATTEMPTS = 5
READ_BACK_SECONDS = 10.0

SLEEP = {"scaleToZeroEnabled", "scaleToZeroMinutes"}
BACKUP = {"backupRetentionDays", "backupTime"}
SIZES = ("instanceType", "replicas", "storage")
STEPS = (tuple(name for name in Settings.names() if name not in {*SIZES, "image"}), SIZES, ("image",))
"""What goes into one request: sizes wait until the branch is healthy, and the service refuses image and size in one."""


def read_settings(branch: Branch) -> Settings:
    """The settings a branch has; None where it has none, such as backups in a region without."""
    backup = branch.backup_configuration
    nested: dict[str, Any] = {
        "description": branch.description,
        "scale_to_zero_enabled": branch.scale_to_zero.enabled,
        "scale_to_zero_minutes": branch.scale_to_zero.minutes,
        "backup_retention_days": backup.retention_days if backup else None,
        "backup_time": backup.time.strip() if backup and backup.time else None,
    }
    names = {field.attribute for field in Settings.fields()} - nested.keys()
    return Settings(**nested, **{name: getattr(branch.configuration, name) for name in names})


def differences(wanted: Settings, branch: Branch) -> Differences:
    """Where the branch differs from what is wanted: input name to (declared, found)."""
    found = read_settings(branch).properties()
    return {
        name: (declared, found.get(name))
        for name, declared in wanted.properties().items()
        if declared != found.get(name) and not (name == "image" and is_any_minor_of(declared, found.get(name)))
    }


def apply(
    client: Client,
    place: Place,
    branch_id: str,
    wanted: Settings,
    *,
    timeout_seconds: float = DEFAULT_TIMEOUT,
    clock: Clock = SYSTEM,
) -> Branch:
    """Change what differs and read it back; one read and no write when nothing differs.

    Sizes and the image are changed on a healthy branch only, and waited for.

    Raises:
        ConfigurationError: A setting cannot be had here: storage cannot shrink, the image is of another major
            version, the region keeps no backups.
        GoneError: The branch was deleted.
        LifecycleError: The branch reads back other values; the message names each.
    """
    deadline = Deadline(timeout_seconds, clock)
    branch = read_branch(client, place, branch_id)
    _require_possible(wanted, branch)
    for step in STEPS:
        part = Settings.of({name: value for name, value in wanted.properties().items() if name in step})
        if not differences(part, branch):
            continue
        resized = step != STEPS[0]
        if resized:
            branch = until_healthy(client, place, branch_id, deadline)
        branch = _changed(client, place, branch, part, deadline)
        if resized:
            branch = until_healthy(client, place, branch_id, deadline)
    if found := differences(wanted, branch):
        raise _not_applied(branch, found)
    return branch


def _changed(client: Client, place: Place, branch: Branch, part: Settings, deadline: Deadline) -> Branch:
    """Send what differs until it is taken. A request sets values, so sending it again changes nothing more."""
    for attempt in range(1, PATCH_ATTEMPTS + 1):
        if not differences(part, branch):
            return branch
        try:
            client.update_branch(place.organization, place.project, branch.id, _patch(part, branch))
        except NotFoundError as error:
            raise gone(branch.id, error) from error
        except (AmbiguousError, BusyError, ConflictError):  # a lost answer, or others at work on the branch
            if attempt == PATCH_ATTEMPTS or not deadline.pause(attempt):
                raise
            branch = read_branch(client, place, branch.id)
        else:
            break
    return _read_back(client, place, branch.id, part, deadline)


def _read_back(client: Client, place: Place, branch_id: str, part: Settings, deadline: Deadline) -> Branch:
    wait = Deadline(min(READ_BACK_SECONDS, deadline.left), deadline.clock)
    while True:
        branch = read_branch(client, place, branch_id)
        found = differences(part, branch)
        if not found:
            return branch
        if not wait.pause(pause_after(wait.elapsed)):
            raise _not_applied(branch, found)


def _patch(part: Settings, branch: Branch) -> BranchPatch:
    """Both halves of a pair always travel: the service fills in a missing one, and not with what is there."""
    changed = {name: declared for name, (declared, _) in differences(part, branch).items()}
    sleep, backup = branch.scale_to_zero, branch.backup_configuration or BackupConfiguration()
    scale_to_zero = ScaleToZero(
        enabled=changed.get("scaleToZeroEnabled", sleep.enabled),
        minutes=changed.get("scaleToZeroMinutes", sleep.minutes),
    )
    backup_configuration = BackupConfiguration(
        retention_days=changed.get("backupRetentionDays", backup.retention_days),
        time=changed.get("backupTime", backup.time),
    )
    flat = {field.attribute: changed[field.name] for field in Settings.fields() if field.name in changed}
    return BranchPatch(
        scale_to_zero=scale_to_zero if changed.keys() & SLEEP else None,
        backup_configuration=backup_configuration if changed.keys() & BACKUP else None,
        **{name: value for name, value in flat.items() if name in BranchPatch.__struct_fields__},
    )


def _require_possible(wanted: Settings, branch: Branch) -> None:
    if (wanted.backup_retention_days or wanted.backup_time) and not branch.backups_enabled:
        raise ConfigurationError(
            f"backups are declared for the branch {branch.name!r}, and its region {branch.region} keeps none",
            next_step="use a region with backups (./infra doctor lists them), or declare no backups",
        )
    size = branch.configuration.storage
    if wanted.storage is not None and size is not None and wanted.storage < size:
        raise ConfigurationError(
            f"storage: declared {wanted.storage} GB, and the branch {branch.name!r} has {size} GB; storage only grows",
            next_step=f"set infra:storageGigabytes to {size} or more",
        )
    found = branch.configuration.image
    if wanted.image and (reason := image_refusal(found, wanted.image)):
        raise ConfigurationError(
            f"image: declared {wanted.image}, and the branch {branch.name!r} runs {found}: {reason}",
            next_step="declare what it runs; to change the major version, create another branch and move the data",
        )


def _not_applied(branch: Branch, found: Differences) -> LifecycleError:
    named = "; ".join(f"{name}: declared {declared!r}, found {value!r}" for name, (declared, value) in found.items())
    return LifecycleError(
        f"the branch {branch.name!r} ({branch.id}) does not have the settings that were declared: {named}",
        next_step="run it again; if it stays so, declare what the service keeps, or look who else changes the branch",
    )
