"""Versions and deployments.

API: /accounts/{account}/workers/scripts/{script}/versions and …/deployments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import errors, scripts, shapes, uploads
from cloud_sandbox.cloudflare.models import WHOLE
from cloud_sandbox.cloudflare.world import Call, Enveloped, World, page

if TYPE_CHECKING:
    from cloud_sandbox.cloudflare.models import Worker

LISTED, SHARED = 10, 2
"""How many versions are listed at once, and may share the traffic."""


def list_all(world: World, call: Call) -> Enveloped:
    """`GET …/versions`: the newest first."""
    found = world.worker(call.values["script"])
    newest, info = page(found.versions[::-1], call, size=LISTED)
    return Enveloped(result={"items": [shapes.version_line(found, version) for version in newest]}, info=info)


def get_one(world: World, call: Call) -> Enveloped:
    """`GET …/versions/{version}`."""
    found = world.worker(call.values["script"])
    version = found.version(call.values["version"])
    if version is None:
        raise errors.version_not_found(call.values["version"])
    return Enveloped(result=shapes.version(found, version))


def create(world: World, call: Call) -> Enveloped:
    """`POST …/versions`: an upload that is not deployed."""
    found, sent = world.worker(call.values["script"]), uploads.read(call.request)
    bindings = scripts.bindings_of(world, found, sent, strict=call.query.get("bindings_inherit") == "strict")
    version = world.add_version(
        found,
        sent.script,
        bindings,
        source=call.source,
        annotations={"workers/triggered_by": "version_upload", **sent.annotations},
        extra=sent.told,
    )
    return Enveloped(result=shapes.version(found, version))


def deployments(world: World, call: Call) -> Enveloped:
    """`GET …/deployments`: the newest first, which is the one in force."""
    found = world.worker(call.values["script"])
    return Enveloped(result={"deployments": [shapes.deployment(one) for one in found.deployments[: -LISTED - 1 : -1]]})


def get_deployment(world: World, call: Call) -> Enveloped:
    """`GET …/deployments/{deployment}`."""
    found = world.worker(call.values["script"])
    wanted = (one for one in found.deployments if one.id == call.values["deployment"])
    deployment = next(wanted, None)
    if deployment is None:
        raise errors.ApiError(404, 10224, "This deployment does not exist")
    return Enveloped(result=shapes.deployment(deployment))


def deploy(world: World, call: Call) -> Enveloped:
    """`POST …/deployments`: shares of one or two versions, together 100 %."""
    found, body = world.worker(call.values["script"]), call.body
    shares = _shares(found, body)
    message = (body.get("annotations") or {}).get("workers/message")
    annotations = {"workers/triggered_by": "deployment", **({"workers/message": message} if message else {})}
    return Enveloped(
        result=shapes.deployment(world.deploy(found, shares, source=call.source, annotations=annotations)),
    )


def _shares(found: Worker, body: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    versions = body.get("versions")
    if body.get("strategy") != "percentage" or not isinstance(versions, list) or not 1 <= len(versions) <= SHARED:
        raise errors.invalid("a deployment has the strategy `percentage` and one or two versions")
    shares = []
    for share in versions:
        version_id, percentage = share.get("version_id"), share.get("percentage")
        if found.version(str(version_id)) is None:
            raise errors.version_not_found(str(version_id))
        if type(percentage) not in {int, float} or not 0 < percentage <= WHOLE:
            raise errors.invalid("a percentage is over 0 and at most 100")
        shares.append((str(version_id), percentage))
    if sum(percentage for _, percentage in shares) != WHOLE:
        raise errors.invalid("the percentages of a deployment have to add up to 100")
    return tuple(shares)
