"""One of Cloudflare's Worker previews: code, variables and secrets of its own beside a Worker's.

`wrangler preview` makes it and uploads the first deployment with the secrets; before it there is nothing to tell them
to. From then on they are kept right here, and it goes with its stack. What we own carries our tag, and a preview of the
same name without it is somebody else's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import pulumi
from typing_extensions import override

from components.declared import about
from components.errors import NotFoundError, RefusedError
from components.fingerprint import matches
from components.resource import Properties, Provider, Resource, state
from components.worker.address import address_of
from components.worker.api.models import SECRET_TEXT
from components.worker.draft import app_tag
from components.worker.names import DIRECTORY_VARIABLE, Account, Owner, Script, SecretValues, Target
from components.worker.secrets import client_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from components.worker.api.client import Client
    from components.worker.api.models import PreviewDeployment


class PreviewInputs(Target):
    """One of a Worker's previews, which `wrangler preview` deploys: its secrets, its address, and its end."""

    account: Annotated[Account, about("The account's id.", replaces=True)]
    script: Annotated[Script, about("The Worker that it is a preview of.", replaces=True)]
    name: Annotated[Owner, about("What it is called: the stack of a pull request.", replaces=True)]
    values: Annotated[SecretValues, about("Names of secrets to values.", secret=True, fingerprinted=True)]


class PreviewState(PreviewInputs):
    """A preview as it was found. Fingerprints of the values are recorded."""

    values_fingerprint: Mapping[str, Any] | None = None
    url: Annotated[str, about("Where it is reached, without a slash at the end.")] = ""
    secret_names: Sequence[str] = ()
    deployed: Annotated[bool, about("Whether wrangler has deployed to it.")] = False
    missing: Annotated[Sequence[str], about("Which secrets a deployment left out.")] = ()
    api: Annotated[str, about("The address of the server.")] = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A preview as it is.

    Attributes:
        label: The first label of its address.
        url: Its address; empty where the account has none to give.
        deployment: The newest one; None before the first.
    """

    label: str
    url: str
    deployment: PreviewDeployment | None

    def is_owned(self, name: str) -> bool:
        """Whether nobody else deployed to it last; one without a deployment holds nothing."""
        return self.deployment is None or self.deployment.annotation("tag") == app_tag(name)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Which of the names are no secrets of it; none of them before the first deployment."""
        if self.deployment is None:
            return []
        found = {key for key, binding in self.deployment.env.items() if binding.type == SECRET_TEXT}
        return sorted(set(names) - found)


class PreviewProvider(Provider[PreviewInputs, PreviewState]):
    """A preview that wrangler deploys. Its secrets are kept right here, and it is deleted with its stack.

    Before the first deployment there is nothing: a refresh takes note of it. A secret that a deployment left out is
    `missing`, and the next update sets it.
    """

    @override
    def needs_update(self, old: PreviewState, news: Properties) -> bool:
        return bool(old.missing)

    @override
    def create_resource(self, new: PreviewInputs) -> tuple[str, PreviewState]:
        client = client_for("")
        found = put(client, new, new.name, new.values)
        return f"{new.account}/{new.script}/{new.name}", _as_found(client, new, found)

    @override
    def update_resource(self, resource_id: str, old: PreviewState, new: PreviewInputs) -> PreviewState:
        """Set what differs from what is recorded, and set again what is missing."""
        client = client_for(old.api)
        if old.missing or not matches(new.values, old.values_fingerprint):
            return _as_found(client, new, put(client, new, new.name, new.values))
        return _as_found(client, new, read(client, new, new.name))

    @override
    def read_resource(self, resource_id: str, old: PreviewState) -> PreviewState:
        """The preview as it is. One that is not there is none that is gone: wrangler makes it, at any time."""
        client = client_for(old.api)
        found = read(client, old, old.name)
        missing = found.missing(old.secret_names) if found else []
        return replace(old, url=_url(client, old, found), deployed=_is_deployed(found), missing=missing)

    @override
    def delete_resource(self, resource_id: str, old: PreviewState) -> None:
        remove(client_for(old.api), old, old.name)


class Preview(Resource, provider=PreviewProvider, module="worker", name="Preview"):
    """One of a Worker's previews."""

    url: pulumi.Output[str]
    secret_names: pulumi.Output[list[str]]
    deployed: pulumi.Output[bool]
    missing: pulumi.Output[list[str]]


def read(client: Client, target: Target, name: str) -> Found | None:
    """The preview of this name; None when there is none.

    Raises:
        ApiError: As its tree says.
    """
    try:
        found = client.preview(*target.arguments, name)
    except NotFoundError:
        return None
    try:
        deployment = client.preview_deployment(*target.arguments, name)
    except NotFoundError:
        deployment = None
    return Found(label=f"{found.slug}-{target.script}", url=found.urls[0] if found.urls else "", deployment=deployment)


def put(client: Client, target: Target, name: str, values: Mapping[str, str]) -> Found | None:
    """Give the preview these secrets, in force at once; nothing where nothing is deployed yet.

    Raises:
        RefusedError: Somebody else deployed to it.
        ApiError: As its tree says.
    """
    found = read(client, target, name)
    if found is None or found.deployment is None:
        return found
    require_owned(found, target, name)
    client.change_preview(*target.arguments, name, values, tag=app_tag(name))
    return read(client, target, name)


def require_owned(found: Found, target: Target, name: str) -> None:
    """Refuse to tell a stranger's preview secrets.

    Raises:
        RefusedError: Somebody else deployed to it.
    """
    if not found.is_owned(name):
        raise RefusedError(
            f"the preview {name} of {target} was deployed by somebody else: it lacks our tag ({app_tag(name)})",
            next_step=f"deploy to it with ./infra wrangler deploy {name}, or delete it where it was made",
        )


def remove(client: Client, target: Target, name: str) -> bool:
    """Delete the preview, if it is ours; False when it is gone, or somebody else's.

    Raises:
        ApiError: As its tree says.
    """
    found = read(client, target, name)
    return found is not None and found.is_owned(name) and client.delete_preview(*target.arguments, name)


def _as_found(client: Client, new: PreviewInputs, found: Found | None) -> PreviewState:
    return state(
        PreviewState,
        new,
        secret_names=sorted(new.values),
        missing=[],
        api=client.base_url,
        url=_url(client, new, found),
        deployed=_is_deployed(found),
    )


def _url(client: Client, preview: PreviewInputs, found: Found | None) -> str:
    if found and found.url and not os.environ.get(DIRECTORY_VARIABLE, "").strip():
        return found.url
    label = found.label if found else f"{preview.name}-{preview.script}"
    return address_of(client, Target(account=preview.account, script=label), os.environ)


def _is_deployed(found: Found | None) -> bool:
    return bool(found and found.deployment)
