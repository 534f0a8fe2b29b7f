"""Previews of a Worker: each with code, variables and secrets of its own, run beside the Worker.

API: /accounts/{account}/workers/workers/{worker}/previews[/{preview}[/deployments[/latest]]],
where {preview} is a name, a slug or an id. What is known of it is what wrangler sends and reads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import bindings as rules
from cloud_sandbox.cloudflare import errors, shapes, uploads
from cloud_sandbox.cloudflare.models import Preview, PreviewDeployment, Script, new_id, new_tag
from cloud_sandbox.cloudflare.world import Answer, Call, World, preview_name

if TYPE_CHECKING:
    from cloud_sandbox.cloudflare.models import Bindings, Worker

NAME_LENGTH, LABEL_LENGTH = 256, 63
SETTINGS = ("observability", "logpush", "tail_consumers")


def _find(world: World, call: Call) -> tuple[Worker, Preview]:
    worker, wanted = world.worker(call.values["worker"]), call.values["preview"]
    for preview in worker.previews:
        if wanted in {preview.id, preview.name, preview.slug}:
            return worker, preview
    raise errors.preview_not_found()


def slug_of(name: str, worker: str) -> str:
    """A preview's name as a label of a host name, short enough to stand before the Worker's."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return slug[: LABEL_LENGTH - len(worker) - 1].strip("-") or "preview"


def list_all(world: World, call: Call) -> Answer:
    """`GET …/previews`."""
    worker = world.worker(call.values["worker"])
    return Answer(result=[shapes.preview(preview, worker, world.subdomain) for preview in worker.previews])


def get_one(world: World, call: Call) -> Answer:
    """`GET …/previews/{preview}`: 10025 when there is none, 10007 when there is no Worker."""
    worker, preview = _find(world, call)
    return Answer(result=shapes.preview(preview, worker, world.subdomain))


def create(world: World, call: Call) -> Answer:
    """`POST …/previews`: begins with the Worker's base configuration, unless told to ignore it."""
    worker, body = world.worker(call.values["worker"]), call.body
    name = body.get("name")
    if not name or not isinstance(name, str) or len(name) > NAME_LENGTH:
        raise errors.invalid(f"a preview's name has 1 to {NAME_LENGTH} characters")
    slug = slug_of(name, worker.name)
    if any(slug == preview.slug for preview in worker.previews):
        raise errors.ApiError(409, 10026, f"A preview named '{name[:80]}' already exists")
    now, base = world.clock(), worker.previews_base.get("env") or {}
    preview = Preview(
        id=new_tag(),
        name=name,
        slug=slug,
        created=now,
        updated=now,
        settings={part: body[part] for part in SETTINGS if part in body},
        base={} if call.query.get("ignore_base_config") == "true" else dict(base),
    )
    worker.previews.append(preview)
    return Answer(result=shapes.preview(preview, worker, world.subdomain))


def patch(world: World, call: Call) -> Answer:
    """`PATCH …/previews/{preview}`: settings that are not versioned."""
    (worker, preview), body = _find(world, call), call.body
    preview.settings |= {part: body[part] for part in SETTINGS if part in body}
    preview.updated = world.clock()
    return Answer(result=shapes.preview(preview, worker, world.subdomain))


def delete(world: World, call: Call) -> Answer:
    """`DELETE …/previews/{preview}`."""
    worker, preview = _find(world, call)
    world.runtime.remove(preview_name(worker, preview.slug))
    worker.previews.remove(preview)
    return Answer()


def deployments(world: World, call: Call) -> Answer:
    """`GET …/deployments`: the newest first."""
    worker, preview = _find(world, call)
    newest = reversed(preview.deployments)
    return Answer(result=[shapes.preview_deployment(one, preview, worker, world.subdomain) for one in newest])


def get_deployment(world: World, call: Call) -> Answer:
    """`GET …/deployments/latest`: 10222 when there is none."""
    worker, preview = _find(world, call)
    wanted = call.values["deployment"]
    found = (one for one in reversed(preview.deployments) if wanted in {"latest", one.id})
    deployment = next(found, None)
    if deployment is None:
        raise errors.no_versions()
    return Answer(result=shapes.preview_deployment(deployment, preview, worker, world.subdomain))


def deploy(world: World, call: Call) -> Answer:
    """`POST …/deployments`: a form with `metadata` and `files`; `env` holds all variables and secrets.

    Nothing is taken over from the deployment before but what is sent as `inherit`.
    """
    worker, preview = _find(world, call)
    sent = uploads.read(call.request)
    before = preview.deployments[-1].bindings if preview.deployments else {}
    env = sent.metadata.get("env") or {}
    own = rules.resolve([{**binding, "name": name} for name, binding in env.items()], before, strict=True)
    return _release(world, worker, preview, sent.script, {**preview.base, **own}, sent.annotations)


def patch_deployment(world: World, call: Call) -> Answer:
    """`PATCH …/deployments/latest`: a merge-patch of `env`, in force at once as a new deployment."""
    (worker, preview), body = _find(world, call), call.body
    if not preview.deployments:
        raise errors.preview_not_deployed()
    latest = preview.deployments[-1]
    annotations = {name: str(value) for name, value in (body.get("annotations") or {}).items() if value}
    after = rules.merged(latest.bindings, body.get("env") or {})
    return _release(world, worker, preview, latest.script, after, annotations)


def _release(
    world: World, worker: Worker, preview: Preview, script: Script, bindings: Bindings, annotations: dict[str, Any]
) -> Answer:
    rules.check(bindings, world.settings)
    now = world.clock()
    deployment = PreviewDeployment(id=new_id(), created=now, script=script, bindings=bindings, annotations=annotations)
    world.run(preview_name(worker, preview.slug), script, bindings)
    preview.deployments.append(deployment)
    preview.updated = now
    return Answer(result=shapes.preview_deployment(deployment, preview, worker, world.subdomain))
