"""Secrets of one Worker, set in one call, also before the first deployment of the app. Others are left alone.

The API token comes from the environment alone, and only where the API is talked to: a preview works without one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import pulumi
from typing_extensions import override

from components.declared import About
from components.errors import ConfigurationError
from components.fingerprint import matches
from components.resource import Properties, Provider, Resource, state
from components.worker import changes, draft
from components.worker.api.client import connect
from components.worker.changes import AS_SET
from components.worker.names import Account, Owner, SecretValues, Target, validate_names

if TYPE_CHECKING:
    from components.worker.api.client import Client


class SecretsInputs(Target):
    """Secrets of one Worker. One that is not there is made as a draft.

    A secret of the same name that is there already is overwritten.
    """

    account: Annotated[Account, About("The account's id.", replaces=True)]
    values: Annotated[SecretValues, About("Names to values.", secret=True, fingerprinted=True)]
    owner: Annotated[
        Owner | None,
        About(
            "The stack of a pull request whose Worker this is alone: one that is there and was not made for it is "
            "refused, and destroying deletes the Worker with whatever was deployed to it. None: it stays."
        ),
    ] = None


class SecretsState(SecretsInputs):
    """Secrets that were set. Cloudflare never tells a value again: fingerprints are recorded."""

    values_fingerprint: Mapping[str, Any] | None = None
    secret_names: Sequence[str] = ()
    missing: Annotated[Sequence[str], About("Which are no secrets any more.")] = ()
    state: Annotated[str, About("That nobody else has touched them, or what was done.")] = AS_SET
    version: Annotated[str, About("The id of the version that they were set with.")] = ""
    draft: Annotated[bool, About("Whether the Worker was made for them.")] = False
    formerly: Annotated[Sequence[str] | None, About("Workers that have them still, as their app is in use.")] = None
    arrived: Annotated[bool | None, About("Whether that app was deployed to this Worker by now.")] = None
    api: Annotated[str, About("The address of the server.")] = ""

    def are_as_set(self) -> bool:
        """Whether they are where they belong, and nobody else touched them, as far as is known."""
        return not self.missing and not self.arrived and self.state == AS_SET


def client_for(api: str) -> Client:
    """The client of this run, for a resource that was made at the server it talks to.

    Args:
        api: The recorded address; empty where nothing was recorded.

    Raises:
        InputError: There is no API token.
        RefusedError: The resource was made at another server, where the account and the Worker are others.
    """
    return connect(os.environ).at_home(api)


class SecretsProvider(Provider[SecretsInputs, SecretsState]):
    """Named secrets of one Worker; only those are owned.

    One that is deleted outside, or that an app's deployment turns into a plain variable, is `missing` after a refresh.
    `state` tells that somebody else changed secrets of the Worker since `version`, or that a version from before is
    deployed. Either way the next update sets all again. With an `owner` the Worker is that stack's alone: deleting this
    deletes it with whatever was deployed to it; else it is deleted while it is the draft that was made for them.

    Another `script` moves the secrets: they are set there first, and then taken from the Worker before; one with an app
    is `formerly` ours, and keeps them until a refresh has seen that the app has `arrived` at the new one.
    """

    @override
    def needs_update(self, old: SecretsState, news: Properties) -> bool:
        return not old.are_as_set()

    @override
    def create_resource(self, new: SecretsInputs) -> tuple[str, SecretsState]:
        client = client_for("")
        made = changes.put(client, new, new.values, owner=new.owner or "")
        version = changes.version_of_change(client, new)
        return f"{new.account}/{new.script}", _set(client, new, draft=made, version=version)

    @override
    def update_resource(self, resource_id: str, old: SecretsState, new: SecretsInputs) -> SecretsState:
        """Set and remove what differs from what is recorded, and set again what is not as it was set."""
        client = client_for(old.api)
        moved = old.script != new.script
        gone = [] if moved else sorted(set(old.secret_names) - set(new.values))
        made, version = False, old.version
        if moved or gone or not old.are_as_set() or not matches(new.values, old.values_fingerprint):
            made = changes.put(client, new, new.values, gone=gone, owner=new.owner or "")
            version = changes.version_of_change(client, new)
        found = _set(client, new, draft=made or (old.draft and not moved), version=version)
        return replace(found, formerly=_taken(client, old, new) or None)

    @override
    def read_resource(self, resource_id: str, old: SecretsState) -> SecretsState | None:
        client = client_for(old.api)
        found = changes.read(client, old, old.secret_names, since=old.version)
        if found is None:
            return None
        return replace(old, **asdict(found), arrived=_has_app(client, old) if old.formerly else old.arrived)

    @override
    def delete_resource(self, resource_id: str, old: SecretsState) -> None:
        client = client_for(old.api)
        for script in (*(old.formerly or ()), old.script):
            worker = Target(account=old.account, script=script)
            changes.remove(client, worker, old.secret_names, owner=old.owner or "")


class Secrets(Resource, provider=SecretsProvider, module="worker", name="Secrets"):
    """Secrets of one Worker."""

    secret_names: pulumi.Output[list[str]]
    missing: pulumi.Output[list[str]]
    state: pulumi.Output[str]
    version: pulumi.Output[str]
    draft: pulumi.Output[bool]

    def __init__(self, name: str, inputs: SecretsInputs, opts: pulumi.ResourceOptions | None = None) -> None:
        # Names are known here already where values come from other resources: the check then sees neither.
        if reasons := validate_names(inputs.values):
            raise ConfigurationError("; ".join(reasons), next_step="give each secret a name that Cloudflare takes")
        super().__init__(name, inputs, opts)


def remove_lost(inputs: Properties) -> None:
    """Delete the Worker of a creation that was cut off, if it was made for the stack that it goes with."""
    if inputs.get("owner"):
        draft.remove_owned(client_for(""), Target.of(inputs), inputs["owner"])


def _set(client: Client, new: SecretsInputs, *, draft: bool, version: str) -> SecretsState:
    names = sorted(new.values)
    return state(SecretsState, new, secret_names=names, missing=[], draft=draft, version=version, api=client.base_url)


def _taken(client: Client, old: SecretsState, new: SecretsInputs) -> list[str]:
    """Take the secrets from the Workers that had them before; those that keep them.

    One with an app of its own keeps them, since people still use it, until the app is deployed to the new one.
    """
    before = sorted({*(old.formerly or ()), old.script} - {new.script})
    if not before:
        return []
    workers = [Target(account=new.account, script=script) for script in before]
    kept = [] if _has_app(client, new) else [worker.script for worker in workers if _has_app(client, worker)]
    for worker in workers:
        if worker.script not in kept:
            changes.remove(client, worker, old.secret_names, owner=old.owner or "")
    if kept:
        sys.stderr.write(
            f"note: the secrets are on the Worker {new.script} now, and on {', '.join(kept)} as well, whose app goes "
            f"on until this one's is deployed: deploy it, then ./infra up STACK takes them from {', '.join(kept)}\n"
        )
    return kept


def _has_app(client: Client, target: Target) -> bool:
    return draft.has_code(client, target) and not draft.is_draft(client, target)
