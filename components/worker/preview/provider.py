"""A Worker preview as Pulumi meets it. The class path is a contract with recorded state: never move or rename it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from components.dynamic import DynamicProvider, Properties
from components.worker import rules

if TYPE_CHECKING:
    from collections.abc import Mapping


class PreviewProvider(DynamicProvider):
    """A preview that wrangler deploys. Its secrets are kept right here, and it is deleted with its stack.

    Before the first deployment there is nothing: a refresh takes note of it. A secret that a deployment left out is
    `missing`, and the next update sets it. Outputs hold fingerprints of the values.
    """

    inputs = ("account", "script", "name", "values")
    replaces = frozenset({"account", "script", "name"})
    fingerprinted: ClassVar[frozenset[str]] = frozenset({"values"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"values"})

    @override
    def judge(self, news: Properties) -> Mapping[str, str]:
        return rules.preview_faults(news)

    @override
    def needs_update(self, olds: Properties, news: Properties) -> bool:
        return bool(olds.get("missing"))

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        from components.worker.preview import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.make(news)

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        from components.worker.preview import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.change(olds, news)

    @override
    def look(self, resource_id: str, olds: Properties) -> Properties | None:
        from components.worker.preview import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.look(olds)

    @override
    def remove(self, resource_id: str, olds: Properties) -> None:
        from components.worker.preview import properties  # noqa: PLC0415 - loads the HTTP client

        properties.remove(olds)
