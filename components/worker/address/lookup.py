"""Where a Worker is reached: its name below the account's workers.dev.

A sandbox runs Workers on this machine, where each has a port of its own. Cloudflare's API cannot tell such addresses,
so a page of the sandbox does: `{name: {"url": "http://127.0.0.1:PORT"}}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx

from components.errors import ConfigurationError, LocalError
from components.http.address import host_of, is_loopback, split
from components.http.exchange import pool
from components.worker.secrets.names import DIRECTORY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.worker.api.client import Client
    from components.worker.secrets.target import Target

SECONDS: Final = 10.0


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
