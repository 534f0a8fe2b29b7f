"""Pulumi's side of the room. Module path and class names are a contract with recorded state: never change them.

The API token comes from the environment alone, and only where the API is talked to: a preview works without one. The
work is done in `properties`, which loads the HTTP client: it is imported where it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from components.dynamic import DynamicProvider, Properties
from components.worker import rules

if TYPE_CHECKING:
    from collections.abc import Mapping


class SecretsProvider(DynamicProvider):
    """Named secrets of one Worker. Outputs hold fingerprints of the values: Cloudflare never tells a value again.

    Only the named ones are owned. One that is deleted outside, or that an app's deployment turns into a plain variable,
    is `missing` after a refresh. `state` tells that somebody else changed secrets of the Worker since `version`, the
    one that they were set with, or that a version from before is deployed. Either way the next update sets all again.
    With an `owner` the Worker is that stack's alone: deleting this deletes it with whatever was deployed to it.

    Another `script` moves the secrets: they are set there first, and then taken from the Worker before; one with an app
    is `formerly` ours, and keeps them until a refresh has seen that the app has `arrived` at the new one.
    """

    inputs = ("account", "script", "values", "onUndeployedVersion", "owner")
    replaces = frozenset({"account"})
    fingerprinted: ClassVar[frozenset[str]] = frozenset({"values"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"values"})

    @override
    def judge(self, news: Properties) -> Mapping[str, str]:
        return rules.secrets_faults(news)

    @override
    def needs_update(self, olds: Properties, news: Properties) -> bool:
        return not rules.are_as_set(olds)

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        from components.worker import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.make_secrets(news)

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        from components.worker import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.change_secrets(olds, news)

    @override
    def look(self, resource_id: str, olds: Properties) -> Properties | None:
        from components.worker import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.look_at_secrets(olds)

    @override
    def remove(self, resource_id: str, olds: Properties) -> None:
        from components.worker import properties  # noqa: PLC0415 - loads the HTTP client

        properties.remove_secrets(olds)
