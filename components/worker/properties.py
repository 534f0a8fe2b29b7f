"""From a resource's properties to the life cycle and back: what the Worker providers do, without Pulumi.

Loads the HTTP client and the models, so the providers import it only when the API is to be talked to.
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from components.errors import RefusedError
from components.fingerprint import matches
from components.http.address import same_server
from components.worker.api.client import connect
from components.worker.rules import are_as_set
from components.worker.secrets import change, claim, draft, look
from components.worker.secrets.names import AS_SET
from components.worker.secrets.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.worker.api.client import Client

Properties = dict[str, Any]


def client_for(recorded: Mapping[str, Any]) -> Client:
    """The client of this run, for a resource that was made at the server it talks to.

    Raises:
        InputError: There is no API token.
        RefusedError: The resource was made at another server, where the account and the Worker are others.
    """
    client = connect(os.environ)
    there = str(recorded.get("api") or client.base_url)
    if same_server(there, client.base_url):
        return client
    raise RefusedError(
        f"this state was made at {there}, and this run talks to {client.base_url}: nothing was looked at or changed",
        next_step="give CLOUDFLARE_API_BASE_URL as it was, or use a state of its own for each server (--sandbox does)",
    )


def make_secrets(news: Properties) -> tuple[str, Properties]:
    """Set the secrets, on a draft when the Worker is not there; the id and the outputs."""
    client, target = connect(os.environ), _target(news)
    made = change.put(client, target, news["values"], **_told(news))
    version = look.version_of_change(client, target)
    return f"{target.account}/{target.script}", _outputs(client, news, draft=made, version=version)


def change_secrets(olds: Properties, news: Properties) -> Properties:
    """Set and remove what differs from what is recorded, and set again what is not as it was set; the outputs."""
    client, target, values = client_for(olds), _target(news), news["values"]
    moved = olds["script"] != news["script"]
    gone = [] if moved else sorted(set(olds["secretNames"]) - set(values))
    made, version = False, str(olds.get("version") or "")
    if moved or gone or not are_as_set(olds) or not matches(values, olds.get("valuesFingerprint")):
        made = change.put(client, target, values, gone=gone, **_told(news))
        version = look.version_of_change(client, target)
    outputs = _outputs(client, news, draft=made or bool(olds.get("draft") and not moved), version=version)
    return outputs | _left(client, olds, news)


def _left(client: Client, olds: Properties, news: Properties) -> Properties:
    """Take the secrets from the Workers that had them before; those that keep them, as outputs.

    One with an app of its own keeps them, since people still use it, until the app is deployed to the new one.
    """
    before = sorted({*olds.get("formerly", ()), olds["script"]} - {news["script"]})
    if not before:
        return {}
    workers = [Target(account=news["account"], script=script) for script in before]
    kept = [] if _has_app(client, _target(news)) else [worker.script for worker in workers if _has_app(client, worker)]
    for worker in workers:
        if worker.script not in kept:
            change.remove(client, worker, olds["secretNames"], **_told(olds))
    if not kept:
        return {}
    sys.stderr.write(
        f"note: the secrets are on the Worker {news['script']} now, and on {', '.join(kept)} as well, whose app "
        f"goes on until this one's is deployed: deploy it, then ./infra up STACK takes them from {', '.join(kept)}\n"
    )
    return {"formerly": kept}


def _has_app(client: Client, target: Target) -> bool:
    return draft.has_code(client, target) and not draft.is_draft(client, target)


def look_at_secrets(olds: Properties) -> Properties | None:
    """What became of the secrets; None when the Worker is gone."""
    client, target, since = client_for(olds), _target(olds), str(olds.get("version") or "")
    found = look.look(client, target, olds["secretNames"], since=since)
    if found is None:
        return None
    arrived = {"arrived": _has_app(client, target)} if olds.get("formerly") else {}
    return {**olds, **asdict(found), **arrived}


def remove_secrets(olds: Properties) -> None:
    """Remove the secrets, and the Worker when it is still the draft that was made for them, or the stack's alone."""
    client = client_for(olds)
    for script in (*olds.get("formerly", ()), olds["script"]):
        there = Target(account=olds["account"], script=script)
        change.remove(client, there, olds["secretNames"], **_told(olds))


def remove_lost_secrets(inputs: Properties) -> None:
    """Delete the Worker of a creation that was cut off, if it was made for the stack that it goes with."""
    if inputs.get("owner"):
        claim.remove(connect(os.environ), _target(inputs), inputs["owner"])


def _told(properties: Mapping[str, Any]) -> dict[str, str]:
    return {"on_undeployed": properties["onUndeployedVersion"], "owner": properties.get("owner") or ""}


def _target(properties: Mapping[str, Any]) -> Target:
    return Target(account=properties["account"], script=properties["script"])


def _outputs(client: Client, news: Mapping[str, Any], *, draft: bool, version: str) -> Properties:
    names = sorted(news["values"])
    untouched = asdict(look.Found(missing=[], state=AS_SET, version=version))
    return {"secretNames": names, "draft": draft, "api": client.base_url, **untouched}
