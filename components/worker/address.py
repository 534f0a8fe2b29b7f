"""Where a Worker is reached: its name below the account's workers.dev, as Cloudflare says. Nothing is made.

A sandbox runs Workers on this machine, where each has a port of its own. Cloudflare's API cannot tell such addresses,
so a page of the sandbox does: `{name: {"url": "http://127.0.0.1:PORT"}}`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import pulumi
from typing_extensions import override

from components.declared import About
from components.errors import ConfigurationError, LocalError
from components.http.address import host_of, is_loopback, split
from components.http.exchange import pool
from components.lazy import Lazy
from components.resource import Properties, Provider, Resource, state
from components.worker.names import DIRECTORY_VARIABLE, Target
from components.worker.secrets import client_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from components.worker.api.client import Client
else:
    httpx = Lazy("httpx")

SECONDS: Final = 10.0


class AddressState(Target):
    """Where a Worker is reached: `https://WORKER.SUBDOMAIN.workers.dev`."""

    url: Annotated[str, About("Without a slash at the end.")] = ""
    api: Annotated[str, About("The address of the server that says so.")] = ""


class AddressProvider(Provider[Target, AddressState]):
    """Reads the address, and makes nothing. Refreshing reads it again; one that is gone asks for an update."""

    @override
    def needs_update(self, old: AddressState, news: Properties) -> bool:
        return not old.url

    @override
    def create_resource(self, new: Target) -> tuple[str, AddressState]:
        return f"{new.account}/{new.script}", _found(client_for(""), new)

    @override
    def update_resource(self, resource_id: str, old: AddressState, new: Target) -> AddressState:
        return _found(client_for(old.api), new)

    @override
    def read_resource(self, resource_id: str, old: AddressState) -> AddressState:
        client = client_for(old.api)
        return replace(old, url=address_of(client, old, os.environ), api=client.base_url)


class Address(Resource, provider=AddressProvider, module="worker", name="Address"):
    """Where a Worker is reached."""

    url: pulumi.Output[str]


def address_of(client: Client, target: Target, environment: Mapping[str, str]) -> str:
    """The Worker's address, without a slash at the end; empty when the account has none to give.

    Raises:
        ApiError: As its tree says.
        ConfigurationError: The variable names a page that is not on this machine.
        LocalError: The page cannot be read.
    """
    directory = environment.get(DIRECTORY_VARIABLE, "").strip()
    if directory:
        return _listed(directory, target.script)
    subdomain = client.account_subdomain(target.account)
    return f"https://{target.script}.{subdomain}.workers.dev" if subdomain else ""


def _found(client: Client, new: Target) -> AddressState:
    url = address_of(client, new, os.environ)
    if url:
        return state(AddressState, new, url=url, api=client.base_url)
    raise ConfigurationError(
        f"the Worker {new.script} has no address: the account has no workers.dev subdomain",
        next_step="choose one in the dashboard, under Workers & Pages; or set infra:workerUrl to the Worker's address",
    )


def _listed(directory: str, script: str) -> str:
    """What the page says. A Worker that is not run has an address that leads nowhere, and not to the network."""
    found = _page(directory).get(script)
    url = found.get("url") if isinstance(found, dict) else ""
    return str(url or f"http://{script}.localhost")


def _page(url: str) -> Mapping[str, object]:
    parts = split(url)
    if parts is None or parts.scheme != "http" or not is_loopback(host_of(parts)):
        raise ConfigurationError(
            f"{DIRECTORY_VARIABLE} is no http address of this machine",
            next_step=f"unset {DIRECTORY_VARIABLE}; it is for the sandbox alone",
        )
    try:
        with pool(url, None) as http:
            page = http.get(url, timeout=SECONDS).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise LocalError(
            f"the page at {url} does not tell where Workers are reached: {type(error).__name__}",
            next_step="start the sandbox: ./infra sandbox start",
        ) from None
    return page if isinstance(page, dict) else {}
