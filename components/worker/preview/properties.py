"""From a preview's properties to its life and back, without Pulumi. Loads the HTTP client."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from components.fingerprint import matches
from components.worker.address.lookup import address_of
from components.worker.preview import life
from components.worker.properties import client_for
from components.worker.secrets.names import DIRECTORY_VARIABLE
from components.worker.secrets.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.worker.api.client import Client

Properties = dict[str, Any]


def make(news: Properties) -> tuple[str, Properties]:
    """Give a preview that is there already its secrets; the id and the outputs."""
    client, target, name = client_for({}), _target(news), news["name"]
    seen = life.put(client, target, name, news["values"])
    return f"{target.account}/{target.script}/{name}", _outputs(client, target, news, seen)


def change(olds: Properties, news: Properties) -> Properties:
    """Set what differs from what is recorded, and set again what is missing; the outputs."""
    client, target, name = client_for(olds), _target(news), news["name"]
    if olds.get("missing") or not matches(news["values"], olds.get("valuesFingerprint")):
        seen = life.put(client, target, name, news["values"])
    else:
        seen = life.look(client, target, name)
    return _outputs(client, target, news, seen)


def look(olds: Properties) -> Properties:
    """The preview as it is. One that is not there is none that is gone: wrangler makes it, at any time."""
    client, target = client_for(olds), _target(olds)
    seen = life.look(client, target, olds["name"])
    missing = seen.missing(olds["secretNames"]) if seen else []
    return {**olds, **_found(client, target, olds, seen), "missing": missing}


def remove(olds: Properties) -> None:
    """Delete the preview, if it is ours."""
    life.remove(client_for(olds), _target(olds), olds["name"])


def _target(properties: Mapping[str, Any]) -> Target:
    return Target(account=properties["account"], script=properties["script"])


def _outputs(client: Client, target: Target, news: Mapping[str, Any], seen: life.Seen | None) -> Properties:
    names = sorted(news["values"])
    return {"secretNames": names, "missing": [], "api": client.base_url, **_found(client, target, news, seen)}


def _found(client: Client, target: Target, properties: Mapping[str, Any], seen: life.Seen | None) -> Properties:
    label = seen.label if seen else f"{properties['name']}-{target.script}"
    told = seen.url if seen and not os.environ.get(DIRECTORY_VARIABLE, "").strip() else ""
    url = told or address_of(client, Target(account=target.account, script=label), os.environ)
    return {"url": url, "deployed": bool(seen and seen.deployment)}
