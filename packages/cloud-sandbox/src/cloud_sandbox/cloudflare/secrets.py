"""Secrets of a Worker: each change makes a version and deploys it at once.

API: /accounts/{account}/workers/scripts/{script}/secrets and …/secrets-bulk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import bindings as rules
from cloud_sandbox.cloudflare import errors
from cloud_sandbox.cloudflare.world import Call, Enveloped, World

if TYPE_CHECKING:
    from cloud_sandbox.cloudflare.models import Bindings, Version, Worker

TRIGGERED = {"workers/triggered_by": "secret"}


def list_all(world: World, call: Call) -> Enveloped:
    """`GET …/secrets`: names and kinds, of the newest version, deployed or not."""
    latest = world.worker(call.values["script"]).latest
    found = rules.secrets_of(latest.bindings) if latest else []
    return Enveloped(result=found)


def get_one(world: World, call: Call) -> Enveloped:
    """`GET …/secrets/{name}`: name and kind."""
    latest = world.worker(call.values["script"]).latest
    binding = latest.bindings.get(call.values["name"]) if latest else None
    if binding is None or binding["type"] not in rules.SECRETS:
        raise errors.binding_not_found(call.values["name"])
    return Enveloped(result=rules.shown(binding))


def put_one(world: World, call: Call) -> Enveloped:
    """`PUT …/secrets`: the name stands in the body."""
    worker, body = world.worker(call.values["script"]), call.body
    name = body.get("name")
    if not name or not isinstance(name, str):
        raise errors.nameless_binding()
    after = _apply(world, worker, call, {name: body})
    return Enveloped(result=rules.shown(after[name]))


def delete_one(world: World, call: Call) -> Enveloped:
    """`DELETE …/secrets/{name}`."""
    _apply(world, world.worker(call.values["script"]), call, {call.values["name"]: None})
    return Enveloped()


def patch_many(world: World, call: Call) -> Enveloped:
    """`PATCH …/secrets-bulk`: a merge-patch, all or nothing, one version for all."""
    worker, body = world.worker(call.values["script"]), call.body
    patch = body.get("secrets")
    if not isinstance(patch, dict):
        raise errors.invalid("`secrets` has to be an object of names and secrets")
    if len(patch) > world.settings.bulk_secrets:
        raise errors.invalid(f"at most {world.settings.bulk_secrets} secrets can be changed at once")
    after = _apply(world, worker, call, patch)
    return Enveloped(result={binding["name"]: binding for binding in rules.secrets_of(after)})


def _apply(world: World, worker: Worker, call: Call, patch: dict[str, Any]) -> Bindings:
    """Change secrets and deploy the change; nothing at all happens for an empty patch."""
    latest = _changeable(worker)
    if not patch:
        return latest.bindings
    rules.refuse_taken(latest.bindings, [name for name, sent in patch.items() if sent is not None])
    gone = [name for name, sent in patch.items() if sent is None]
    for name in gone:
        if latest.bindings.get(name, {}).get("type") not in rules.SECRETS:
            raise errors.binding_not_found(name)
    read = {name: None if sent is None else _secret(name, sent) for name, sent in patch.items()}
    after = rules.merged(latest.bindings, read)
    world.release(worker, latest.script, after, source=call.source, annotations=TRIGGERED, extra=latest.extra)
    return after


def _secret(name: str, sent: Any) -> dict[str, Any]:
    if not isinstance(sent, dict):
        raise errors.invalid(f"secret '{name}' has to be an object, or null to remove it")
    return rules.secret(name, sent)


def _changeable(worker: Worker) -> Version:
    latest = worker.latest
    if latest is None:
        raise errors.no_versions()
    if not worker.latest_is_deployed:
        raise errors.secret_not_deployed()
    return latest
