"""The bodies of successful answers, with exactly the keys the real server sends.

Source: services/projects/api/api_adapter.go and what was observed; parts the older server lacks are left out for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloud_sandbox.wire import moment
from cloud_sandbox.xata import life

if TYPE_CHECKING:
    from cloud_sandbox.xata.models import Backup, Branch, Project, ScaleToZero
    from cloud_sandbox.xata.settings import Region, Settings
    from cloud_sandbox.xata.world import World

USER = DATABASE = "xata"
DEFAULT_PORT = 5432
DEPRECATED = "-deprecated"


def scale(value: ScaleToZero) -> dict[str, Any]:
    """One half of a scale-to-zero setting."""
    return {"enabled": value.enabled, "inactivityPeriodMinutes": value.minutes}


def project(value: Project) -> dict[str, Any]:
    """A project. The address filter shows only when it says something."""
    configuration: dict[str, Any] = {}
    if value.filtering or value.cidrs:
        configuration["ipFiltering"] = {"cidr": value.cidrs, "enabled": value.filtering}
    configuration["scaleToZero"] = {"baseBranches": scale(value.base), "childBranches": scale(value.child)}
    return {
        "configuration": configuration,
        "createdAt": moment(value.created),
        "id": value.id,
        "name": value.name,
        "updatedAt": moment(value.updated),
    }


def _authority(settings: Settings, host: str) -> str:
    return host if settings.port in {0, DEFAULT_PORT} else f"{host}:{settings.port}"


def connection_string(world: World, branch: Branch, now: int) -> str | None:
    """The deprecated field of branch answers; None while there is no secret. It carries the password."""
    if branch.life.gone or not life.has_secret(branch, now):
        return None
    label = branch.id + (DEPRECATED if world.settings.since_august else "")
    place = _authority(world.settings, world.settings.host(label, branch.region))
    return f"postgresql://{USER}:{branch.cluster.password}@{place}/{DATABASE}?sslmode=require"


def credentials(world: World, branch: Branch) -> dict[str, Any]:
    """The credentials, in the shape the settings ask for. The newer string has no sslmode."""
    two = {"password": branch.cluster.password, "username": USER}
    if world.settings.shape == "two":
        return two
    host = world.settings.host(branch.id, branch.region)
    place = _authority(world.settings, host)
    string = f"postgresql://{USER}:{branch.cluster.password}@{place}/{DATABASE}"
    port = world.settings.port or DEFAULT_PORT
    return _sorted({"connectionString": string, "dbname": DATABASE, "hostname": host, **two, "port": port})


def _common(branch: Branch, *, public: bool) -> dict[str, Any]:
    described = {} if branch.description is None else {"description": branch.description}
    return described | {
        "createdAt": moment(branch.created),
        "id": branch.id,
        "name": branch.name,
        "parentID": branch.parent,
        "publicAccess": public,
        "region": branch.region,
        "updatedAt": moment(branch.updated),
    }


def _sorted(body: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(body.items()))


def _is_public(world: World, branch: Branch) -> bool:
    return any(region.id == branch.region and region.public for region in world.settings.regions)


def short(world: World, branch: Branch, *, public: bool = True) -> dict[str, Any]:
    """A branch as create and update answer; an update always says that it is not public."""
    body = _common(branch, public=public and _is_public(world, branch))
    return _sorted(body | {"connectionString": connection_string(world, branch, world.now)})


def listed(world: World, branch: Branch) -> dict[str, Any]:
    """A branch in a list: without its description, and always without backups."""
    body = _common(branch, public=_is_public(world, branch)) | {"backupsEnabled": False}
    body.pop("description", None)
    return _sorted(body)


def full(world: World, branch: Branch) -> dict[str, Any]:
    """A branch with its status and settings."""
    cluster = branch.cluster
    body = _common(branch, public=_is_public(world, branch)) | {
        "backupsEnabled": _has_backups(world.settings.regions, branch.region),
        "configuration": _configuration(branch),
        "connectionString": connection_string(world, branch, world.now),
        "scaleToZero": scale(cluster.scale),
        "status": status(world, branch),
    }
    if cluster.backup:
        body["backupConfiguration"] = backup_schedule(cluster.backup)
    return _sorted(body)


def backup_schedule(backup: Backup) -> dict[str, Any]:
    """The backup setting as it is read back."""
    return {"backupTime": backup.time, "retentionPeriod": backup.days}


def _has_backups(regions: tuple[Region, ...], name: str) -> bool:
    return any(region.id == name and region.backups for region in regions)


def _configuration(branch: Branch) -> dict[str, Any]:
    cluster = branch.cluster
    return {
        "image": cluster.image,
        "instanceType": cluster.size,
        "postgresConfigurationParameters": dict(sorted(cluster.parameters.items())),
        "preloadLibraries": cluster.libraries or None,
        "region": "",
        "replicas": cluster.replicas,
        "storage": cluster.storage,
    }


def status(world: World, branch: Branch) -> dict[str, Any]:
    """The status: text and type, and the instances once they are reported."""
    found = life.status(branch, world.now)
    count = branch.cluster.replicas + 1 if found.reported else 0
    instances = [
        {
            "id": f"{branch.id}-{number}",
            "primary": number == 1,
            "status": "healthy" if found.ready else "Unknown",
            "targetPrimary": number == 1,
        }
        for number in range(1, count + 1)
    ]
    return {
        "instanceCount": count,
        "instanceReadyCount": count if found.ready else 0,
        "instances": instances,
        "message": found.text,
        "status": found.text,
        "statusType": f"STATUS_TYPE_{found.kind}" if world.settings.status_prefix else found.kind,
    }
