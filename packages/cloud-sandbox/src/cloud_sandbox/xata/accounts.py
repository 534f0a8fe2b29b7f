"""Organizations, catalogue and limits: operations that only read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from cloud_sandbox.wire import Reply
from cloud_sandbox.xata import messages, rules
from cloud_sandbox.xata.catalogue import INSTANCE_TYPES, rates
from cloud_sandbox.xata.messages import RefusedError

if TYPE_CHECKING:
    from cloud_sandbox.xata.world import Call, World

LAST_UPDATED = "2026-01-01T00:00:00Z"
"""When an organization's status changed last: nothing here changes it."""


def _parameter(call: Call, name: str, *, required: bool = False) -> str | None:
    """A query parameter that may be given once."""
    values = parse_qs(call.request.query, keep_blank_values=True).get(name, [])
    if not values and required:
        raise RefusedError(400, f"Invalid format for parameter {name}: query parameter '{name}' is required")
    if len(values) > 1:
        text = f"multiple values for single value parameter '{name}'"
        raise RefusedError(400, f"Invalid format for parameter {name}: {text}")
    return values[0] if values else None


def username(call: Call) -> str | None:
    """The query's user name."""
    return _parameter(call, "username")


def _organization(world: World, name: str) -> dict[str, Any]:
    found = world.organization(name)
    status = {
        "billing_status": "ok" if found.status == "enabled" else "invoice_overdue",
        "disabled_by_admin": False,
        "last_updated": LAST_UPDATED,
        "status": found.status,
        "usage_tier": found.tier,
    }
    return {"id": found.id, "name": found.name, "status": status}


def list_organizations(world: World, call: Call) -> Reply:
    """GET /organizations: the key's own one."""
    own = call.key.organization or world.settings.organization
    return Reply(body={"organizations": [_organization(world, own)]})


def get_organization(world: World, call: Call) -> Reply:
    """GET /organizations/{organizationID}."""
    return Reply(body=_organization(world, call.organization))


def regions(world: World, call: Call) -> Reply:
    """GET …/regions."""
    listed = []
    for region in world.catalogue.regions(call.organization):
        entry: dict[str, Any] = {"id": region.id, "publicAccess": region.public, "backupsEnabled": region.backups}
        if not world.settings.is_april:
            entry["provider"] = region.provider
        listed.append(entry | {"organizationId": region.organization})
    return Reply(body={"regions": listed})


def images(world: World, call: Call) -> Reply:
    """GET …/images."""
    region = _parameter(call, "region")
    if region is not None:
        world.catalogue.require_region(call.organization, region)
    names = world.catalogue.images
    versions = [name.rpartition(":")[2] for name in names]
    return Reply(
        body={
            "images": [
                {"fullVersion": version, "majorVersion": version.partition(".")[0], "name": name}
                for name, version in zip(names, versions, strict=True)
            ]
        }
    )


def sizes(world: World, call: Call) -> Reply:
    """GET …/instanceTypes: the same in every region, the rates apart."""
    region = _parameter(call, "region", required=True) or ""
    world.catalogue.require_region(call.organization, region)
    listed = []
    for size in INSTANCE_TYPES:
        hourly, monthly = rates(size, region)
        listed.append(
            {
                "name": size.name,
                "vcpus": size.requested,
                "ram": size.memory,
                "hourlyRate": hourly,
                "storageMonthlyRate": monthly,
                "region": "",
            }
        )
    return Reply(body={"instanceTypes": listed})


def organization_limits(world: World, call: Call) -> Reply:
    """GET …/limits."""
    return Reply(body=rules.limits(world.settings, world.organization(call.organization)))


def default_limits(world: World, call: Call) -> Reply:
    """GET …/projects/limits: constants, whatever the organization's limits are."""
    del world, call
    return Reply(body=rules.DEFAULT_PROJECT_LIMITS)


def project_limits(world: World, call: Call) -> Reply:
    """GET …/projects/{projectID}/limits: announced at first, and built in the newest source."""
    with world.mutex:
        world.project(call.organization, call.project)
    if not world.settings.is_current:
        raise messages.not_implemented()
    limits = rules.limits(world.settings, world.organization(call.organization))
    return Reply(body={name: limits[name] for name in rules.OF_A_PROJECT})
