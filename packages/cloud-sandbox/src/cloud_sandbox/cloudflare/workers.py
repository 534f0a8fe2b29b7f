"""Workers as the newer API has them: made without code, versions edited by merge-patch.

API: /accounts/{account}/workers/workers[/{worker}], where {worker} is a name or an id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import bindings as rules
from cloud_sandbox.cloudflare import errors, shapes, uploads
from cloud_sandbox.cloudflare.world import Call, Enveloped, World, listed

if TYPE_CHECKING:
    from cloud_sandbox.cloudflare.models import Worker

LATEST = "latest"


def list_all(world: World, call: Call) -> Enveloped:
    """`GET …/workers`."""
    return listed([shapes.worker(worker, world.subdomain) for worker in world.workers.values()], call)


def get_one(world: World, call: Call) -> Enveloped:
    """`GET …/workers/{worker}`."""
    return Enveloped(result=shapes.worker(world.worker(call.values["worker"]), world.subdomain))


def create(world: World, call: Call) -> Enveloped:
    """`POST …/workers`: a Worker without any version."""
    body = call.body
    name = body.get("name")
    if not isinstance(name, str):
        raise errors.invalid("`name` has to be a text")
    if name in world.workers:
        raise errors.ApiError(409, 10013, f"A Worker named '{name}' already exists")
    found = world.create(name)
    _edit(found, body)
    return Enveloped(result=shapes.worker(found, world.subdomain))


def patch(world: World, call: Call) -> Enveloped:
    """`PATCH …/workers/{worker}`: a merge-patch."""
    found, body = world.worker(call.values["worker"]), call.body
    _edit(found, body)
    found.modified = world.clock()
    return Enveloped(result=shapes.worker(found, world.subdomain))


def _edit(found: Worker, body: dict[str, Any]) -> None:
    found.settings |= {name: body[name] for name in uploads.UNVERSIONED if name in body}
    for name, value in (body.get("subdomain") or {}).items():
        if name in found.subdomain and type(value) is bool:
            found.subdomain[name] = value


def delete(world: World, call: Call) -> Enveloped:
    """`DELETE …/workers/{worker}`."""
    world.remove(world.worker(call.values["worker"]))
    return Enveloped()


def versions(world: World, call: Call) -> Enveloped:
    """`GET …/workers/{worker}/versions`: the newest first."""
    found = world.worker(call.values["worker"])
    return listed([shapes.beta_version(found, version) for version in reversed(found.versions)], call)


def get_version(world: World, call: Call) -> Enveloped:
    """`GET …/workers/{worker}/versions/{version}`, or `latest`."""
    found, wanted = world.worker(call.values["worker"]), call.values["version"]
    if found.latest is None:
        raise errors.no_versions()
    version = found.latest if wanted == LATEST else found.version(wanted)
    if version is None:
        raise errors.version_not_found(wanted)
    return Enveloped(result=shapes.beta_version(found, version))


def patch_version(world: World, call: Call) -> Enveloped:
    """`PATCH …/workers/{worker}/versions/latest`: a version with changed bindings, which is not deployed.

    Until it is, secrets (10215) and settings (10214) of the Worker cannot be edited.
    """
    found, body = world.worker(call.values["worker"]), call.body
    latest = found.latest
    if call.values["version"] != LATEST:
        raise errors.invalid("only the version `latest` can be the base of a new one")
    if latest is None:
        raise errors.no_versions()
    changes = body.get("env") or {}
    rules.refuse_taken(latest.bindings, [name for name, value in changes.items() if _is_secret(value)])
    annotations = {name: str(value) for name, value in (body.get("annotations") or {}).items() if value}
    version = world.add_version(
        found,
        uploads.with_dates(latest.script, body),
        rules.merged(latest.bindings, changes),
        source=call.source,
        annotations={"workers/triggered_by": "secret", **annotations},
        extra=latest.extra,
    )
    return Enveloped(result=shapes.beta_version(found, version))


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") in rules.SECRETS
