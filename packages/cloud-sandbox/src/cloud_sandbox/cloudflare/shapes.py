"""How Workers, versions and deployments are told of. Shapes: the official `cloudflare` packages' types."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import bindings as rules
from cloud_sandbox.cloudflare.models import moment

if TYPE_CHECKING:
    from cloud_sandbox.cloudflare.models import Deployment, Script, Version, Worker

AUTHOR = {"author_id": "5a4d0b0c5a4d0b0c5a4d0b0c00000000", "author_email": "sandbox@example.invalid"}
HANDLERS = ["fetch"]
USAGE_MODEL = "standard"
STARTUP_MS = 1
"""The runtime is not asked how long a script took; the API has to tell something."""


def etag(script: Script) -> str:
    """A hash of a script's files."""
    content = hashlib.sha256(script.main.encode())
    for module in script.modules:
        content.update(module.name.encode() + b"\0" + base64.b64decode(module.content))
    return content.hexdigest()


def observability(worker: Worker) -> dict[str, Any]:
    """Whether logs are kept."""
    found = worker.settings.get("observability") or {}
    return {"enabled": False, **found}


def script(worker: Worker) -> dict[str, Any]:
    """A script as `GET …/scripts` and the service tell it."""
    version = worker.active or worker.latest
    told = {
        "id": worker.name,
        "tag": worker.id,
        "tags": worker.settings.get("tags") or [],
        "created_on": moment(worker.created),
        "modified_on": moment(worker.modified),
        "usage_model": USAGE_MODEL,
        "handlers": HANDLERS,
        "has_assets": False,
        "logpush": bool(worker.settings.get("logpush")),
        "last_deployed_from": worker.deployed_from,
        "tail_consumers": worker.settings.get("tail_consumers"),
        "observability": observability(worker),
    }
    if version is None:
        return told
    code = version.script
    return {
        **told,
        "etag": etag(code),
        "has_modules": not code.service_worker,
        "compatibility_date": code.compatibility_date,
        "compatibility_flags": list(code.compatibility_flags),
    }


def uploaded(worker: Worker, version: Version) -> dict[str, Any]:
    """The answer to `PUT …/scripts/{script}`."""
    return {
        **script(worker),
        "startup_time_ms": STARTUP_MS,
        "entry_point": version.script.main,
        "deployment_id": version.id.replace("-", ""),
    }


def service(worker: Worker) -> dict[str, Any]:
    """A Worker as `GET …/services/{script}` tells it."""
    times = {"created_on": moment(worker.created), "modified_on": moment(worker.modified)}
    environment = {"environment": "production", **times, "script": script(worker)}
    return {"id": worker.name, **times, "default_environment": environment, "environments": [environment]}


def version(worker: Worker, found: Version) -> dict[str, Any]:
    """A version, with its bindings but no values of secrets."""
    code = found.script
    runtime = {
        "usage_model": USAGE_MODEL,
        "compatibility_date": code.compatibility_date,
        "compatibility_flags": list(code.compatibility_flags),
        **({"limits": found.extra["limits"]} if "limits" in found.extra else {}),
    }
    return {
        **version_line(worker, found),
        "startup_time_ms": STARTUP_MS,
        "resources": {
            "bindings": [rules.shown(binding) for binding in found.bindings.values()],
            "script": {"etag": etag(code), "handlers": HANDLERS, "last_deployed_from": found.source},
            "script_runtime": runtime,
        },
    }


def version_line(worker: Worker, found: Version) -> dict[str, Any]:
    """A version as a list tells it."""
    has_preview = bool(worker.subdomain["previews_enabled"])
    metadata = {
        "created_on": moment(found.created),
        "modified_on": moment(found.created),
        "source": found.source,
        "has_preview": has_preview,
        "hasPreview": has_preview,
        **AUTHOR,
    }
    return {"id": found.id, "number": found.number, "metadata": metadata, "annotations": found.annotations}


def beta_version(worker: Worker, found: Version) -> dict[str, Any]:
    """A version as `/workers/workers/{worker}/versions` tells it."""
    return {
        "id": found.id,
        "number": found.number,
        "created_on": moment(found.created),
        "source": found.source,
        "annotations": found.annotations,
        "main_module": found.script.main,
        "compatibility_date": found.script.compatibility_date,
        "compatibility_flags": list(found.script.compatibility_flags),
        "usage_model": USAGE_MODEL,
        "startup_time_ms": STARTUP_MS,
        "bindings": [rules.shown(binding) for binding in found.bindings.values()],
        "env": {name: rules.shown(binding) for name, binding in found.bindings.items()},
        "urls": [],
        "worker_id": worker.id,
    }


def deployment(found: Deployment) -> dict[str, Any]:
    """Which versions get which share of the traffic."""
    return {
        "id": found.id,
        "created_on": moment(found.created),
        "source": found.source,
        "strategy": "percentage",
        "author_email": AUTHOR["author_email"],
        "annotations": found.annotations,
        "versions": [{"version_id": version_id, "percentage": share} for version_id, share in found.shares],
    }


def settings(worker: Worker) -> dict[str, Any]:
    """Settings of the newest version and of the Worker, in one."""
    latest = worker.latest
    told: dict[str, Any] = {
        "bindings": [],
        "compatibility_date": "",
        "compatibility_flags": [],
        "usage_model": USAGE_MODEL,
        **script_settings(worker),
    }
    if latest is not None:
        told["bindings"] = [rules.shown(binding) for binding in latest.bindings.values()]
        told["compatibility_date"] = latest.script.compatibility_date
        told["compatibility_flags"] = list(latest.script.compatibility_flags)
        told |= {name: latest.extra[name] for name in ("limits", "placement") if name in latest.extra}
    return told


def script_settings(worker: Worker) -> dict[str, Any]:
    """Settings of the Worker that no version holds."""
    return {
        "logpush": bool(worker.settings.get("logpush")),
        "tail_consumers": worker.settings.get("tail_consumers") or [],
        "observability": observability(worker),
        "tags": worker.settings.get("tags") or [],
    }


def worker(found: Worker, subdomain: str) -> dict[str, Any]:
    """A Worker as the newer `/workers/workers` tells it."""
    address = f"{found.name}.{subdomain}.workers.dev"
    deployed = found.deployments[-1].created if found.deployments else None
    return {
        "id": found.id,
        "name": found.name,
        "created_on": moment(found.created),
        "updated_on": moment(found.modified),
        "deployed_on": moment(deployed) if deployed else None,
        **script_settings(found),
        "subdomain": {
            **found.subdomain,
            **({"url": f"https://{address}", "preview_url_suffix": f"-{address}"} if subdomain else {}),
        },
        "references": {
            "dispatch_namespace_outbounds": [],
            "domains": [],
            "durable_objects": [],
            "queues": [],
            "workers": [],
        },
    }
