"""What can change on a branch: what is wrong with declared values, how a branch differs, and bringing it there.

Everything is read back: what the service accepts is not always what it keeps (`updateBranch` in the API document).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

from components.errors import ConfigurationError
from components.xata.api.bodies import BranchPatch
from components.xata.api.errors import AmbiguousError, BusyError, ConflictError, NotFoundError
from components.xata.api.models import BackupConfiguration, ScaleToZero
from components.xata.branches.clock import SYSTEM, Deadline
from components.xata.branches.errors import SettingsNotAppliedError
from components.xata.branches.find import gone, read_branch
from components.xata.branches.ownership import unfit_description
from components.xata.branches.ready import DEFAULT_TIMEOUT, pause_after, until_healthy
from components.xata.branches.specs import MOST_REPLICAS, parse_image, unfit_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from components.xata.api.client import Client
    from components.xata.api.models import Branch
    from components.xata.branches.clock import Clock
    from components.xata.branches.place import Place

Differences = dict[str, tuple[Any, Any]]
"""Input name to (declared, found)."""

_BACKUP_TIME = re.compile(r"(?:\*|[0-6]):(?:[01][0-9]|2[0-3]):[0-5][0-9]")
BACKUP_TIME_RULE = "D:HH:MM in UTC, D being 0 (Sunday) to 6 or * for every day, for example *:02:30"
PATCH_ATTEMPTS = 5
READ_BACK_SECONDS = 10.0

STEPS = (
    ("description", "scaleToZeroEnabled", "scaleToZeroMinutes", "backupRetentionDays", "backupTime"),
    ("instanceType", "replicas", "storage"),
    ("image",),
)
"""What goes into one request: sizes wait until the branch is healthy, and the service refuses image and size in one."""


@dataclass(frozen=True, kw_only=True)
class BranchSettings:
    """Settings of a branch; what is None is left as it is.

    Attributes:
        description: 1 to 50 letters, digits, hyphens and spaces; begin it with ownership.mark(). Cannot be cleared.
        scale_to_zero_enabled: Whether the branch sleeps when unused.
        scale_to_zero_minutes: After how many minutes; 1 to 1440.
        backup_retention_days: 2 to 35.
        backup_time: `D:HH:MM` in UTC; D is 0 (Sunday) to 6, or `*` for every day.
        instance_type: For example `xata.micro`.
        replicas: Besides the primary; 0 to 4.
        storage: Gigabytes; only grows.
        image: Of the same offering and major, for example `postgres:18.1`; `postgres:18` is any minor of it.
    """

    description: str | None = None
    scale_to_zero_enabled: bool | None = None
    scale_to_zero_minutes: int | None = None
    backup_retention_days: int | None = None
    backup_time: str | None = None
    instance_type: str | None = None
    replicas: int | None = None
    storage: int | None = None
    image: str | None = None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


INPUTS = {_camel(field.name): field.name for field in fields(BranchSettings)}
"""Input name to attribute."""


def _whole(lowest: int, highest: int | None, unit: str) -> Callable[[Any], str]:
    allowed = f"whole {unit}, {lowest} to {highest}" if highest else f"whole {unit}, at least {lowest}"

    def judge(value: Any) -> str:
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= lowest
        return "" if fits and (highest is None or value <= highest) else f"got {value!r}; allowed: {allowed}"

    return judge


def unfit_truth(value: Any) -> str:
    """Why this is not true or false, in words; empty when it is."""
    return "" if isinstance(value, bool) else f"got {value!r}; allowed: true or false"


def _backup_time(value: Any) -> str:
    fits = isinstance(value, str) and _BACKUP_TIME.fullmatch(value.strip())
    return "" if fits else f"got {value!r}; allowed: {BACKUP_TIME_RULE}"


def _word(value: Any) -> str:
    fits = isinstance(value, str) and re.fullmatch(r"\S+", value)
    return "" if fits else f"got {value!r}; allowed: one word, for example xata.micro"


unfit_minutes = _whole(1, 1440, "minutes")
"""Why a branch cannot sleep after this many minutes, in words; empty when it can."""

_JUDGES: Mapping[str, Callable[[Any], str]] = {
    "description": unfit_description,
    "scaleToZeroEnabled": unfit_truth,
    "scaleToZeroMinutes": unfit_minutes,
    "backupRetentionDays": _whole(2, 35, "days"),
    "backupTime": _backup_time,
    "instanceType": _word,
    "replicas": _whole(0, MOST_REPLICAS, "replicas"),
    "storage": _whole(1, None, "gigabytes"),
    "image": partial(unfit_image, exact=False),
}


def judge_settings(inputs: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with declared settings: input name (scaleToZeroMinutes, …) to reason. For previews; no request."""
    judged = {name: judge(inputs[name]) for name, judge in _JUDGES.items() if inputs.get(name) is not None}
    return {name: reason for name, reason in judged.items() if reason}


def settings_from(inputs: Mapping[str, Any]) -> BranchSettings:
    """Settings from input names (scaleToZeroMinutes, …), the backup's time normalised; unknown keys are ignored.

    Raises:
        ConfigurationError: `judge_settings` finds something wrong.
    """
    if wrong := judge_settings(inputs):
        raise ConfigurationError(
            "; ".join(f"{name}: {reason}" for name, reason in wrong.items()),
            next_step="correct it in the stack's configuration",
        )
    values = {attribute: inputs.get(name) for name, attribute in INPUTS.items()}
    if values["backup_time"] is not None:
        values["backup_time"] = values["backup_time"].strip()
    return BranchSettings(**values)


def inputs_of(settings: BranchSettings) -> dict[str, Any]:
    """The reverse of `settings_from`: input names to values, without those that are None."""
    values = {name: getattr(settings, attribute) for name, attribute in INPUTS.items()}
    return {name: value for name, value in values.items() if value is not None}


def only(settings: BranchSettings, names: Iterable[str]) -> BranchSettings:
    """The settings of these input names, the others left alone."""
    return BranchSettings(**{INPUTS[name]: getattr(settings, INPUTS[name]) for name in names})


def read_settings(branch: Branch) -> BranchSettings:
    """The settings a branch has; None where it has none, such as backups in a region without."""
    backup = branch.backup_configuration
    return BranchSettings(
        description=branch.description,
        scale_to_zero_enabled=branch.scale_to_zero.enabled,
        scale_to_zero_minutes=branch.scale_to_zero.minutes,
        backup_retention_days=backup.retention_days if backup else None,
        backup_time=backup.time.strip() if backup and backup.time else None,
        instance_type=branch.configuration.instance_type,
        replicas=branch.configuration.replicas,
        storage=branch.configuration.storage,
        image=branch.configuration.image,
    )


def differences(wanted: BranchSettings, branch: Branch) -> Differences:
    """Where the branch differs from what is wanted: input name to (declared, found)."""
    found = inputs_of(read_settings(branch))
    return {
        name: (declared, found.get(name))
        for name, declared in inputs_of(wanted).items()
        if declared != found.get(name) and not (name == "image" and _any_minor(declared, found.get(name)))
    }


def _any_minor(declared: str, found: str | None) -> bool:
    """Whether an image declared without its minor version is what runs."""
    wanted, running = parse_image(declared), parse_image(found or "")
    if wanted is None or running is None or wanted.minor is not None:
        return False
    return (wanted.offering, wanted.major) == (running.offering, running.major)


def apply(
    client: Client,
    place: Place,
    branch_id: str,
    wanted: BranchSettings,
    *,
    timeout_seconds: float = DEFAULT_TIMEOUT,
    clock: Clock = SYSTEM,
) -> Branch:
    """Change what differs and read it back; one read and no write when nothing differs.

    Sizes and the image are changed on a healthy branch only, and waited for.

    Raises:
        ConfigurationError: A setting is wrong, or cannot be had here: storage cannot shrink, the image is of
            another major version, the region keeps no backups.
        GoneError: The branch was deleted.
        SettingsNotAppliedError: The branch reads back other values; the message names each.
    """
    wanted = settings_from(inputs_of(wanted))
    deadline = Deadline(timeout_seconds, clock)
    branch = read_branch(client, place, branch_id)
    _require_possible(wanted, branch)
    for step in STEPS:
        part = only(wanted, step)
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


def _changed(client: Client, place: Place, branch: Branch, part: BranchSettings, deadline: Deadline) -> Branch:
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


def _read_back(client: Client, place: Place, branch_id: str, part: BranchSettings, deadline: Deadline) -> Branch:
    wait = Deadline(min(READ_BACK_SECONDS, deadline.left), deadline.clock)
    while True:
        branch = read_branch(client, place, branch_id)
        found = differences(part, branch)
        if not found:
            return branch
        if not wait.pause(pause_after(wait.elapsed)):
            raise _not_applied(branch, found)


def _patch(part: BranchSettings, branch: Branch) -> BranchPatch:
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
    return BranchPatch(
        description=changed.get("description"),
        scale_to_zero=scale_to_zero if changed.keys() & {"scaleToZeroEnabled", "scaleToZeroMinutes"} else None,
        backup_configuration=backup_configuration if changed.keys() & {"backupRetentionDays", "backupTime"} else None,
        instance_type=changed.get("instanceType"),
        replicas=changed.get("replicas"),
        storage=changed.get("storage"),
        image=changed.get("image"),
    )


def _require_possible(wanted: BranchSettings, branch: Branch) -> None:
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
    _require_same_major(wanted, branch)


def _require_same_major(wanted: BranchSettings, branch: Branch) -> None:
    declared = parse_image(wanted.image) if wanted.image else None
    found = parse_image(branch.configuration.image)
    if declared is None or found is None:
        return
    if (declared.offering, declared.major) == (found.offering, found.major):
        if declared.minor is None or found.minor is None or declared.minor >= found.minor:
            return
        problem = "a branch does not go back to an older minor version"
    else:
        problem = "a branch keeps its kind and major version for life"
    raise ConfigurationError(
        f"image: declared {wanted.image}, and the branch {branch.name!r} runs {branch.configuration.image}; {problem}",
        next_step="declare what it runs; to change the major version, create another branch and move the data",
    )


def _not_applied(branch: Branch, found: Differences) -> SettingsNotAppliedError:
    named = "; ".join(f"{name}: declared {declared!r}, found {value!r}" for name, (declared, value) in found.items())
    return SettingsNotAppliedError(
        f"the branch {branch.name!r} ({branch.id}) does not have the settings that were declared: {named}",
        next_step="run it again; if it stays so, declare what the service keeps, or look who else changes the branch",
    )
