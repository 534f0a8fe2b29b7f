"""A dynamic resource that keeps nothing anywhere; `outside.json` says what somebody else made of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

if TYPE_CHECKING:
    from pulumi import Input, Output, ResourceOptions

OUTSIDE = Path(__file__).with_name("outside.json")


class ShelfProvider(ResourceProvider):
    """Shelves, without the wood."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Take some time."""
        time.sleep(0.2)
        return CreateResult(f"shelf-{props['place']}", outs={**props, "full": len(props["books"]) > 1})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A shelf cannot be moved."""
        changed = any(_olds.get(key) != value for key, value in _news.items())
        moved = ["place"] if _olds["place"] != _news["place"] else []
        return DiffResult(changes=changed, replaces=moved, delete_before_replace=True)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Everything else can be changed, where there is wood."""
        if _news["wood"] == "none":
            raise RuntimeError("there is no wood left")
        return UpdateResult(outs={**_news, "full": len(_news["books"]) > 1})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Find what somebody else made of it."""
        outside = json.loads(OUTSIDE.read_text()) if OUTSIDE.exists() else {}
        return ReadResult(id_, {**props, **outside.get(id_, {})})


class Shelf(Resource, module="shop", name="Shelf"):
    """A shelf."""

    place: Output[str]

    def __init__(self, name: str, *, opts: ResourceOptions, **props: Input[Any]) -> None:
        super().__init__(ShelfProvider(), name, {"full": None, **props}, opts)
