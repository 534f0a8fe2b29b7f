"""Pulumi's side of the room. Module path and class name are a contract with recorded state: never change them."""

from __future__ import annotations

from typing_extensions import override

from components.deletion.asking import require_removable
from components.dynamic import DynamicProvider, Properties, is_known


class DeletionGuardProvider(DynamicProvider):
    """Refuses the deletion of a stack before anything of it goes.

    It depends on everything else, so it is deleted first, whoever deletes: then it asks for all that may refuse later.
    """

    inputs = ("branch", "project", "server")

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        return "deletion-guard", {}

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        return {}

    @override
    def remove(self, resource_id: str, olds: Properties) -> None:
        require_removable({name: olds[name] for name in self.inputs if olds.get(name)})

    @override
    def _same(self, key: str, olds: Properties, news: Properties) -> bool:
        """What a preview does not know yet of the same thing is no change."""
        old, new = olds.get(key) or {}, news.get(key) or {}
        if not is_known(news.get(key)) and not (isinstance(new, dict) and is_known(new.get("id"))):
            return False
        return all(not is_known(new.get(name)) or old.get(name) == new.get(name) for name in {*old, *new})
