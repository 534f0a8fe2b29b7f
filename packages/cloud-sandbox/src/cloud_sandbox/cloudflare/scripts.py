"""Scripts and services: upload, look, remove, settings, address.

API: /accounts/{account}/workers/scripts/{script} and, as wrangler still asks them, /workers/services/{script}.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import bindings as rules
from cloud_sandbox.cloudflare import errors, shapes, uploads
from cloud_sandbox.cloudflare.world import Call, Enveloped, World, listed

if TYPE_CHECKING:
    from cloud_sandbox.cloudflare.models import Bindings, Version, Worker

VERSIONED = {"bindings", "compatibility_date", "compatibility_flags", "limits", "placement", "usage_model"}


def list_all(world: World, _: Call) -> Enveloped:
    """`GET …/scripts`."""
    found = [shapes.script(worker) for worker in world.workers.values()]
    return Enveloped(result=found)


def service(world: World, call: Call) -> Enveloped:
    """`GET …/services/{script}`: what wrangler looks at before it deploys."""
    found = world.workers.get(call.values["script"])
    if found is None:
        raise errors.service_not_found()
    return Enveloped(result=shapes.service(found))


def environment(world: World, call: Call) -> Enveloped:
    """`GET …/services/{script}/environments/{environment}`: there is only production."""
    found = world.workers.get(call.values["script"])
    if found is None or call.values["environment"] != "production":
        raise errors.service_not_found()
    return Enveloped(result=shapes.service(found)["default_environment"])


def environment_bindings(world: World, call: Call) -> Enveloped:
    """`GET …/services/{script}/environments/{environment}/bindings`."""
    latest = world.worker(call.values["script"]).latest
    return Enveloped(result=[rules.shown(binding) for binding in latest.bindings.values()] if latest else [])


def download(world: World, call: Call) -> Enveloped:
    """`GET …/scripts/{script}`: the main file as text."""
    found = world.worker(call.values["script"])
    version = found.active or found.latest
    if version is None:
        raise errors.worker_not_found()
    code = version.script
    main = next((module.content for module in code.modules if module.name == code.main), "")
    return Enveloped(body=base64.b64decode(main), type="application/javascript")


def content(world: World, call: Call) -> Enveloped:
    """`GET …/scripts/{script}/content/v2`: all files as a form, of `?version=` or of the version that answers."""
    found = world.worker(call.values["script"])
    wanted = call.query.get("version")
    version = found.version(wanted) if wanted else found.active or found.latest
    if version is None:
        raise errors.version_not_found(wanted or "")
    kind, body = uploads.written(version.script)
    return Enveloped(body=body, type=kind, headers={"cf-entrypoint": version.script.main})


def upload(world: World, call: Call) -> Enveloped:
    """`PUT …/scripts/{script}`: makes the Worker when it is not there, and deploys at once.

    Bindings that are not sent are gone unless `keep_bindings` names their kind; without it, secrets stay or go by the
    setting `keeps_secrets`.
    """
    name, sent = call.values["script"], uploads.read(call.request)
    found = world.workers.get(name)
    made = found is None
    found = found or world.create(name)
    try:
        version = world.release(
            found,
            sent.script,
            bindings_of(world, found, sent, strict=call.query.get("bindings_inherit") == "strict"),
            source=call.source,
            annotations={"workers/triggered_by": "upload", **sent.annotations},
            extra=sent.told,
        )
    except errors.ApiError:
        if made:
            del world.workers[name]
        raise
    found.settings |= sent.unversioned
    return Enveloped(result=shapes.uploaded(found, version))


def bindings_of(world: World, found: Worker, sent: uploads.Upload, *, strict: bool) -> Bindings:
    """The bindings an upload leads to, given those of the newest version.

    Raises:
        ApiError: A binding is malformed, or inherits what is not there.
    """
    before = found.latest.bindings if found.latest else {}
    keep = sent.metadata.get("keep_bindings")
    if keep is None:
        keep = rules.SECRETS if world.settings.keeps_secrets else ()
    return rules.resolve(sent.metadata.get("bindings") or [], before, keep=map(str, keep), strict=strict)


def delete(world: World, call: Call) -> Enveloped:
    """`DELETE …/scripts/{script}`."""
    world.remove(world.worker(call.values["script"]))
    return Enveloped()


def delete_service(world: World, call: Call) -> Enveloped:
    """`DELETE …/services/{script}`: `wrangler delete`."""
    if call.values["script"] not in world.workers:
        raise errors.service_not_found()
    return delete(world, call)


def settings(world: World, call: Call) -> Enveloped:
    """`GET …/scripts/{script}/settings`."""
    return Enveloped(result=shapes.settings(world.worker(call.values["script"])))


def patch_settings(world: World, call: Call) -> Enveloped:
    """`PATCH …/scripts/{script}/settings`: a form with a part `settings`.

    A list of bindings replaces all; one of only name and type takes over what is there.
    """
    found = world.worker(call.values["script"])
    patch = uploads.json_part(uploads.form(call.request), "settings")
    if VERSIONED & patch.keys():
        latest = found.latest
        if latest is None:
            raise errors.no_versions()
        if not found.latest_is_deployed:
            raise errors.settings_not_deployed()
        _release_settings(world, found, latest, patch, call.source)
    found.settings |= {name: patch[name] for name in uploads.UNVERSIONED if name in patch}
    return Enveloped(result=shapes.settings(found))


def _release_settings(world: World, found: Worker, latest: Version, patch: dict[str, Any], source: str) -> None:
    after = latest.bindings
    if "bindings" in patch:
        sent = [_whole(binding, latest.bindings) for binding in patch["bindings"] or []]
        after = rules.resolve(sent, latest.bindings, strict=True)
    extra = {**latest.extra, **{name: patch[name] for name in uploads.TOLD if name in patch}}
    script = uploads.with_dates(latest.script, patch)
    world.release(found, script, after, source=source, annotations={"workers/triggered_by": "settings"}, extra=extra)


def _whole(binding: Any, before: Bindings) -> Any:
    bare = isinstance(binding, dict) and binding.keys() <= {"name", "type"}
    if not bare or binding.get("type") not in rules.VARIABLES:
        return binding
    known = before.get(str(binding.get("name")), {})
    return known if known.get("type") == binding["type"] else {"name": binding.get("name"), "type": "inherit"}


def script_settings(world: World, call: Call) -> Enveloped:
    """`GET …/scripts/{script}/script-settings`: what no version holds."""
    return Enveloped(result=shapes.script_settings(world.worker(call.values["script"])))


def patch_script_settings(world: World, call: Call) -> Enveloped:
    """`PATCH …/scripts/{script}/script-settings`: makes no version, so it is never refused for one."""
    found, patch = world.worker(call.values["script"]), call.body
    found.settings |= {name: patch[name] for name in uploads.UNVERSIONED if name in patch}
    return Enveloped(result=shapes.script_settings(found))


def subdomain(world: World, call: Call) -> Enveloped:
    """`GET …/scripts/{script}/subdomain`: whether it is reached below workers.dev."""
    return Enveloped(result=world.worker(call.values["script"]).subdomain)


def set_subdomain(world: World, call: Call) -> Enveloped:
    """`POST …/scripts/{script}/subdomain`: `previews_enabled` left out follows `enabled`."""
    found, body = world.worker(call.values["script"]), call.body
    if type(body.get("enabled")) is not bool:
        raise errors.invalid("`enabled` has to be true or false")
    if not world.subdomain:
        raise errors.ApiError(404, 10063, "No workers.dev subdomain is registered for this account")
    previews = body.get("previews_enabled")
    enabled = bool(body["enabled"])
    found.subdomain = {"enabled": enabled, "previews_enabled": enabled if previews is None else bool(previews)}
    return Enveloped(result=found.subdomain)


def unset_subdomain(world: World, call: Call) -> Enveloped:
    """`DELETE …/scripts/{script}/subdomain`."""
    found = world.worker(call.values["script"])
    found.subdomain = {"enabled": False, "previews_enabled": False}
    return Enveloped(result=found.subdomain)


def references(world: World, call: Call) -> Enveloped:
    """`GET …/scripts/{script}/references`: nothing here refers to a Worker."""
    world.worker(call.values["script"])
    empty: dict[str, Any] = {"incoming": [], "outgoing": [], "pages_function": False}
    return Enveloped(result={"services": empty, "durable_objects": [], "dispatch_outbounds": []})


def empty(world: World, call: Call) -> Enveloped:
    """A list in which a Worker has no part: routes, schedules, domains, consumers of its tail."""
    if "script" in call.values:
        world.worker(call.values["script"])
    return listed([], call)


def schedules(world: World, call: Call) -> Enveloped:
    """`GET` and `PUT …/scripts/{script}/schedules`: told and kept, never run."""
    found = world.worker(call.values["script"])
    if call.request.method == "PUT":
        uploaded = uploads.read_json(b'{"schedules":' + (call.request.body or b"[]") + b"}")
        found.settings["schedules"] = uploaded["schedules"]
    return Enveloped(result={"schedules": found.settings.get("schedules") or []})
