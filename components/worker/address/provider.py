"""A Worker's address as Pulumi meets it. The class path is a contract with recorded state: never move or rename it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from components.dynamic import DynamicProvider, Properties
from components.errors import ConfigurationError
from components.worker import rules

if TYPE_CHECKING:
    from collections.abc import Mapping


class AddressProvider(DynamicProvider):
    """Looks the address up, and makes nothing. Refreshing looks again; an address that is gone asks for an update."""

    inputs = ("account", "script")

    @override
    def judge(self, news: Properties) -> Mapping[str, str]:
        return rules.secrets_faults({key: news[key] for key in self.inputs if key in news})

    @override
    def needs_update(self, olds: Properties, news: Properties) -> bool:
        return not olds.get("url")

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        return f"{news['account']}/{news['script']}", _found({}, news)

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        return _found(olds, news)

    @override
    def look(self, resource_id: str, olds: Properties) -> Properties:
        return {**olds, **_looked_up(olds, olds)}


def _found(olds: Mapping[str, Any], news: Mapping[str, Any]) -> Properties:
    found = _looked_up(olds, news)
    if found["url"]:
        return found
    raise ConfigurationError(
        f"the Worker {news['script']} has no address: the account has no workers.dev subdomain",
        next_step="choose one in the dashboard, under Workers & Pages; or set infra:workerUrl to the Worker's address",
    )


def _looked_up(olds: Mapping[str, Any], news: Mapping[str, Any]) -> Properties:
    from components.worker.address.lookup import address_of  # noqa: PLC0415 - loads the HTTP client
    from components.worker.properties import client_for  # noqa: PLC0415 - as above
    from components.worker.secrets.target import Target  # noqa: PLC0415 - as above

    client, target = client_for(olds), Target(account=news["account"], script=news["script"])
    return {"url": address_of(client, target, os.environ), "api": client.base_url}
